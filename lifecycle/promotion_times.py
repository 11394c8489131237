"""When a version may be promoted: windows of the week, and a least time between decisions."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from driftgate.lifecycle.policy import Policy
from driftgate.lifecycle.verdicts import Gate, Number, Verdict

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES = 24 * 60

_WINDOW = re.compile(
    rf"(?P<first>{'|'.join(DAYS)})(-(?P<last>{'|'.join(DAYS)}))? (?P<from>\d\d:\d\d)-(?P<to>\d\d:\d\d)",
)

TIMES = "times"
"""The gate that asks whether anything may be promoted at this moment."""


def minutes(windows: Iterable[str]) -> frozenset[int]:
    """The minutes of the week, counted from Monday 00:00, that any of the windows covers.

    A window is `Mon-Fri 09:00-17:00` or `Sat 10:00-12:00`; its end is exclusive, `24:00` ends the day, and `Fri-Mon` goes over the
    week's end. Raises ValueError for anything else.
    """
    covered: set[int] = set()
    for window in windows:
        match = _WINDOW.fullmatch(window)
        if match is None:
            raise ValueError(f'"{window}" is not a window of the week: write it as "Mon-Fri 09:00-17:00" or "Sat 10:00-12:00"')
        start, end = _clock(match["from"]), _clock(match["to"])
        if not start < end <= DAY_MINUTES:
            raise ValueError(f'"{window}" ends before it begins: a window over midnight is two, the second from 00:00')
        first = DAYS.index(match["first"])
        last = DAYS.index(match["last"] or match["first"])
        for day in range(first, first + (last - first) % 7 + 1):
            covered.update(range(day % 7 * DAY_MINUTES + start, day % 7 * DAY_MINUTES + end))
    return frozenset(covered)


def _clock(text: str) -> int:
    hours, past = int(text[:2]), int(text[3:])
    if past >= 60 or hours * 60 + past > DAY_MINUTES:  # noqa: PLR2004 - minutes of an hour
        raise ValueError(f'"{text}" is not a time of day: 00:00 to 24:00')
    return hours * 60 + past


def restricted(policy: Policy) -> bool:
    """Whether the policy has anything to say on when."""
    return bool(policy.promotion_windows) or policy.cooldown_days > 0


def times_gate(policy: Policy, now: datetime, last_decision: datetime | None) -> Gate:
    """Fails outside the windows, and where the last decision on the model is too fresh. `now` and `last_decision` are aware."""
    reasons: list[str] = []
    measured: dict[str, Number] = {"now": now.isoformat(timespec="minutes")}
    limit: dict[str, Number] = {}
    if policy.promotion_windows:
        limit["promotion_windows"] = f"{', '.join(policy.promotion_windows)} ({policy.time_zone})"
        local = now.astimezone(ZoneInfo(policy.time_zone))
        if local.weekday() * DAY_MINUTES + local.hour * 60 + local.minute not in minutes(policy.promotion_windows):
            reasons.append(f"it is {DAYS[local.weekday()]} {local:%H:%M} there, and promotions are allowed {limit['promotion_windows']}")
    if policy.cooldown_days > 0:
        limit["cooldown_days"] = policy.cooldown_days
        if last_decision is not None:
            measured["last_decision"] = last_decision.isoformat(timespec="minutes")
            until = last_decision + timedelta(days=policy.cooldown_days)
            if now < until:
                next_one = until.isoformat(timespec="minutes")
                reasons.append(f"the last decision was at {measured['last_decision']}; the next one is allowed from {next_one}")
    return Gate(TIMES, Verdict.FAIL if reasons else Verdict.PASS, tuple(reasons) or ("the moment is allowed",), measured, limit)
