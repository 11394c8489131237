"""A monitoring book that holds what a test puts into it, with one finding of every monitor."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from driftgate.lifecycle.alarms import Alarms, AlarmState
from driftgate.lifecycle.findings import Finding, Monitor, Pass
from driftgate.lifecycle.messages import Notice, Sending
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.triggers import Cause, Trigger
from driftgate.lifecycle.verdicts import Verdict
from tests.builders import MODEL, NOON

DETAILS = {"method": "wasserstein", "entities_saved": 12.0, "value": 240.0}


def a_finding(monitor: Monitor = Monitor.DATA_DRIFT, name: str = "age", verdict: Verdict = Verdict.PASS, **changes: object) -> Finding:
    return replace(Finding(monitor, name, verdict, value=0.2, limit=0.1, lower=0.15, upper=0.25, rows=500, details=DETAILS), **changes)


def a_pass(*findings: Finding, at: datetime = NOON, **changes: object) -> Pass:
    window = Window(at - timedelta(days=7), at)
    return replace(Pass(f"pass-{at.isoformat()}", MODEL, 3, at, window, None, 500, 0.005, findings, ("age: a problem",)), **changes)


def a_trigger(number: int, *, fired: bool, at: datetime = NOON, cause: Cause = Cause.DATA_DRIFT) -> Trigger:
    return Trigger(f"trigger-{number}", MODEL, number, at, fired, (cause,), ("because",), 3)


def a_notice(number: int, sending: Sending = Sending.WAITING, due: datetime = NOON, **changes: object) -> Notice:
    return replace(Notice(f"notice-{number}", MODEL, None, "json://host", "title", "body", NOON, due, sending), **changes)


def every_monitor() -> Pass:
    return a_pass(*(a_finding(monitor, "accuracy" if monitor is Monitor.PERFORMANCE else "it") for monitor in Monitor))


@dataclass
class Book:
    """The part of the MonitoringBook port that is read for Prometheus. `failing`: what every read raises."""

    kept: Sequence[Pass] = ()
    considered: list[Trigger] = field(default_factory=list)
    messages: Sequence[Notice] = ()
    failing: Exception | None = None
    reads: int = 0

    def passes(self, model: str, since: datetime | None = None, limit: int = 100) -> Sequence[Pass]:
        self.reads += 1
        if self.failing is not None:
            raise self.failing
        return [found for found in self.kept if found.model == model and (since is None or found.at >= since)][:limit]

    def alarms(self, model: str) -> Alarms:
        failing = [finding for found in self.passes(model, limit=1) for finding in found.alarms]
        return Alarms(model, states={one.subject: AlarmState(one.subject, 3, NOON, NOON, NOON, one, "pass") for one in failing})

    def triggers(self, model: str, since: datetime | None = None, limit: int = 100) -> Sequence[Trigger]:
        found = [one for one in self.considered if one.model == model and (since is None or one.at >= since)]
        return sorted(found, key=lambda one: one.at, reverse=True)[:limit]

    def notices(self, model: str | None = None, sending: Sending | None = None, limit: int = 100) -> Sequence[Notice]:
        return [one for one in self.messages if sending in (None, one.sending) and model in (None, one.model)][:limit]
