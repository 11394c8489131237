import math

import pytest

from driftgate.lifecycle.gates import data_quality_gate
from driftgate.lifecycle.measurements_gates import Measured
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Estimate, Verdict
from tests.builders import passing_data_quality

POLICY = Policy()


def verdict(policy=POLICY, **changes):
    return data_quality_gate(passing_data_quality(**changes), policy).verdict


def about(name, value, lower):
    return (Measured(name, "train to holdout", Estimate(value, lower, value)),)


def test_an_honest_snapshot_passes():
    assert verdict() is Verdict.PASS


@pytest.mark.parametrize(("name", "share"), [("duplicates", 0.51), ("overlap", 0.26), ("entity_overlap", 0.26)])
def test_a_share_over_its_limit_fails(name, share):
    assert verdict(**{name: share}) is Verdict.FAIL
    assert verdict(**{name: share - 0.01}) is Verdict.PASS
    assert verdict(**{name: math.nan}) is Verdict.UNDECIDED


@pytest.mark.parametrize(("name", "limit"), [("duplicates", 0.5), ("overlap", 0.25)])
def test_a_share_may_be_over_what_chance_gives_by_its_limit(name, limit):
    by_chance = {f"{name}_by_chance": 0.4}

    over = data_quality_gate(passing_data_quality(**{name: 0.41 + limit}, **by_chance), POLICY)
    within = data_quality_gate(passing_data_quality(**{name: 0.39 + limit}, **by_chance), POLICY)

    assert over.verdict is Verdict.FAIL
    assert "where 40.0% would by chance" in over.reasons[0]
    assert within.verdict is Verdict.PASS
    assert "by chance 40.0% would" in within.reasons[1]
    assert verdict(**{f"{name}_by_chance": math.nan}) is Verdict.UNDECIDED


@pytest.mark.parametrize(("name", "limit"), [("missing", 0.25), ("labels", 0.4), ("exchanges", 0.3)])
def test_a_change_that_is_surely_over_its_limit_fails(name, limit):
    assert verdict(**{name: about("score", limit + 0.2, limit + 0.01)}) is Verdict.FAIL
    assert verdict(**{name: about("score", limit + 0.2, limit)}) is Verdict.PASS
    assert verdict(**{name: about("score", limit + 0.2, None)}) is Verdict.PASS
    assert verdict(**{name: about("score", math.nan, 0.0)}) is Verdict.UNDECIDED


def test_a_feature_that_ranks_the_target_near_perfectly_fails_and_is_named():
    gate = data_quality_gate(passing_data_quality(leaks=about("refund", 0.995, 0.97)), POLICY)

    assert gate.verdict is Verdict.FAIL
    assert gate.reasons[0].startswith("refund alone ranks")


@pytest.mark.parametrize(("value", "lower"), [(0.98, 0.97), (1.0, 0.9), (1.0, None)])
def test_a_strong_feature_and_one_that_may_be_by_chance_pass(value, lower):
    assert verdict(leaks=about("refund", value, lower)) is Verdict.PASS


def test_columns_that_changed_places_are_named():
    gate = data_quality_gate(passing_data_quality(exchanges=about("age and score", 0.8, 0.6)), POLICY)

    assert gate.reasons[0].startswith("age and score seem to have changed places from train to holdout")
    assert (gate.measured["exchange"], gate.measured["exchange_lower"], gate.measured["exchange_of"]) == (0.8, 0.6, "age and score")


def test_every_problem_is_a_reason():
    gate = data_quality_gate(passing_data_quality(duplicates=0.9, overlap=0.9), POLICY)

    assert len(gate.reasons) == 2


@pytest.mark.parametrize(
    "name", ["duplicate_share", "overlap_share", "missing_growth", "label_change", "leak_limit", "exchange_limit", "refusal_level"]
)
def test_a_limit_that_is_no_number_never_passes(name):
    assert verdict(Policy(**{name: math.nan})) is Verdict.UNDECIDED


def test_a_policy_that_asks_for_a_larger_level_than_was_measured_is_undecided():
    assert verdict(Policy(refusal_level=0.1)) is Verdict.UNDECIDED


def test_what_was_not_measured_is_undecided():
    assert data_quality_gate(None, POLICY).verdict is Verdict.UNDECIDED
