"""Which change of policy is looser: limit by limit, and as a promise over all of them."""

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.canonical import canonical
from driftgate.lifecycle.errors import WrongState
from driftgate.lifecycle.gates import Evidence, judge, verdict_over
from driftgate.lifecycle.policy import Policy, Standard
from driftgate.lifecycle.policy_changes import RULES, changes, from_document, looser
from driftgate.lifecycle.promotion_times import times_gate
from tests.builders import NOON
from tests.unit.lifecycle.test_policy import evidences, policies, stricter

BASE = Policy(
    floors={"roc_auc": 0.7, "log_loss": 0.5}, approval_days=7, cooldown_days=2.0, promotion_windows=("Mon-Fri 09:00-17:00",),
    tests=("tests/gate", "tests/more"), approval=True, rollout_stages=(0.05, 0.25, 1.0),
)  # fmt: skip
LOOSER: list[dict[str, Any]] = [
    {"standard": Standard.NON_INFERIOR}, {"margin": 0.02}, {"confidence": 0.9}, {"minimum_rows": 199}, {"growth_limit": 0.2},
    {"floors": {"roc_auc": 0.7}}, {"floors": {"roc_auc": 0.6, "log_loss": 0.5}}, {"floors": {"roc_auc": 0.7, "log_loss": 0.6}},
    {"growth_margin": 0.06}, {"gated_magnitude": 1.03}, {"gated_scenarios": ()}, {"test_seconds": 301.0}, {"approval": False},
    {"approval_days": 8}, {"approval_days": None}, {"cooldown_days": 1.0}, {"promotion_windows": ()}, {"spend_level": False},
    {"promotion_windows": ("Mon-Sat 09:00-17:00",)}, {"promotion_windows": ("Sun 09:00-10:00",)}, {"time_zone": "Asia/Tokyo"},
    {"tests": ("tests/gate",)}, {"margin": float("nan")}, {"confidence": float("nan")},
    {"exchange_limit": 0.4}, {"recent_rows": 1_999}, {"recent_rows": 2_001},
    {"rollout_stages": ()}, {"rollout_stages": (0.05, 1.0)}, {"rollout_stages": (0.05, 0.3, 1.0)}, {"rollout_minutes": 59.0},
    {"rollout_rows": 499}, {"rollout_level": 0.01}, {"rollout_errors": 0.02}, {"rollout_latency": 3.0}, {"rollout_outputs": 0.3},
    {"rollout_patience_hours": 100.0}, {"rollout_watch_hours": 1.0},
]  # fmt: skip
STRICTER: list[dict[str, Any]] = [
    {"margin": 0.0}, {"confidence": 0.99}, {"minimum_rows": 300}, {"floors": {"roc_auc": 0.8, "log_loss": 0.4, "f1": 0.1}},
    {"growth_limit": 0.05}, {"growth_margin": 0.0}, {"gated_magnitude": 1.1}, {"gated_scenarios": ("moderate", "strong")},
    {"test_seconds": 60.0}, {"approval_days": 1}, {"cooldown_days": 3.0}, {"promotion_windows": ("Tue-Thu 10:00-12:00", "Fri 09:00-10:00")},
    {"rollout_stages": (0.05, 0.25, 0.5, 1.0)}, {"rollout_minutes": 61.0}, {"rollout_level": 0.1}, {"rollout_watch_hours": 48.0},
    {"tests": ("tests/gate", "tests/more", "tests/third")}, {"tests": ("tests/more", "tests/gate")},
    {"forgive_growth": False}, {"exchange_limit": 0.2},
]  # fmt: skip


def test_every_limit_has_its_rule_and_no_rule_is_without_its_limit() -> None:
    assert set(RULES) == {field.name for field in fields(Policy)}


@pytest.mark.parametrize("change", LOOSER, ids=str)
def test_what_lets_more_pass_is_looser(change: dict[str, Any]) -> None:
    assert looser(BASE, replace(BASE, **change)) == tuple(change)


@pytest.mark.parametrize("change", STRICTER, ids=str)
def test_what_lets_less_pass_is_not_looser(change: dict[str, Any]) -> None:
    assert looser(BASE, replace(BASE, **change)) == ()


def test_a_policy_changes_nothing_in_itself() -> None:
    assert changes(BASE, BASE) == ()


def test_a_stricter_limit_does_not_make_up_for_a_looser_one() -> None:
    found = changes(BASE, replace(BASE, margin=0.5, confidence=0.99))

    assert [(change.field, change.looser) for change in found] == [("margin", True), ("confidence", False)]


def test_a_time_zone_without_windows_loosens_nothing() -> None:
    free = replace(BASE, promotion_windows=())

    assert looser(free, replace(free, time_zone="Asia/Tokyo")) == ()


@given(evidences(), policies(), policies())
def test_under_a_policy_that_is_nowhere_looser_nothing_passes_that_did_not_before(
    evidence: Evidence, before: Policy, after: Policy
) -> None:
    passes = [not verdict_over(judge(evidence, policy)).blocks for policy in (before, after)]

    if not looser(before, after):
        assert passes[0] or not passes[1]


@given(st.data(), evidences())
def test_a_policy_that_is_nowhere_looser_is_drawn_often_and_approves_no_more(data: st.DataObject, evidence: Evidence) -> None:
    before = data.draw(policies())
    after = data.draw(stricter(before))

    assert looser(before, after) == ()
    assert verdict_over(judge(evidence, after)).blocks or not verdict_over(judge(evidence, before)).blocks


DAYS = st.sampled_from(["Mon", "Tue", "Fri", "Mon-Fri", "Sat-Sun", "Fri-Mon"])
WINDOWS = st.lists(st.builds("{} {}".format, DAYS, st.sampled_from(["00:00-24:00", "09:00-17:00", "10:00-12:00"])), max_size=3).map(tuple)
TIMES = st.builds(
    Policy, promotion_windows=WINDOWS, cooldown_days=st.sampled_from([0.0, 1.0, 3.0]), time_zone=st.sampled_from(["UTC", "Asia/Tokyo"])
)


@given(TIMES, TIMES, st.integers(0, 7 * 24), st.none() | st.integers(0, 100))
def test_a_moment_that_a_policy_forbids_is_allowed_by_a_looser_one_only(before: Policy, after: Policy, hour: int, ago: int | None) -> None:
    from datetime import timedelta

    now = NOON + timedelta(hours=hour)
    last = None if ago is None else now - timedelta(hours=ago)
    forbidden, still = (times_gate(policy, now, last).verdict.blocks for policy in (before, after))

    if not looser(before, after):
        assert still or not forbidden


@given(policies() | TIMES | st.just(BASE))
def test_a_policy_comes_back_from_the_ledger_as_it_was(policy: Policy) -> None:
    stored = json.loads(canonical(policy))

    assert from_document(stored) == policy
    assert from_document(stored).sha256 == policy.sha256


def test_a_limit_that_an_earlier_release_did_not_have_is_its_default() -> None:
    stored = json.loads(canonical(BASE))
    del stored["spend_level"]

    assert from_document(stored) == BASE


def test_a_limit_of_a_newer_release_is_not_ignored() -> None:
    with pytest.raises(WrongState, match="phase_of_the_moon"):
        from_document({**json.loads(canonical(BASE)), "phase_of_the_moon": "full"})
