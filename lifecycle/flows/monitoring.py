"""Monitoring: a window, measured against a version's snapshot, and what was found kept, told and acted on."""

from dataclasses import dataclass
from datetime import datetime

from driftgate.lifecycle.canonical import plain, sha256
from driftgate.lifecycle.errors import DriftgateError, NoChampion, Unavailable
from driftgate.lifecycle.findings import Pass
from driftgate.lifecycle.judging.traffic import nothing_serves
from driftgate.lifecycle.measurements import DriftMeasurement
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.plan import Source
from driftgate.lifecycle.ports import DriftMeter, Ledger, Registry, Report, Reports
from driftgate.lifecycle.ports_watching import MonitoringBook, Watch, Watched
from driftgate.lifecycle.verdicts import combined
from driftgate.lifecycle.versions import Version

LONGEST_REPORT_ID = 64


@dataclass(frozen=True, slots=True)
class DriftRequest:
    """A wish for a drift report. `current`: a file or query, or a window of logged payloads. `key` names the report."""

    key: str
    model: str
    version: int
    current: Source | Window
    asked_at: datetime
    html: bool = True


@dataclass(frozen=True, slots=True)
class MonitorRequest:
    """A wish for a monitoring pass. `key` names the pass, so that a repeat finds it. `level`: chance of any false alarm in it.

    `acts`: whether its alarms are raised and ended and retrains weighed. Not where the window is shorter than the model's own: an hour in
    which nothing can be shown must not end the alarm of a week.
    """

    key: str
    model: str
    at: datetime
    window: Window
    level: float
    acts: bool = True


def measure_drift(asked: DriftRequest, registry: Registry, meter: DriftMeter, reports: Reports) -> tuple[DriftMeasurement, Report]:
    """The measurement and its kept report. Nothing that serves changes.

    The meter checks the digest of whatever it reads; a page is drawn of the snapshot itself, as the artifact store holds it now.
    """
    version = registry.version(asked.model, asked.version)
    if asked.html:
        registry.verify(version)
    measurement, folder, files = meter.measure(version, asked.current, asked.key, html=asked.html)
    report = Report(
        id=asked.key,
        model=asked.model,
        version=asked.version,
        kind="drift",
        created=asked.asked_at,
        verdict=measurement.verdict.value,
        summary={"rows": measurement.rows, "drifted": list(measurement.drifted), "problems": plain(measurement.problems)},
        files=files,
    )
    return measurement, reports.keep(report, folder)


def monitor(asked: MonitorRequest, ledger: Ledger, registry: Registry, watch: Watch, reports: Reports, book: MonitoringBook) -> Pass:
    """The pass as kept: what the traffic of the champion's arm looks like beside the champion's snapshot, judged.

    Without a champion it is kept too, with a finding that says so. A report that cannot be kept costs the report. A pass that was kept
    before is answered from the book. Raises Unavailable where ledger, payloads or book do not answer.
    """
    before = book.find(asked.key)
    if before is not None:
        return before
    try:
        version = _champion(asked.model, ledger, registry)
    except Unavailable:
        raise
    except DriftgateError as error:
        return book.keep(_unwatched(asked, error.message))
    watched = watch.look(version, asked.key, asked.at, asked.window, asked.level)
    report, said = _kept(asked, version, watched, reports)
    found = Pass(
        id=asked.key,
        model=asked.model,
        version=version.number,
        at=asked.at,
        window=asked.window,
        judged=watched.judged,
        rows=watched.rows,
        level=asked.level,
        findings=watched.findings,
        problems=(*watched.problems, *said),
        report=report,
        asked=watched.asked,
    )
    return book.keep(found)


def _champion(model: str, ledger: Ledger, registry: Registry) -> Version:
    number = ledger.champion(model)
    if number is None:
        raise NoChampion("no version serves yet; promote one, and the next pass looks at its traffic")
    return registry.version(model, number)


def _unwatched(asked: MonitorRequest, why: str) -> Pass:
    found = (nothing_serves(asked.model, why),)
    return Pass(asked.key, asked.model, None, asked.at, asked.window, None, 0, asked.level, found)


def _kept(asked: MonitorRequest, version: Version, watched: Watched, reports: Reports) -> tuple[str | None, tuple[str, ...]]:
    """The id of the report that was drawn, and what went wrong with it."""
    if watched.folder is None:
        return None, ()
    name = asked.key if len(asked.key) <= LONGEST_REPORT_ID else f"monitor-{sha256(asked.key)[:32]}"
    report = Report(
        id=name,
        model=asked.model,
        version=version.number,
        kind="monitoring",
        created=asked.at,
        verdict=combined(finding.verdict for finding in watched.findings).value,
        summary={"rows": watched.rows, "drifted": [finding.subject for finding in watched.findings if finding.alarms], "pass": asked.key},
        files=watched.files,
    )
    try:
        return reports.keep(report, watched.folder).id, ()
    except DriftgateError as error:
        return None, (f"the report was drawn and could not be kept: {error.message}",)
