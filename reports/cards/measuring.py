"""The metrics of a card: those of the holdout, each with its bounds."""

from typing import TYPE_CHECKING, Any

from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports import losses
from driftgate.reports.bounds import grouping
from driftgate.reports.cards.facts import Measured, Metric
from driftgate.reports.live import metrics

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def measure(
    schema: Schema, labels: Any, outputs: "Floats", *, threshold: float | None, confidence: float, seed: int, entities: Any = None
) -> Measured:
    """Every metric of the task, as monitoring computes it on outcomes; NaN where the rows do not define it.

    `entities`: who each row is about, where they may repeat: bounds are then those of as many independent entities. Raises InvalidData
    where a label is missing or unknown.
    """
    y = losses.truth(labels, schema)
    groups = grouping(len(y), entities)
    found = metrics.metrics(schema, outputs, y, threshold, [groups], seed)
    estimates = {name: found[name](confidence) if name in found else Estimate(float("nan")) for name in metrics.names(schema)}
    return Measured(len(y), confidence, groups.units, groups.count, tuple(Metric(name, each) for name, each in estimates.items()))
