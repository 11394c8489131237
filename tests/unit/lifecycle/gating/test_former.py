import math

import pytest

from driftgate.lifecycle.gates import comparison_gate
from driftgate.lifecycle.gating.former import FEWEST_ROWS
from driftgate.lifecycle.measurements import Comparison
from driftgate.lifecycle.measurements_former import FormerChampion
from driftgate.lifecycle.policy import Policy, Standard
from driftgate.lifecycle.verdicts import Estimate, Gate, Verdict
from tests.builders import a_former_champion, passing_comparison

NON_INFERIOR = Policy(standard=Standard.NON_INFERIOR)
EQUAL = Estimate(0.0, -0.003, 0.003)
UNSURE = Estimate(0.0, -0.02, 0.02)
"""Beside a line of .0044: neither surely under it nor over it."""


def equal(*former: FormerChampion) -> Comparison:
    """A candidate that is as good as the champion."""
    return passing_comparison(9, difference=EQUAL, former=former)


def better(*former: FormerChampion) -> Comparison:
    return passing_comparison(9, former=former)


def judged(comparison: Comparison, policy: Policy = NON_INFERIOR) -> Gate:
    return comparison_gate(comparison, policy, 9)


def test_without_former_champions_the_comparison_stands_alone() -> None:
    gate = judged(equal())

    assert gate.verdict is Verdict.PASS
    assert len(gate.reasons) == 1


def test_non_inferior_must_be_surely_within_the_margin_of_each() -> None:
    near = a_former_champion(2, difference=EQUAL)

    assert judged(equal(near, a_former_champion(1))).verdict is Verdict.PASS
    assert judged(equal(near, a_former_champion(1, difference=UNSURE))).verdict is Verdict.UNDECIDED


def test_a_candidate_that_creeps_is_refused_though_it_is_non_inferior_to_the_present_champion() -> None:
    gate = judged(equal(a_former_champion(2), a_former_champion(1, 0.001, difference=Estimate(0.03, 0.02, 0.04), loss=0.37)))

    assert gate.verdict is Verdict.FAIL
    assert "going back to version 1" in gate.reasons[1]
    assert gate.measured["best_former"] == 1


def test_one_surely_better_than_the_champion_need_not_be_shown_to_hold_against_those_before() -> None:
    assert judged(better(a_former_champion(1, difference=UNSURE)), Policy()).verdict is Verdict.PASS


def test_one_surely_better_than_the_champion_and_surely_worse_than_one_before_is_refused() -> None:
    assert judged(better(a_former_champion(1, 0.01)), Policy()).verdict is Verdict.FAIL


def test_surely_worse_counts_after_holm_over_all_that_were_measured() -> None:
    lone, among = better(a_former_champion(1, 0.04)), better(a_former_champion(1, 0.04), a_former_champion(2), a_former_champion(3))

    assert judged(lone, Policy()).verdict is Verdict.FAIL
    assert judged(among, Policy()).verdict is Verdict.PASS


@pytest.mark.parametrize("best_of", [0, 1])
def test_the_rule_can_be_turned_off(best_of: int) -> None:
    gate = judged(better(a_former_champion(1, 0.0001)), Policy(best_of=best_of))

    assert gate.verdict is Verdict.PASS
    assert gate.limit["best_of"] == best_of


def test_a_policy_that_looks_back_less_far_judges_the_newest_only() -> None:
    comparison = better(a_former_champion(2), a_former_champion(1, 0.0001))

    assert judged(comparison, Policy(best_of=2)).verdict is Verdict.PASS
    assert judged(comparison, Policy(best_of=3)).verdict is Verdict.FAIL


def test_a_comparison_that_looked_back_less_far_than_the_policy_asks_is_undecided() -> None:
    gate = judged(passing_comparison(9, best_of=2), Policy(best_of=5))

    assert gate.verdict is Verdict.UNDECIDED
    assert "judge again" in gate.reasons[1]


def test_one_that_cannot_be_loaded_is_named_and_does_not_block() -> None:
    gate = judged(equal(FormerChampion(1, problem="the model is not what was registered")))

    assert gate.verdict is Verdict.PASS
    assert gate.reasons[1] == "note: not held against former champion 1: the model is not what was registered"


def test_one_with_too_few_rows_is_named_and_does_not_block() -> None:
    gate = judged(equal(a_former_champion(1, 0.0001, rows=FEWEST_ROWS - 1)))

    assert gate.verdict is Verdict.PASS
    assert "only 99 of the rows" in gate.reasons[1]


def test_a_smaller_margin_than_was_measured_with_is_undecided() -> None:
    assert judged(better(a_former_champion(1, margin=0.02)), Policy(margin=0.01)).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    "spoiled", [{"loss": math.nan}, {"candidate_loss": math.inf}, {"difference": Estimate(math.nan)}, {"beyond": None}]
)
def test_what_is_no_number_never_passes(spoiled: dict[str, float]) -> None:
    assert judged(better(a_former_champion(1, **spoiled)), Policy()).verdict is Verdict.UNDECIDED


def test_a_level_that_is_none_never_passes() -> None:
    assert judged(better(a_former_champion(1)), Policy(refusal_level=math.nan)).verdict is Verdict.UNDECIDED
