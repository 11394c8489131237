import math

import pytest

from driftgate.lifecycle.gates import replay_gate
from driftgate.lifecycle.measurements_gates import Replay
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Verdict
from tests.builders import passing_replay

POLICY = Policy()


def test_payloads_that_can_be_scored_pass_and_the_changed_answers_are_told():
    gate = replay_gate(passing_replay(), POLICY)

    assert gate.verdict is Verdict.PASS
    assert gate.measured["changed_share"] == pytest.approx(0.04)
    assert "20 of 500" in gate.reasons[0]


def test_an_error_fails_with_an_example():
    gate = replay_gate(passing_replay(errors=1, examples=("score is null",)), POLICY)

    assert gate.verdict is Verdict.FAIL
    assert "score is null" in gate.reasons[0]


def test_some_errors_may_be_allowed():
    assert replay_gate(passing_replay(errors=5), Policy(replay_errors=0.01)).verdict is Verdict.PASS
    assert replay_gate(passing_replay(errors=6), Policy(replay_errors=0.01)).verdict is Verdict.FAIL


def test_changed_answers_have_a_limit_where_one_is_set():
    assert replay_gate(passing_replay(changed=500), POLICY).verdict is Verdict.PASS
    assert replay_gate(passing_replay(changed=51), Policy(changed_answers=0.1)).verdict is Verdict.FAIL


def test_limited_changes_of_answers_that_cannot_be_compared_are_undecided():
    found = passing_replay(compared=0, changed=0, moved=None)

    gate = replay_gate(found, Policy(changed_answers=0.99))

    assert gate.verdict is Verdict.UNDECIDED
    assert gate.measured["changed_share"] is None
    assert "none of the newest 500 payloads" in gate.reasons[0]
    assert replay_gate(found, POLICY).verdict is Verdict.PASS


def test_an_error_fails_where_no_answer_can_be_compared_either():
    assert replay_gate(passing_replay(compared=0, changed=0, errors=1), Policy(changed_answers=0.1)).verdict is Verdict.FAIL


@pytest.mark.parametrize("found", [Replay(2000, 0), Replay(2000, 10, problem="the log does not hold age")])
def test_without_payloads_that_can_be_replayed_it_does_not_apply(found):
    assert replay_gate(found, POLICY).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize("policy", [{"recent_rows": 5000}, {"replay_errors": math.nan}, {"changed_answers": math.nan}])
def test_a_policy_that_asks_for_more_or_for_no_number_is_undecided(policy):
    assert replay_gate(passing_replay(), Policy(**policy)).verdict is Verdict.UNDECIDED


def test_what_was_not_measured_is_undecided():
    assert replay_gate(None, POLICY).verdict is Verdict.UNDECIDED
