from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from driftgate.lifecycle.payloads import Arm, Window
from driftgate.reports.impact.arms import Terms, _advantage, _change, measure, periods
from driftgate.reports.impact.cases import ARMS, Cases, Favour, micros
from tests.builders import MODEL, NOON, a_payload, an_outcome
from tests.unit.reports.impact.traffic import DAY, GOOD, TERMS, arm_rows, counted, recorded

MODEL_ARM, RULE = Arm.CHAMPION, Arm.HEURISTIC


def measured(*pairs, terms=TERMS, more=(), **options):
    return measure(MODEL, terms, recorded(*pairs, more=more), **options)


def test_the_difference_times_the_entities_is_what_was_saved():
    found = measured(arm_rows(MODEL_ARM, 0.9, 900), arm_rows(RULE, 0.7, 300), terms=replace(TERMS, value_per_entity=40.0)).overall

    assert found.difference.value == pytest.approx(found.model.rate - found.heuristic.rate)
    assert found.difference.value == pytest.approx(0.2, abs=0.06)
    assert found.difference.lower < found.difference.value < found.difference.upper
    assert found.saved.value == pytest.approx(found.difference.value * found.model.entities)
    assert found.worth.lower == pytest.approx(40.0 * found.saved.lower)
    assert found.p_worse > 0.99


def test_a_worse_model_has_a_small_p_value():
    assert measured(arm_rows(MODEL_ARM, 0.6, 900), arm_rows(RULE, 0.8, 300)).overall.p_worse < 1e-6


def test_an_entity_counts_once_however_often_it_answers():
    once = measured(arm_rows(MODEL_ARM, 0.8, 400), arm_rows(RULE, 0.7, 400)).overall
    # One entity with a thousand bad answers is one entity.
    loud = [(a_payload(f"loud-{n}", entity_id="loud"), an_outcome(f"loud-{n}", "yes")) for n in range(1000)]
    with_loud = measured(arm_rows(MODEL_ARM, 0.8, 400), loud, arm_rows(RULE, 0.7, 400)).overall

    assert with_loud.model.entities <= once.model.entities + 1
    assert with_loud.model.rate == pytest.approx(once.model.rate, abs=0.004)


def simulated(rng, entities, chances, rows=5):
    """Cases of both arms, in which entity i's outcomes are good with `chances[arm][i]`."""
    entity = np.repeat(np.arange(2 * entities), rows)
    arm = np.where(entity < entities, ARMS.index(MODEL_ARM), ARMS.index(RULE))
    value = (rng.random(len(entity)) < np.concatenate(chances)[entity]).astype(float)
    at = micros(NOON) + rng.integers(30 * 86_400_000_000, size=len(entity))
    return Cases(entity, arm, np.where(entity < entities, 1, -1), at, value)


def test_intervals_hold_where_entities_repeat():
    rounds, missed = counted(full=3_000, reduced=150), 0
    for seed in range(rounds):
        rng = np.random.default_rng(seed)
        # Some entities do well and some do not: one more row of the same one says little.
        found = simulated(rng, 120, (rng.beta(0.3, 0.2, 120), rng.beta(0.3, 0.2, 120)))
        bounds = _advantage(found, TERMS).difference
        missed += not bounds.lower <= 0 <= bounds.upper

    assert missed / rounds <= 0.05 + 3 * (0.05 * 0.95 / rounds) ** 0.5


def test_only_the_span_in_which_both_answered_is_compared():
    before = arm_rows(MODEL_ARM, 0.0, 300, days=10, prefix="old")
    found = measured(
        before,
        arm_rows(MODEL_ARM, 0.8, 300, start=NOON + 11 * DAY, days=19),
        arm_rows(RULE, 0.8, 300, start=NOON + 11 * DAY, days=19),
    ).overall

    assert found.model.rate > 0.7
    assert found.span.start >= NOON + 11 * DAY


def test_each_version_is_told_apart():
    late = NOON + 15 * DAY
    found = measured(
        arm_rows(MODEL_ARM, 0.5, 300, days=15, prefix="a"),
        arm_rows(MODEL_ARM, 0.9, 300, start=late, days=15, version=2, prefix="b"),
        arm_rows(RULE, 0.7, 600),
    )

    first, second = found.versions
    assert (first.version, second.version) == (1, 2)
    assert first.advantage.difference.upper < 0 < second.advantage.difference.lower
    assert second.advantage.heuristic.entities == pytest.approx(300, abs=60)
    assert found.overall.model.versions == (1, 2)


def test_what_is_saved_so_far_ends_where_the_whole_window_does():
    found = measured(arm_rows(MODEL_ARM, 0.9, 900, rows=2), arm_rows(RULE, 0.7, 600, rows=2))

    assert [period.name for period in found.periods] == ["2026-W09", "2026-W10", "2026-W11", "2026-W12", "2026-W13", "2026-W14"][
        : len(found.periods)
    ]
    assert found.periods[-1].so_far.saved == found.overall.saved


def test_weeks_begin_on_monday_and_long_windows_are_cut_into_months():
    weeks = list(periods(Window(NOON, NOON + 9 * DAY)))
    months = list(periods(Window(NOON, NOON + 100 * DAY)))

    assert [name for name, _ in weeks] == ["2026-W09", "2026-W10", "2026-W11"]
    assert weeks[1][1] == Window(datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC))
    assert [name for name, _ in months] == ["2026-03", "2026-04", "2026-05", "2026-06"]
    for parts in (weeks, months):
        assert all(one.end == other.start for (_, one), (_, other) in pairwise(parts))


@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        ([], "nothing was answered"),
        ([arm_rows(MODEL_ARM, 0.5, 60)], "arms.heuristic"),
        ([arm_rows(RULE, 0.5, 60)], "the model's arm has no matured answer"),
        ([arm_rows(MODEL_ARM, 0.5, 600), arm_rows(RULE, 0.5, 20)], "and 50 are needed"),
        ([arm_rows(MODEL_ARM, 0.99, 600), arm_rows(RULE, 0.99, 100)], "as skewed as the outcomes are"),
        ([arm_rows(MODEL_ARM, 1.0, 600), arm_rows(RULE, 1.0, 600)], "do not vary"),
        ([[(a_payload(str(n), entity_id=None), an_outcome(str(n))) for n in range(3)]], "without entity_id"),
    ],
    ids=["nothing", "no heuristic", "no model", "few", "rare", "all alike", "no entities"],
)
def test_too_little_is_undecided_and_says_why(pairs, words):
    found = measured(*pairs)

    assert words in found.undecided
    assert found.overall is None or found.overall.p_worse is None


def test_nothing_matured_is_undecided():
    late = replace(recorded(arm_rows(MODEL_ARM, 0.5, 60)), judged=None, outcomes=[])

    assert "matured" in measure(MODEL, TERMS, late).undecided


def test_numbers_may_be_better_where_they_are_lower():
    def cost(arm, mean):
        return [
            (payload, an_outcome(payload.prediction_id, mean + 0.1 * n / 200)) for n, (payload, _) in enumerate(arm_rows(arm, 0.5, 200))
        ]

    found = measured(cost(MODEL_ARM, 3.0), cost(RULE, 4.0), terms=Terms(Favour(None, sign=-1.0))).overall

    assert found.difference.value == pytest.approx(1.0, abs=0.02)
    assert found.model.rate == pytest.approx(3.05, abs=0.02)


def test_outcomes_that_are_missing_in_one_arm_only_are_told():
    unlabelled = tuple(a_payload(f"late-{n}", entity_id=f"late-{n}", event_time=NOON + 15 * DAY) for n in range(200))

    found = measured(arm_rows(MODEL_ARM, 0.8, 400), arm_rows(RULE, 0.8, 400), more=unlabelled)

    assert found.overall.model.unlabelled == 200
    assert any("biased" in problem for problem in found.problems)


# Decay


def two_periods(now, seed=0, rows=1):
    """The same entities in both periods; the rule stays at .7, the model begins at .9."""
    early = NOON - 90 * DAY
    first = recorded(
        arm_rows(MODEL_ARM, 0.9, 500, start=early, seed=seed, rows=rows), arm_rows(RULE, 0.7, 500, start=early, seed=seed, rows=rows),
        start=early,
    )  # fmt: skip
    renamed = [
        [(replace(p, prediction_id=f"later-{p.prediction_id}"), replace(o, prediction_id=f"later-{p.prediction_id}")) for p, o in pairs]
        for pairs in (arm_rows(MODEL_ARM, now, 500, seed=seed + 1000, rows=rows), arm_rows(RULE, 0.7, 500, seed=seed + 1000, rows=rows))
    ]
    return measure(MODEL, TERMS, recorded(*renamed), version=1, first=first).decay


def test_an_advantage_that_fell_has_a_small_p_value():
    found = two_periods(now=0.7)

    assert found.change.value == pytest.approx(-0.2, abs=0.08)
    assert found.p_lower < 1e-3
    assert found.first.difference.value > found.now.difference.value


def test_an_advantage_that_stayed_is_called_fallen_as_rarely_as_promised():
    rounds, called = counted(full=3_000, reduced=150), 0
    for seed in range(rounds):
        rng = np.random.default_rng(seed)
        # The same entities in both periods: what they are like stays.
        chances = (rng.beta(2, 1, 150), rng.beta(1, 1, 150))
        called += _change(simulated(rng, 150, chances), simulated(rng, 150, chances), TERMS).p_below() <= 0.05

    # And neither much more rarely, which would be the sign of an error that is too wide.
    assert abs(called / rounds - 0.05) <= 3 * (0.05 * 0.95 / rounds) ** 0.5


def test_an_entity_that_is_alike_in_both_periods_makes_the_change_surer():
    early = NOON - 90 * DAY

    def fixed(start, prefix):
        pairs = []
        for arm in (MODEL_ARM, RULE):
            for n in range(200):
                pid = f"{prefix}{arm}{n}"
                truth = "no" if n % 3 else "yes"
                moment = start + (1 + n % 20) * DAY
                version = 1 if arm is MODEL_ARM else None
                payload = a_payload(pid, arm=arm, version=version, entity_id=f"{arm}{n}", event_time=moment)
                pairs.append((payload, an_outcome(pid, truth if n else ("yes" if prefix == "a" else "no"))))
        return pairs

    first, now = recorded(fixed(early, "a"), start=early), recorded(fixed(NOON, "b"))

    found = measure(MODEL, TERMS, now, version=1, first=first).decay

    assert found.change.upper - found.change.lower < 0.2 * (found.now.difference.upper - found.now.difference.lower)


def test_without_a_first_period_there_is_no_decay_and_it_is_said_why():
    found = measured(arm_rows(MODEL_ARM, 0.9, 100), arm_rows(RULE, 0.7, 100), version=1, no_first="too young")

    assert (found.decay, found.no_decay) == (None, "too young")


def test_the_same_rows_give_the_same_measurement():
    rows = (arm_rows(MODEL_ARM, 0.9, 100), arm_rows(RULE, 0.7, 100))

    assert measured(*rows) == measured(*rows)
    assert GOOD.words == 'the outcome "no"'
