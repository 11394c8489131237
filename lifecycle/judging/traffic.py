"""Whether a model is asked anything, and whether the clocks of those who ask can be right."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from driftgate.lifecycle.findings import Finding, Monitor
from driftgate.lifecycle.verdicts import Verdict

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far an event may lie after its arrival: clocks of two machines differ."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was asked in a window, shadow payloads not counted.

    `rows`: payloads of any arm; `last`: when the newest of them was asked for, None where none is known. `ahead`: payloads that were asked
    for later than they arrived, which are in no measurement. `versions`: how many the champion arm answered with each version.
    """

    rows: int
    last: datetime | None
    ahead: int = 0
    versions: Mapping[int, int] = field(default_factory=dict)


def judged(traffic: Traffic, at: datetime, silence: timedelta | None) -> tuple[Finding, ...]:
    """Whether there was traffic, and whether a clock was ahead. These are counts and no samples: they spend no level.

    No payload at all is an alarm only where `silence` says how long a silence may last, and it has lasted longer.
    """
    return _requests(traffic, at, silence), _clocks(traffic)


def nothing_serves(model: str, why: str) -> Finding:
    """That there is nothing to watch."""
    return Finding(Monitor.TRAFFIC, "champion", Verdict.UNDECIDED, reasons=(f"nothing of {model} can be watched: {why}",))


def _requests(traffic: Traffic, at: datetime, silence: timedelta | None) -> Finding:
    quiet = None if traffic.last is None else (at - traffic.last) / timedelta(hours=1)
    limit = None if silence is None else silence / timedelta(hours=1)
    verdict, said = Verdict.PASS, f"{traffic.rows} payloads in the window"
    if limit is not None and (quiet is None or quiet > limit):
        since = "no payload is known" if quiet is None else f"the last payload came {quiet:.1f} hours ago"
        verdict, said = Verdict.FAIL, f"{since}, and a silence of {limit:g} hours is allowed"
    elif traffic.rows == 0:
        verdict, said = Verdict.UNDECIDED, "no payloads in the window: there is nothing to measure"
    return Finding(
        Monitor.TRAFFIC,
        "requests",
        verdict,
        value=quiet,
        limit=limit,
        rows=traffic.rows,
        reasons=(said, *_versions(traffic)),
        details={f"version_{number}": count for number, count in sorted(traffic.versions.items())},
    )


def _versions(traffic: Traffic) -> tuple[str, ...]:
    if len(traffic.versions) < 2:  # noqa: PLR2004 - one version is no mixture
        return ()
    parts = ", ".join(f"version {number}: {count}" for number, count in sorted(traffic.versions.items()))
    return (f"several versions answered in the window ({parts}): inputs are judged on all of them, outputs on the champion's only",)


def _clocks(traffic: Traffic) -> Finding:
    minutes = CLOCK_TOLERANCE / timedelta(minutes=1)
    said = "no payload was asked for later than it arrived"
    if traffic.ahead:
        late = f"more than {minutes:g} minutes after they arrived"
        said = f"{traffic.ahead} payloads were asked for {late}: a clock is wrong; they were left out"
    verdict = Verdict.FAIL if traffic.ahead else Verdict.PASS
    rows = traffic.rows + traffic.ahead
    return Finding(Monitor.TRAFFIC, "clocks", verdict, value=float(traffic.ahead), limit=0.0, rows=rows, reasons=(said,))
