"""Monitoring: a window, measured against a version's snapshot, and the report kept."""

from dataclasses import dataclass
from datetime import datetime

from driftgate.lifecycle.canonical import plain
from driftgate.lifecycle.measurements import DriftMeasurement
from driftgate.lifecycle.payloads import Window
from driftgate.lifecycle.plan import Source
from driftgate.lifecycle.ports import DriftMeter, Registry, Report, Reports


@dataclass(frozen=True, slots=True)
class DriftRequest:
    """A wish for a drift report. `current`: a file or query, or a window of logged payloads. `key` names the report."""

    key: str
    model: str
    version: int
    current: Source | Window
    asked_at: datetime
    html: bool = True


def measure_drift(asked: DriftRequest, registry: Registry, meter: DriftMeter, reports: Reports) -> tuple[DriftMeasurement, Report]:
    """The measurement and its kept report. Nothing that serves changes."""
    version = registry.version(asked.model, asked.version)
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
