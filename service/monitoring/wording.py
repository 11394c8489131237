"""What people are told of alarms: one message for all that a pass has to say to a channel."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from driftgate.lifecycle.alarms import Kind, News
from driftgate.lifecycle.findings import ASSUMED, Finding, Monitor, Pass, Reading
from driftgate.lifecycle.messages import Notice
from driftgate.lifecycle.triggers import Trigger

MOST = 20
"""Alarms of a kind that a message describes; the others are named."""

LONGEST_TITLE = 160

ADVICE: Mapping[Monitor, str] = {
    Monitor.TRAFFIC: "see whether callers reach the service and whether the outbox is shipped (driftgate status, /metrics)",
    Monitor.INPUTS: "look at what feeds these columns: a source that changed its format is mended there, not by a retrain",
    Monitor.OUTPUTS: "look at the rows that get no answer or an unsure one; roll back if it began with the version",
    Monitor.DATA_DRIFT: "if a feed broke, mend it and keep its rows out of training; if the population moved, retrain and gate",
    Monitor.PREDICTION_DRIFT: "see which inputs moved with it; with outcomes at hand, look at performance before anything else",
    Monitor.DOMAIN_SHIFT: "look at the columns that give the window away; if such rows are here to stay, retrain with them",
    Monitor.CONCEPT_SHIFT: "the same inputs mean something else now: retrain on rows from after the change",
    Monitor.PERFORMANCE: "roll back if it began with the version, else retrain and gate the candidate",
    Monitor.EXPECTED_PERFORMANCE: "an estimate without outcomes: bring outcomes forward, and judge by those",
    Monitor.CALIBRATION: "do not trust the probabilities as they are: recalibrate (recalibration) or retrain",
    Monitor.IMPACT: "look at what is done with the predictions, then at the arms; the heuristic may serve meanwhile",
    Monitor.CHALLENGER: "end the challenge (driftgate challenge --stop), or wait for its outcomes; a retrain does not mend it",
}

_HEADINGS = ((Kind.RAISED, "New"), (Kind.REMINDED, "Still on"), (Kind.RECOVERED, "Passed again"), (Kind.CLOSED, "Closed"))


def message(found: Pass, news: Sequence[News], address: str | None) -> tuple[str, str]:
    """Title and plain text of everything that the pass has to say. `address`: of the service, None where nobody said."""
    return _title(found, news), "\n".join(_body(found, news, address))


def digest(parts: Sequence[Notice], at: datetime) -> tuple[str, str]:
    """Title and plain text of messages gathered over time, the oldest first."""
    models = ", ".join(sorted({part.model for part in parts if part.model}))
    title = f"Driftgate, digest of {instant(at)}: {_counted(len(parts), 'message')} ({models})"
    return _clipped(title), "\n\n".join(f"== {part.title}\n{part.body}" for part in parts)


def started(trigger: Trigger, address: str | None) -> tuple[str, str]:
    """Title and plain text of a retrain that a trigger started."""
    causes = ", ".join(cause.value for cause in trigger.causes)
    lines = [
        f"{_whose(trigger)}, {instant(trigger.at)}: a retrain was started.",
        "",
        "Why:",
        *(f"- {reason}" for reason in trigger.reasons),
        "",
        f"Job: {address or ''}/v1/jobs/{trigger.job_id}",
        "It ends in a candidate, which serves nothing before it is promoted. You are told when it ends.",
    ]
    return _clipped(f"{_whose(trigger)}: retrain started: {causes}"), "\n".join(lines)


def ended(trigger: Trigger, result: Mapping[str, Any] | None, error: str | None) -> tuple[str, str]:
    """Title and plain text of what became of it: `result` is the job's document, None where it failed, as `error` says."""
    asked = f"It was asked for at {instant(trigger.at)} by {', '.join(cause.value for cause in trigger.causes)} (job {trigger.job_id})."
    if result is None:
        said = error or "nobody knows why"
        advice = "Until it can be repaired nothing changes: what serves goes on. Then run driftgate retrain."
        return _clipped(f"{trigger.model}: retrain failed: {said}"), "\n".join((f"The retrain failed: {said}", asked, advice))
    number = result["version"]
    metrics = [f"{name} {value:.4g}" for name, value in sorted(result["metrics"].items()) if isinstance(value, int | float)]
    lines = (
        f"Version {number} of {trigger.model} is a candidate. On its holdout: {', '.join(metrics) or 'nothing was measured'}.",
        asked,
        f"What to do: driftgate gate {number} --model {trigger.model} says whether it may serve; driftgate promote {number} asks for it.",
    )
    return _clipped(f"{trigger.model}: retrain done: version {number} is a candidate"), "\n".join(lines)


def better(found: Pass, finding: Finding) -> tuple[str, str]:
    """Title and plain text of a challenger that is surely better than the champion."""
    challenger, _, duel = finding.name.partition("/")
    lines = (
        f"{_who(found)} is surely worse than its challenger, version {challenger}, by {duel}: {_measured(finding)}",
        *(f"  {reason}" for reason in finding.reasons),
        f"What to do: driftgate promote {challenger} asks for it; promotion judges on evidence of its own.",
    )
    return _clipped(f"{_who(found)}: challenger {challenger} is surely better"), "\n".join(lines)


def _whose(trigger: Trigger) -> str:
    return trigger.model if trigger.version is None else f"{trigger.model} version {trigger.version}"


def instant(at: datetime) -> str:
    """The instant as people read it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _title(found: Pass, news: Sequence[News]) -> str:
    on = [each for each in news if each.kind in (Kind.RAISED, Kind.REMINDED)]
    told = on or news
    what = _counted(len(on), "alarm") if on else f"{_counted(len(news), 'alarm')} over"
    return _clipped(f"{_who(found)}: {what}: {', '.join(each.state.subject for each in told)}")


def _who(found: Pass) -> str:
    return f"{found.model} version {found.version}" if found.version is not None else f"{found.model} (nothing serves)"


def _body(found: Pass, news: Sequence[News], address: str | None) -> Iterator[str]:
    judged = f"; outcomes of {_span(found.judged.start, found.judged.end)}" if found.judged else ""
    yield f"{_who(found)}, payloads of {_span(found.window.start, found.window.end)} ({found.rows:,}){judged}"
    for kind, heading in _HEADINGS:
        mine = [each for each in news if each.kind is kind]
        if mine:
            yield ""
            yield f"{heading}:"
            yield from (line for each in mine[:MOST] for line in _told(each, found))
            yield from _others(mine[MOST:])
    yield from _links(found, address)
    yield from _advised(news)


def _others(rest: Sequence[News]) -> Iterator[str]:
    if rest:
        yield f"- and {len(rest)} more: {', '.join(each.state.subject for each in rest)}"


def _told(each: News, found: Pass) -> Iterator[str]:
    state = each.state
    if each.kind is Kind.CLOSED:
        yield f"- {state.subject}: closed, because {state.words}; it was on since {instant(state.since)}"
        return
    since = f", on since {instant(state.since)} ({_lasting(found.at - state.since)})" if each.kind is not Kind.RAISED else ""
    yield f"- {state.subject}: {_measured(each.finding)}{since}"
    yield from (f"  {reason}" for reason in each.finding.reasons)
    if each.kind is not Kind.RECOVERED:
        yield from (f"  expect, {ASSUMED[reading.assumption]}: {_expected(reading)}" for reading in each.finding.readings)


def _measured(finding: Finding) -> str:
    said = [] if finding.value is None else [f"{finding.value:.4g}{_bounds(finding)}"]
    if finding.limit is not None:
        said.append(f"limit {finding.limit:.4g}")
    if finding.rows:
        against = f" against {finding.reference_rows:,}" if finding.reference_rows else ""
        said.append(f"{finding.rows:,} rows{against}")
    if finding.p_value is not None:
        said.append(f"p = {finding.p_value:.2g}")
    if finding.level is not None:
        said.append(f"designed for a false alarm of {finding.monitor.value} in at most {100 * finding.level:.2g}% of passes")
    return ", ".join(said) or finding.verdict.value


def _bounds(finding: Finding) -> str:
    if finding.lower is None and finding.upper is None:
        return ""
    lower, upper = ("?" if bound is None else f"{bound:.4g}" for bound in (finding.lower, finding.upper))
    return f" ({lower} to {upper})"


def _expected(reading: Reading) -> str:
    growth = reading.growth
    if growth is None:
        return f"not known: {reading.words}"
    bounds = "" if growth.lower is None or growth.upper is None else f" ({growth.lower:+.1%} to {growth.upper:+.1%})"
    return f"loss {growth.value:+.1%}{bounds}" + (f"; {reading.words}" if reading.words else "")


def _links(found: Pass, address: str | None) -> Iterator[str]:
    yield ""
    if found.report is not None:
        yield f"Report: {address or ''}/v1/models/{found.model}/reports/{found.report}"
    if found.problems:
        yield f"Not looked at: {'; '.join(found.problems)}"


def _advised(news: Sequence[News]) -> Iterator[str]:
    monitors = dict.fromkeys(each.finding.monitor for each in news if each.kind in (Kind.RAISED, Kind.REMINDED))
    if monitors:
        yield "What to do:"
        yield from (f"- {monitor.value}: {ADVICE[monitor]}" for monitor in monitors)


def _span(start: datetime, end: datetime) -> str:
    return f"{start:%Y-%m-%d %H:%M} to {instant(end)}"


def _lasting(span: timedelta) -> str:
    days, hours = span // timedelta(days=1), span // timedelta(hours=1)
    return f"{days} d" if days else f"{hours} h"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _clipped(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 3]}..."
