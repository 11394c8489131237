"""What the monitors would have said of a period: the monitoring pass's own look, on rows of the history in place of logged payloads."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from driftgate.lifecycle.backtests import Period
from driftgate.lifecycle.judging.traffic import Traffic
from driftgate.lifecycle.ports import Examiner
from driftgate.lifecycle.schema import Task
from driftgate.lifecycle.versions import Version
from driftgate.service.backtesting.history import History
from driftgate.service.monitoring import passes
from driftgate.service.monitoring.gathering import Gathered
from driftgate.service.monitoring.guarding import Guarded
from driftgate.service.monitoring.looking import Look
from driftgate.service.monitoring.references import Reference, Snapshots

if TYPE_CHECKING:
    from driftgate.service.monitoring.columns import Answers

START = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
"""Rows without times are taken for one a second from here on: the monitors only use their order."""


def alarms(history: History, version: Version, period: Period, versions: Snapshots, examiner: Examiner) -> tuple[str, ...]:
    """The subjects that alarm, in order, as a pass would name them once the outcomes of the period were known; each at most once.

    Not asked: what only real traffic has (silence, clocks, arms), and what loss to expect, which is known.
    """
    table = history.settings.models[version.model]
    guarded = Guarded(table.monitoring.off)
    answers = _answers(history, version, period, versions)
    truths = _truths(history, period)
    found = Gathered(version.schema, Traffic(len(answers), None), answers, answers, answers, truths)
    reference = Reference(version, versions, examiner, history.settings)
    look = Look(found, reference, table, passes.level(table.monitoring), guarded)
    look.at_inputs()
    look.at_outcomes()
    return tuple(dict.fromkeys(finding.subject for finding in guarded.findings if finding.alarms))


def _answers(history: History, version: Version, period: Period, versions: Snapshots) -> "Answers":
    from driftgate.service.monitoring.columns import Answers
    from driftgate.training.conform import conform_leniently

    schema = version.schema
    rows = history.rows.iloc[period.start : period.end].reset_index(drop=True)
    taken, problems = conform_leniently(rows, schema)
    taken = taken[[name for name in (*schema.features, schema.entity) if name in taken.columns]]
    outputs = versions.scorer(version).score(taken[list(schema.features)])
    whom = tuple(map(str, rows[schema.entity])) if schema.entity is not None else tuple(f"row {row}" for row in range(len(rows)))
    return Answers(taken, taken, outputs, whom, _times(history, period), problems)


def _times(history: History, period: Period) -> tuple[datetime, ...]:
    if history.times is not None:
        return history.times[period.start : period.end]
    return tuple(START + timedelta(seconds=row) for row in range(period.start, period.end))


def _truths(history: History, period: Period) -> tuple[str | float, ...]:
    told = history.truth[period.start : period.end]
    if history.task is Task.REGRESSION:
        return tuple(float(value) for value in told)
    return tuple(history.classes[int(value)] for value in told)
