from dataclasses import replace

import pytest

from driftgate.lifecycle.measurements_impact import Pairing, Standing
from driftgate.lifecycle.payloads import Arm, Output
from driftgate.lifecycle.schema import Task
from driftgate.reports.impact.cases import Favour
from driftgate.reports.impact.duels import Match, duels
from tests.builders import NOON, a_payload, a_schema, an_outcome
from tests.unit.reports.impact.traffic import DAY, GOOD, arm_rows, recorded

MATCH = Match(1, 2, GOOD, a_schema())


def arms(champion, challenger, entities=600, **options):
    return (
        arm_rows(Arm.CHAMPION, champion, entities, **options),
        arm_rows(Arm.CHALLENGER, challenger, entities, version=2, **options),
    )


def shadowed(pairs, chances):
    """A challenger's answers beside the champion's, with the outcome of those."""
    beside = []
    for payload, outcome in pairs:
        name, output = payload.prediction_id, Output("yes", chances(outcome))
        shadow = replace(payload, prediction_id=f"s-{name}", arm=Arm.CHALLENGER, version=2, shadow_of=name, output=output)
        beside.append((shadow, outcome))
    return beside


def found(*pairs, match=MATCH):
    return {(duel.pairing, duel.measure): duel for duel in duels(match, recorded(*pairs))}


def test_a_better_challenger_is_found_on_entities_of_its_own():
    duel = found(*arms(0.6, 0.75))[Pairing.ARMS, "outcome"]

    assert duel.standing is Standing.BETTER
    assert duel.looks[-1].difference.value == pytest.approx(0.15, abs=0.06)
    assert NOON < duel.decided_at <= duel.looks[-1].at
    assert (duel.champion_entities, duel.challenger_entities, duel.needed) == (600, 600, None)
    assert "chance that the truth is ever outside: 5%" in " ".join(duel.reasons)


def test_a_worse_one_as_well():
    assert found(*arms(0.75, 0.6))[Pairing.ARMS, "outcome"].standing is Standing.WORSE


def test_where_lower_is_better_the_standing_turns_round():
    def cost(pairs, mean):
        return [(p, an_outcome(p.prediction_id, mean + n % 7)) for n, (p, _) in enumerate(pairs)]

    champion, challenger = arms(0.5, 0.5)
    schema = a_schema(Task.REGRESSION)

    duel = found(cost(champion, 5.0), cost(challenger, 3.0), match=Match(1, 2, Favour(None, sign=-1.0), schema))[Pairing.ARMS, "outcome"]

    assert (duel.standing, duel.looks[-1].difference.value) == (Standing.BETTER, pytest.approx(-2.0, abs=0.1))


def test_a_close_one_is_undecided_and_projected():
    duel = found(*arms(0.60, 0.64))[Pairing.ARMS, "outcome"]

    assert duel.standing is Standing.UNDECIDED
    assert duel.needed > 100
    assert any("projection" in reason for reason in duel.reasons)


def test_few_entities_have_no_bounds():
    duel = found(*arms(0.1, 0.9, entities=50))[Pairing.ARMS, "outcome"]

    assert (duel.standing, duel.looks[-1].difference.lower) == (Standing.UNDECIDED, None)
    assert "100 are needed" in duel.reasons[0]


def test_a_shadow_is_paired_with_the_answer_it_stands_beside():
    champion = arm_rows(Arm.CHAMPION, 0.5, 300, rows=2)
    better = shadowed(champion, lambda outcome: (0.4, 0.6) if outcome.value == "yes" else (0.5, 0.5))

    duel = found(champion, better)[Pairing.SHADOW, "log_loss"]

    assert (duel.standing, duel.rows, duel.challenger_entities) == (Standing.BETTER, 600, 300)
    assert duel.looks[-1].difference.value < 0


def test_pairs_decide_where_arms_of_that_size_could_not():
    # Slightly better on every row: nothing beside how much rows differ from each other.
    champion = arm_rows(Arm.CHAMPION, 0.3, 300)
    shadow = shadowed(champion, lambda outcome: (0.31, 0.69) if outcome.value == "no" else (0.299, 0.701))
    own = [(replace(p, prediction_id=f"o-{p.prediction_id}", entity_id=f"o-{p.entity_id}", shadow_of=None), o) for p, o in shadow]

    both = found(champion, shadow, own)

    assert both[Pairing.SHADOW, "log_loss"].standing is Standing.BETTER
    assert both[Pairing.ARMS, "log_loss"].standing is Standing.UNDECIDED


def test_shadow_rows_without_an_entity_are_units_of_their_own():
    champion = [(replace(p, entity_id=None), o) for p, o in arm_rows(Arm.CHAMPION, 0.5, 150)]

    duel = found(champion, shadowed(champion, lambda _: (0.4, 0.6)))[Pairing.SHADOW, "log_loss"]

    assert (duel.challenger_entities, duel.units) == (150, "rows or entities")


def test_entities_seen_in_both_arms_and_other_versions_are_left_out():
    moved = [(a_payload(f"m{n}", arm=arm, version=number, entity_id="m"), an_outcome(f"m{n}", "no")) for n, (arm, number) in
             enumerate([(Arm.CHAMPION, 1), (Arm.CHALLENGER, 2)])]  # fmt: skip
    other = arm_rows(Arm.CHAMPION, 0.0, 200, version=9, prefix="other")

    duel = found(*arms(0.5, 0.5, entities=200), moved, other)[Pairing.ARMS, "outcome"]

    assert (duel.champion_entities, duel.challenger_entities) == (200, 200)


def test_without_schema_or_favourable_outcome_the_rest_is_judged():
    pairs = arms(0.5, 0.5, entities=150)

    assert set(found(*pairs, match=replace(MATCH, schema=None))) == {(Pairing.ARMS, "outcome")}
    assert set(found(*pairs, match=replace(MATCH, good=None))) == {(Pairing.ARMS, "log_loss")}


def test_outcomes_and_answers_that_fit_no_class_are_left_out():
    champion, challenger = arms(0.5, 0.5, entities=150)
    odd = [(replace(p, output=Output("yes", (1.0,))), replace(o, value="maybe")) for p, o in challenger]

    assert found(champion, odd) == {}


def test_nothing_matured_is_no_duel():
    assert duels(MATCH, replace(recorded(*arms(0.5, 0.9)), judged=None)) == ()


def test_looks_are_at_the_end_of_each_day_and_of_the_window():
    duel = found(*arms(0.5, 0.5))[Pairing.ARMS, "outcome"]

    assert duel.looks[-1].at == NOON + 30 * DAY
    assert {look.at.hour for look in duel.looks[:-1]} == {0}
    assert len(duel.looks) in {30, 31}
