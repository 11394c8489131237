"""Rows of monitoring's tables, from frozen values and back."""

import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from driftgate.lifecycle.alarms import AlarmState
from driftgate.lifecycle.canonical import sha256
from driftgate.lifecycle.errors import InvalidRequest
from driftgate.lifecycle.findings import Finding, Pass
from driftgate.lifecycle.messages import Notice, Sending
from driftgate.lifecycle.ports_watching import Found
from driftgate.lifecycle.triggers import Trigger
from driftgate.service.monitoring import stored
from driftgate.service.monitoring.tables import NAME_LENGTH

ID_LENGTH = 128


def require_storable(name: str) -> None:
    """Raises InvalidRequest for the id of a pass that no database can keep apart from others."""
    # MySQL takes "a" and "a " for the same key.
    if not name or len(name) > ID_LENGTH or "\0" in name or name.endswith(" "):
        raise InvalidRequest(
            f"{name[:40]!r} cannot be the id of a pass: 1 to {ID_LENGTH} characters, no NUL, no space at its end", field="id"
        )


def kept_text(text: str | None) -> str | None:
    """The text as every database stores it: NUL and half a surrogate pair, which a category may hold, replaced."""
    return None if text is None else text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def clipped(name: str) -> str:
    """The beginning of a finding's name, as its column holds it."""
    # Without spaces at its end, which only some databases would compare.
    return (kept_text(name) or "")[:NAME_LENGTH].rstrip(" ")


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def pass_row(found: Pass) -> Mapping[str, Any]:
    """The pass's own row."""
    return {
        "id": found.id, "model": found.model, "version": found.version, "at": found.at, "window_start": found.window.start,
        "window_end": found.window.end, "payloads": found.rows, "alarms": len(found.alarms), "report": found.report,
        "document": stored.written(found),
    }  # fmt: skip


def finding_row(found: Pass, place: int) -> Mapping[str, Any]:
    """The row of the pass's finding at that place."""
    finding = found.findings[place]
    return {
        "pass_id": found.id, "place": place, "model": found.model, "version": found.version, "at": found.at,
        "monitor": finding.monitor.value, "name": clipped(finding.name), "verdict": finding.verdict.value, "value": _finite(finding.value),
        "limit_value": _finite(finding.limit), "lower_bound": _finite(finding.lower), "upper_bound": _finite(finding.upper),
        "row_count": finding.rows, "document": stored.written(finding),
    }  # fmt: skip


def found_of(row: Row[Any]) -> Found:
    """The finding of a row."""
    return Found(row.pass_id, row.model, row.version, row.at, stored.read(Finding, row.document))


def state_row(model: str, state: AlarmState) -> Mapping[str, Any]:
    """The row of one alarm."""
    return {
        "model": model, "subject_sha256": sha256(kept_text(state.subject)), "subject": kept_text(state.subject), "firing": state.firing,
        "version": state.version, "since": state.since, "last": state.last, "told": state.told, "ended": state.ended,
        "pass_id": state.pass_id, "words": state.words, "document": stored.written(state.finding),
    }  # fmt: skip


def state_of(row: Row[Any]) -> AlarmState:
    """The alarm of a row."""
    finding = stored.read(Finding, row.document)
    return AlarmState(finding.subject, row.version, row.since, row.last, row.told, finding, row.pass_id, row.ended, row.words)


def notice_row(notice: Notice) -> Mapping[str, Any]:
    """The row of one message."""
    return {
        "id": notice.id, "model": notice.model, "pass_id": notice.pass_id, "channel": kept_text(notice.channel),
        "title": kept_text(notice.title), "body": kept_text(notice.body),
        "at": notice.at, "due": notice.due, "sending": notice.sending.value, "attempts": notice.attempts,
        "problem": kept_text(notice.problem), "ended": notice.ended,
    }  # fmt: skip


def notice_of(row: Row[Any]) -> Notice:
    """The message of a row."""
    return Notice(
        row.id, row.model, row.pass_id, row.channel, row.title, row.body, row.at, row.due, Sending(row.sending), row.attempts,
        row.problem, row.ended,
    )  # fmt: skip


def trigger_row(trigger: Trigger) -> Mapping[str, Any]:
    """The row of one consideration of a retrain."""
    return {
        "id": trigger.id, "model": trigger.model, "sequence": trigger.sequence, "at": trigger.at, "fired": trigger.fired,
        "cause": trigger.cause.value, "version": trigger.version, "pass_id": trigger.pass_id, "job_id": trigger.job_id,
        "document": stored.written(trigger),
    }  # fmt: skip
