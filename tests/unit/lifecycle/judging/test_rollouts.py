"""The guards of a roll-out: harm that is shown fails, too little evidence waits, and no number that is not one passes."""

import math
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.judging import rollouts as judging
from driftgate.lifecycle.measurements_impact import Duel, Look, Pairing, Standing
from driftgate.lifecycle.measurements_rollout import Failures, OutputChange, Slowness
from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Estimate, Verdict
from tests.builders import NOON

POLICY = Policy(rollout_rows=500, rollout_errors=0.01, rollout_latency=2.0, rollout_outputs=0.2)
FAILURES = Failures(1_000, 0, 0, 9_000, 0, 0.0, 0.001)
SLOWNESS = Slowness(1_000, 9_000, 0.01, 0.01, 0.02, 0.0)
OUTPUTS = OutputChange(1_000, 9_000, 0.05, 0.0)
TIGHTER = {"rollout_rows": 1.0, "rollout_errors": -1.0, "rollout_latency": -1.0, "rollout_outputs": -1.0}
"""The limits of the guards, and in which direction each is stricter."""

numbers = st.none() | st.floats(0, 1) | st.sampled_from([math.nan, math.inf, -math.inf])
counts = st.integers(0, 3_000)
failures = st.builds(Failures, counts, counts, counts, counts, counts, numbers, numbers)
slownesses = st.builds(Slowness, counts, counts, numbers, numbers, numbers, numbers)
changes = st.builds(OutputChange, counts, counts, numbers, numbers, st.none() | st.just("too few"))
policies = st.builds(
    Policy,
    rollout_rows=st.integers(1, 2_000),
    rollout_errors=st.floats(0, 0.5),
    rollout_latency=st.floats(1, 5),
    rollout_outputs=st.floats(0, 1),
)


def a_duel(standing: Standing, lower: float | None = -0.1) -> Duel:
    look = Look(NOON, 500, Estimate(0.0, lower, None if lower is None else 0.1))
    return Duel(Pairing.ARMS, "log_loss", 1, 2, 500, 500, 1_000, 0.05, standing, (look,), ("words",), None, None, "entities")


def test_a_version_that_fails_nothing_passes() -> None:
    gates = (judging.errors(FAILURES, POLICY), judging.latency(SLOWNESS, POLICY), judging.outputs(OUTPUTS, POLICY))

    assert [(gate.name, gate.verdict) for gate in gates] == [(name, Verdict.PASS) for name in ("errors", "latency", "outputs")]


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (replace(FAILURES, failed=100, lower=0.07), Verdict.FAIL),
        (replace(FAILURES, failed=100, lower=0.005), Verdict.UNDECIDED),
        (replace(FAILURES, turned_away=100, lower=0.07), Verdict.FAIL),
        (replace(FAILURES, rows=499), Verdict.UNDECIDED),
        (replace(FAILURES, rows=0, failed=5, lower=0.3), Verdict.FAIL),
        (replace(FAILURES, beside_rows=0, upper=None), Verdict.UNDECIDED),
        (replace(FAILURES, failed=100, lower=0.07, beside_failed=900, upper=0.12), Verdict.PASS),
    ],
)
def test_errors_are_held_against_those_of_the_champion(found: Failures, verdict: Verdict) -> None:
    assert judging.errors(found, POLICY).verdict is verdict


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (replace(SLOWNESS, p99=0.05, lower=0.02), Verdict.FAIL),
        (replace(SLOWNESS, p99=0.05, lower=0.005), Verdict.UNDECIDED),
        (replace(SLOWNESS, limit=None, lower=None), Verdict.UNDECIDED),
        (Slowness(0, 0), Verdict.UNDECIDED),
    ],
)
def test_times_are_held_against_a_multiple_of_the_champions(found: Slowness, verdict: Verdict) -> None:
    assert judging.latency(found, POLICY).verdict is verdict


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (replace(OUTPUTS, change=0.5, lower=0.3), Verdict.FAIL),
        (replace(OUTPUTS, change=0.5, lower=0.1), Verdict.UNDECIDED),
        (replace(OUTPUTS, why="too few"), Verdict.UNDECIDED),
        (OutputChange(0, 0, why="nobody"), Verdict.UNDECIDED),
    ],
)
def test_answers_are_held_against_the_champions_in_distribution(found: OutputChange, verdict: Verdict) -> None:
    assert judging.outputs(found, POLICY).verdict is verdict


@pytest.mark.parametrize(
    ("duels", "verdict"),
    [
        ((), Verdict.NOT_APPLICABLE),
        ((a_duel(Standing.UNDECIDED, None),), Verdict.NOT_APPLICABLE),
        ((a_duel(Standing.UNDECIDED),), Verdict.PASS),
        ((a_duel(Standing.BETTER), a_duel(Standing.WORSE)), Verdict.FAIL),
    ],
)
def test_a_loss_that_is_surely_worse_fails_and_outcomes_that_have_not_matured_keep_nobody_waiting(
    duels: tuple[Duel, ...], verdict: Verdict
) -> None:
    assert judging.loss(duels).verdict is verdict


@given(failures, slownesses, changes, policies)
def test_a_number_that_is_not_one_never_passes(errors: Failures, times: Slowness, answers: OutputChange, policy: Policy) -> None:
    found = {
        "errors": (judging.errors(errors, policy), (errors.lower, errors.upper)),
        "latency": (judging.latency(times, policy), (times.lower, times.p99, times.beside_p99)),
        "outputs": (judging.outputs(answers, policy), (answers.lower, answers.change)),
    }

    for gate, needed in found.values():
        if any(number is None or math.isnan(number) for number in needed):
            assert gate.verdict is not Verdict.PASS, gate


@given(failures, slownesses, changes, policies, st.sampled_from(sorted(TIGHTER)), st.floats(0, 1))
def test_tightening_a_limit_of_the_guards_never_lets_more_through(
    errors: Failures, times: Slowness, answers: OutputChange, policy: Policy, name: str, by: float
) -> None:
    value = getattr(policy, name)
    tight: Any = value + int(1_000 * by) if TIGHTER[name] > 0 else value * (1.0 - by)
    strict = replace(policy, **{name: tight})

    for lax, hard in zip(_all(errors, times, answers, policy), _all(errors, times, answers, strict), strict=True):
        assert hard is not Verdict.PASS or lax is Verdict.PASS


def _all(errors: Failures, times: Slowness, answers: OutputChange, policy: Policy) -> list[Verdict]:
    gates = (judging.errors(errors, policy), judging.latency(times, policy), judging.outputs(answers, policy))
    return [gate.verdict for gate in gates]


def test_every_limit_of_the_guards_is_in_the_policy() -> None:
    assert set(TIGHTER) <= {field.name for field in fields(Policy)}
    assert timedelta(hours=POLICY.rollout_watch_hours) > timedelta()
