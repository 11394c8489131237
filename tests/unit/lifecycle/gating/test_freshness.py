import math

import pytest

from driftgate.lifecycle.gates import freshness_gate
from driftgate.lifecycle.measurements_gates import Freshness
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Estimate, Verdict
from tests.builders import a_shift, passing_freshness

POLICY = Policy()
STALE = a_shift(Estimate(0.97, 0.95, 0.99))


def verdict(**changes):
    return freshness_gate(passing_freshness(**changes), POLICY).verdict


def test_payloads_like_the_snapshot_pass():
    assert verdict() is Verdict.PASS


def test_without_payloads_it_does_not_apply():
    assert freshness_gate(Freshness(2000, 0, 0.05), POLICY).verdict is Verdict.NOT_APPLICABLE


def test_too_few_payloads_prove_no_harm():
    shift = a_shift()
    few = Freshness(2000, 10, 0.05, type(shift)(10, 4000, 10, 2000, "rows", None, 0.95, undecided="too little evidence: 10 rows"))

    gate = freshness_gate(few, POLICY)

    assert (gate.verdict, gate.reasons) == (Verdict.NOT_APPLICABLE, ("too little evidence: 10 rows",))


def test_payloads_that_are_surely_told_from_the_snapshot_fail():
    gate = freshness_gate(passing_freshness(shift=STALE), POLICY)

    assert gate.verdict is Verdict.FAIL
    assert "most by score" in gate.reasons[0]


def test_a_lower_bound_on_the_limit_passes():
    assert verdict(shift=a_shift(Estimate(0.95, 0.9, 0.99))) is Verdict.PASS


@pytest.mark.parametrize("usual", ["champion_auc", "own_auc"])
def test_what_is_usual_is_allowed(usual):
    assert verdict(shift=STALE, **{usual: Estimate(0.96)}) is Verdict.PASS
    assert verdict(shift=STALE, **{usual: Estimate(0.94)}) is Verdict.FAIL
    assert verdict(shift=STALE, **{usual: Estimate(0.94, 0.93, 0.95)}) is Verdict.PASS
    assert verdict(shift=STALE, **{usual: Estimate(0.94, 0.93, 0.949)}) is Verdict.FAIL


@pytest.mark.parametrize("usual", ["champion_auc", "own_auc"])
def test_what_is_usual_and_no_number_allows_nothing(usual):
    assert verdict(shift=STALE, **{usual: Estimate(math.nan)}) is Verdict.FAIL
    assert verdict(shift=STALE, **{usual: Estimate(0.94, 0.93, math.nan)}) is Verdict.FAIL


@pytest.mark.parametrize("auc", [Estimate(0.6), Estimate(0.6, math.nan), Estimate(math.nan, 0.5)])
def test_an_area_that_is_no_number_is_undecided(auc):
    assert verdict(shift=a_shift(auc)) is Verdict.UNDECIDED


@pytest.mark.parametrize(
    "policy", [{"recent_rows": 5000}, {"refusal_level": 0.1}, {"refusal_level": math.nan}, {"freshness_auc": math.nan}]
)
def test_a_policy_that_asks_for_more_than_was_measured_is_undecided(policy):
    assert freshness_gate(passing_freshness(), Policy(**policy)).verdict is Verdict.UNDECIDED


def test_what_was_not_measured_is_undecided():
    assert freshness_gate(None, POLICY).verdict is Verdict.UNDECIDED
