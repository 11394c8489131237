from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.schema import Column, ColumnKind, Task
from driftgate.reports import losses
from driftgate.reports.bounds import grouping
from driftgate.reports.degradation import _over, simulate
from driftgate.reports.effects import Effect
from driftgate.reports.importance import importances
from driftgate.reports.scenarios import Kind, Scenario, standard
from tests.unit.reports.models import CountingScorer, mixed_rows, mixed_schema, outputs_of, truth_of


def envelope(task=Task.BINARY, rows=1_200, chosen=None, scorer=None, **options):
    frame, schema = mixed_rows(rows), mixed_schema(task)
    chosen = standard(schema, rows) if chosen is None else chosen
    return simulate(scorer or CountingScorer(schema), frame, truth_of(frame, task), chosen, **options)


def named(found):
    return {outcome.scenario: outcome for outcome in found.scenarios}


@pytest.mark.parametrize("task", list(Task))
def test_every_scenario_is_measured_for_every_task(task):
    found = envelope(task)

    assert [outcome.scenario for outcome in found.scenarios] == [one.name for one in standard(mixed_schema(task), 1_200)]
    for outcome in found.scenarios:
        assert np.isfinite(outcome.loss)
        assert outcome.growth.lower <= outcome.growth.value <= outcome.growth.upper
        assert outcome.growth.value == pytest.approx(outcome.loss / found.base.loss - 1)
        assert (outcome.rmse is None, outcome.lift is None) == ((False, True) if task is Task.REGRESSION else (True, False))


def test_scaling_a_feature_gives_the_loss_of_the_scaled_rows_and_keeps_missing_values():
    frame, schema = mixed_rows(1_200), mixed_schema()
    y = truth_of(frame, Task.BINARY)
    by_hand = losses.per_row_loss(outputs_of(frame.assign(score=frame["score"] * 1.10), Task.BINARY), y, schema).mean()

    assert named(envelope())["score x1.10"].loss == pytest.approx(by_hand)


def test_a_share_of_rows_is_a_mixture_of_base_and_perturbed_losses():
    whole, half = Scenario("whole", Kind.SCALE, ("age",), 1.3), Scenario("half", Kind.SCALE, ("age",), 1.3, share=0.5)

    found = envelope(chosen=(whole, half))

    growth = {name: outcome.growth.value for name, outcome in named(found).items()}
    assert growth["half"] == pytest.approx(growth["whole"] / 2)


def test_few_touched_rows_are_still_judged_by_many():
    scorer = CountingScorer(mixed_schema())

    envelope(rows=5_000, scorer=scorer, chosen=(Scenario("few", Kind.SCALE, ("age",), 1.3, rows=10),))

    assert scorer.calls == [5_000, 1_000]


def test_scenarios_that_share_a_perturbation_are_scored_once():
    scorer = CountingScorer(mixed_schema())
    chosen = tuple(Scenario(f"age on {share}", Kind.SCALE, ("age",), 1.3, share=share) for share in (0.2, 0.5, 1.0))

    envelope(scorer=scorer, chosen=chosen)

    assert sum(scorer.calls) == 2 * 1_200


def test_many_perturbations_are_scored_in_few_calls():
    scorer = CountingScorer(mixed_schema())

    found = envelope(rows=200, scorer=scorer)

    assert len(found.scenarios) > 15
    assert len(scorer.calls) == 2


def test_an_unused_feature_does_not_grow_the_loss():
    scorer = CountingScorer(mixed_schema(), lambda frame: outputs_of(frame.assign(age=50.0), Task.BINARY))

    outcome = named(envelope(scorer=scorer))["age x1.10"]

    assert (outcome.growth.value, outcome.growth.upper) == (0.0, 0.0)


def test_a_feature_breaks_at_the_smallest_factor_whose_upper_bound_is_over_the_limit():
    found = envelope(break_limit=0.02)

    uppers = {outcome.magnitude: outcome.growth.upper for outcome in found.scenarios if outcome.scenario.startswith("age x")}
    assert found.breaks_at["age"] == min(size for size, upper in uppers.items() if upper > 0.02)
    assert envelope(break_limit=1e9).breaks_at == {"age": None, "score": None}


def test_against_itself_a_version_is_not_worse():
    found = envelope(champion_scorer=CountingScorer(mixed_schema()))

    assert all((one.worse_than_champion.value, one.worse_than_champion.upper) == (0.0, 0.0) for one in found.scenarios)


def test_what_the_drifted_candidate_loses_over_the_champion_of_now_is_the_difference_of_means_with_bounds():
    schema = mixed_schema()
    weak = CountingScorer(schema, lambda frame: np.full((len(frame), 2), 0.5))

    found = envelope(champion_scorer=weak)

    for one in found.scenarios:
        now = one.over_champion_now
        assert now.value == pytest.approx(one.loss - np.log(2.0))
        assert now.lower < now.value < now.upper
    # Without drift the difference is that of two means over the same rows, and its bound the t interval's, up to skewness.
    nothing = [one for one in found.scenarios if one.growth.value == 0.0 and one.growth.upper == 0.0]
    assert all(one.over_champion_now.value == pytest.approx(found.base.loss - np.log(2.0)) for one in nothing)
    assert all(one.over_champion_now is None for one in envelope().scenarios)


def test_the_drifted_candidate_beats_a_constant_surely_as_often_as_is_promised():
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(200):
        before, after = rng.gamma(0.3, 1.0, 300), rng.gamma(0.3, 1.1, 300)
        rival = rng.gamma(0.3, 1.0, 300)
        growth = after.mean() / before.mean() - 1.0
        influence = (after - after.mean() - (1.0 + growth) * (before - before.mean())) / before.mean()
        sides = (SimpleNamespace(loss=before), SimpleNamespace(loss=rival), Effect(before, None, after.mean(), 0.0, growth, influence))
        wrong += _over(*sides, grouping(300), 0.95).upper < 0.3 * 1.1 - 0.3
    assert wrong <= 18


def test_a_champion_without_the_feature_is_not_compared_on_it():
    schema = mixed_schema()
    blind = mixed_schema(columns=schema.columns[1:])
    champion = CountingScorer(blind, lambda frame: outputs_of(frame.assign(age=50.0), Task.BINARY))
    frame = mixed_rows(1_200)

    found = named(envelope(champion_scorer=champion, champion_frame=frame[list(blind.features)]))

    assert found["age x1.10"].worse_than_champion is None
    assert found["score x1.10"].worse_than_champion is not None
    assert found["moderate"].worse_than_champion.value > 0


def test_a_champion_with_classes_in_another_order_is_aligned():
    schema = mixed_schema(Task.MULTICLASS)
    turned = mixed_schema(Task.MULTICLASS, classes=schema.classes[::-1])
    champion = CountingScorer(turned, lambda frame: outputs_of(frame, Task.MULTICLASS)[:, ::-1])

    found = envelope(Task.MULTICLASS, champion_scorer=champion)

    assert all(one.worse_than_champion.value == pytest.approx(0.0, abs=1e-12) for one in found.scenarios)


def test_a_scenario_that_cannot_be_scored_costs_only_itself():
    def picky(frame):
        if "unseen" in set(frame["plan"]):
            message = "unknown category"
            raise ValueError(message)
        return outputs_of(frame, Task.BINARY)

    found = named(envelope(scorer=CountingScorer(mixed_schema(), picky)))

    assert "unknown category" in found["plan unseen"].problem
    assert found["plan unseen"].growth.upper is None
    assert [name for name, one in found.items() if one.problem] == ["plan unseen"]


def test_a_perfect_base_leaves_growth_undefined():
    frame, schema = mixed_rows(100), mixed_schema(Task.REGRESSION)

    found = simulate(CountingScorer(schema), frame, outputs_of(frame, Task.REGRESSION), standard(schema, 100))

    outcome = named(found)["age x1.10"]
    assert np.isnan(outcome.growth.value)
    assert (outcome.growth.lower, outcome.growth.upper) == (None, None)


def test_a_version_without_numbers_cannot_be_scaled_and_says_so_by_no_growth():
    schema = mixed_schema(columns=(Column("plan", ColumnKind.CATEGORICAL, levels=("basic", "pro")),))
    frame = mixed_rows(300)[["plan"]]
    scorer = CountingScorer(schema, lambda rows: np.where((rows["plan"] == "pro").to_numpy()[:, None], [0.4, 0.6], [0.8, 0.2]))

    found = named(simulate(scorer, frame, np.arange(300) % 2, standard(schema, 300)))

    assert found["moderate"].growth.upper == 0.0


def test_entities_that_repeat_widen_the_bounds():
    schema = mixed_schema(entity="client")
    once = mixed_rows(150)
    frame = pd.concat([once] * 8, ignore_index=True)
    y = np.tile(truth_of(once, Task.BINARY), 8)
    chosen = (Scenario("age", Kind.SCALE, ("age",), 1.2),)

    alone = simulate(CountingScorer(schema), frame, y, chosen).scenarios[0].growth
    grouped = simulate(CountingScorer(schema), frame.assign(client=np.tile(np.arange(150), 8)), y, chosen).scenarios[0].growth

    assert grouped.upper - grouped.value > 2 * (alone.upper - alone.value)


def test_the_same_seed_gives_the_same_envelope_and_progress_reaches_the_end():
    told = []

    assert envelope(seed=3, progress=lambda done, total: told.append((done, total))) == envelope(seed=3)
    assert told[-1][0] == told[-1][1] == len(told)


def test_importance_ranks_what_the_model_uses_and_nothing_else():
    frame = mixed_rows(500)
    scorer = CountingScorer(mixed_schema(), lambda rows: outputs_of(rows.assign(plan="pro"), Task.BINARY))

    found = importances(scorer, frame, truth_of(frame, Task.BINARY))

    assert found[0].feature == "age"
    assert next(one for one in found if one.feature == "plan").mean == pytest.approx(0.0)
