from datetime import UTC, datetime, timedelta

import pytest

from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.promotion_times import DAY_MINUTES, minutes, restricted, times_gate
from driftgate.lifecycle.verdicts import Verdict

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
OFFICE = Policy(promotion_windows=("Mon-Fri 09:00-17:00",))


@pytest.mark.parametrize(
    ("moment", "verdict"),
    [
        (timedelta(hours=8, minutes=59, seconds=59), Verdict.FAIL),
        (timedelta(hours=9), Verdict.PASS),
        (timedelta(hours=16, minutes=59, seconds=59), Verdict.PASS),
        (timedelta(hours=17), Verdict.FAIL),
        (timedelta(days=4, hours=12), Verdict.PASS),
        (timedelta(days=5, hours=12), Verdict.FAIL),
    ],
)
def test_a_window_begins_at_its_first_minute_and_its_end_is_exclusive(moment: timedelta, verdict: Verdict) -> None:
    assert times_gate(OFFICE, MONDAY + moment, None).verdict is verdict


def test_hours_are_those_of_the_time_zone_also_where_clocks_change() -> None:
    berlin = Policy(promotion_windows=("Mon 09:00-10:00",), time_zone="Europe/Berlin")
    winter, summer = datetime(2026, 3, 23, 8, 30, tzinfo=UTC), datetime(2026, 3, 30, 7, 30, tzinfo=UTC)

    assert [times_gate(berlin, moment, None).verdict for moment in (winter, summer)] == [Verdict.PASS, Verdict.PASS]
    assert times_gate(berlin, summer + timedelta(hours=1), None).verdict is Verdict.FAIL


def test_a_refusal_says_when_it_is_and_when_it_may_be() -> None:
    gate = times_gate(OFFICE, MONDAY, None)

    assert gate.reasons == ("it is Mon 00:00 there, and promotions are allowed Mon-Fri 09:00-17:00 (UTC)",)


def test_a_cooldown_ends_after_its_days_and_not_before() -> None:
    policy = Policy(cooldown_days=2)
    verdicts = [times_gate(policy, MONDAY + timedelta(days=2) + late, MONDAY).verdict for late in (-timedelta(seconds=1), timedelta(0))]

    assert verdicts == [Verdict.FAIL, Verdict.PASS]


def test_a_first_decision_needs_no_cooldown() -> None:
    assert times_gate(Policy(cooldown_days=2), MONDAY, None).verdict is Verdict.PASS


def test_both_reasons_are_told() -> None:
    assert len(times_gate(Policy(cooldown_days=2, promotion_windows=("Sun 00:00-24:00",)), MONDAY, MONDAY).reasons) == 2


def test_a_range_of_days_may_go_over_the_week_s_end() -> None:
    assert minutes(["Sun-Mon 00:00-24:00"]) == frozenset(range(DAY_MINUTES)) | frozenset(range(6 * DAY_MINUTES, 7 * DAY_MINUTES))


NO_WINDOWS = [
    "", "always", "mon 09:00-10:00", "Mon 9:00-10:00", "Mon 10:00-09:00", "Mon 09:00-09:00", "Mon 09:60-10:00", "Mon 00:00-24:01",
    "Mon-Tue", "Mon 09:00-10:00 ",
]  # fmt: skip


@pytest.mark.parametrize("window", NO_WINDOWS)
def test_what_is_no_window_is_refused(window: str) -> None:
    with pytest.raises(ValueError, match=r"window|time of day"):
        minutes([window])


def test_a_policy_without_either_has_nothing_to_say() -> None:
    assert [restricted(policy) for policy in (Policy(), OFFICE, Policy(cooldown_days=0.5))] == [False, True, True]
