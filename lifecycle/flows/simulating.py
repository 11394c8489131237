"""Simulation: a version's degradation envelope, its table and plot kept with its run, its numbers as metrics."""

import math
from dataclasses import dataclass
from datetime import datetime

from driftgate.lifecycle.measurements import Degradation
from driftgate.lifecycle.ports import Registry, Report, Reports, Simulator


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """A wish for a version's envelope. `key` names the report."""

    key: str
    model: str
    version: int
    asked_at: datetime


def simulate(asked: SimulationRequest, registry: Registry, simulator: Simulator, reports: Reports) -> tuple[Degradation, Report]:
    """The envelope and its kept report."""
    version = registry.version(asked.model, asked.version)
    registry.verify(version)
    envelope, folder, files = simulator.simulate(version, asked.key)
    registry.record_metrics(version, metrics(envelope))
    summary = {"rows": envelope.rows, "base": envelope.base.loss, "breaks_at": dict(envelope.breaks_at)}
    report = Report(asked.key, asked.model, asked.version, "simulation", asked.asked_at, "measured", summary, files)
    return envelope, reports.keep(report, folder)


def metrics(envelope: Degradation) -> dict[str, float]:
    """The envelope as flat metrics: `simulation/SCENARIO/log_loss` and so on; what is undefined is left out."""
    flat: dict[str, float] = {}
    for outcome in (envelope.base, *envelope.scenarios):
        prefix = f"simulation/{outcome.scenario}"
        for name, value in ((envelope.loss, outcome.loss), ("probability_lift", outcome.lift), ("rmse", outcome.rmse)):
            if value is not None and math.isfinite(value):
                flat[f"{prefix}/{name}"] = value
    return flat
