"""Whether a candidate's predictions mean what they say on its holdout, beside the champion's on the same rows."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.lifecycle.measurements_gates import HoldoutCalibration
from driftgate.lifecycle.measurements_live import Calibration
from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports import losses
from driftgate.reports.live import calibration
from driftgate.reports.live.bounding import units
from driftgate.reports.live.metrics import calibration_error

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Limits:
    """How far off predictions may be: see `lifecycle.policy`."""

    intercept: float
    slope: float

    @property
    def band(self) -> tuple[float, float]:
        """The slopes that are within the limit: as far off towards too timid as towards too extreme."""
        return 1.0 / (1.0 + self.slope), 1.0 + self.slope


@dataclass(frozen=True, slots=True)
class Rival:
    """The champion's outputs for some rows of the candidate's holdout, in the class order of the candidate; `rows`: which."""

    version: int
    outputs: Floats
    rows: npt.NDArray[np.bool_]


def measure(
    schema: Schema,
    outputs: Floats,
    truths: Any,
    limits: Limits,
    *,
    rival: Rival | None = None,
    entities: Any = None,
    ordered: bool = False,
    confidence: float = 0.95,
    seed: int = 0,
) -> HoldoutCalibration:
    """Intercept, slope and calibration error with bounds, each at `confidence`, and how sure it is that a limit is passed.

    `truths`: labels or numbers of the holdout, in its order, which is that of time where `ordered`. See `live.calibration.measure`.
    """
    labels = np.asarray(truths)
    times = np.arange(len(labels)) if ordered else None

    def measured(said: Floats, rows: Any) -> Calibration:
        return calibration.measure(
            schema,
            said,
            labels[rows],
            confidence=confidence,
            seed=seed,
            entities=_of(entities, rows),
            times=_of(times, rows),
            intercept=limits.intercept,
            slope=limits.band,
        )

    candidate = measured(outputs, slice(None))
    return HoldoutCalibration(
        candidate=candidate,
        intercept_limit=limits.intercept,
        slope_limit=limits.slope,
        ece=None if schema.task is Task.REGRESSION or not len(labels) else _ece(schema, outputs, labels, entities, times, confidence, seed),
        champion=None if rival is None else measured(rival.outputs, rival.rows),
        champion_version=None if rival is None else rival.version,
        shared=None if rival is None else candidate if rival.rows.all() else measured(outputs[rival.rows], rival.rows),
    )


def _of(values: Any, rows: Any) -> Any:
    return None if values is None else np.asarray(values)[rows]


def _ece(schema: Schema, outputs: Floats, labels: Any, entities: Any, times: Any, confidence: float, seed: int) -> Estimate:
    y = losses.encode(labels, schema)
    groupings = units(len(y), entities, times, losses.per_row_loss(outputs, y, schema))
    return calibration_error(outputs, y, groupings, seed)(confidence)
