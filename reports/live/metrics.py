"""Each metric of a window as something that has bounds at any confidence."""

from collections.abc import Sequence
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports import losses
from driftgate.reports.bounds import Grouping
from driftgate.reports.discrimination import roc_auc
from driftgate.reports.live.bounding import Bounding, mapped, mean, ratio, share, wider
from driftgate.reports.live.chance import ece_by_chance, hits_and_confidence
from driftgate.reports.performance import predicted

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

CLASSIFICATION = ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "brier", "ece", "probability_lift")
REGRESSION = ("mae", "rmse", "r2", "bias")


def names(schema: Schema) -> tuple[str, ...]:
    """Every metric of such a task."""
    return REGRESSION if schema.task is Task.REGRESSION else CLASSIFICATION


def metrics(
    schema: Schema, outputs: Floats, y: Floats | Ints, threshold: float | None, groupings: Sequence[Grouping], seed: int
) -> dict[str, Bounding]:
    """The metrics that are defined on these rows, by name."""
    if not len(y):
        return {}
    if schema.task is Task.REGRESSION:
        return _regression(outputs, y.astype(np.float64), groupings)
    labels = y.astype(np.int64)
    chosen = predicted(outputs, threshold)
    found = {
        "accuracy": share(chosen == labels, groupings),
        **(_binary(chosen, labels, groupings) if schema.task is Task.BINARY else _macro(chosen, labels, groupings)),
        "log_loss": mean(losses.per_row_loss(outputs, labels, schema), groupings),
        "brier": mean(_brier_rows(outputs, labels), groupings),
        "ece": calibration_error(outputs, labels, groupings, seed),
    }
    if len(np.unique(labels)) > 1:
        found["roc_auc"] = lambda confidence: _auc(outputs, labels, confidence, groupings)
    lift = _lift(outputs, labels, groupings)
    return found if lift is None else {**found, "probability_lift": lift}


def _auc(outputs: Floats, y: Ints, confidence: float, groupings: Sequence[Grouping]) -> Estimate:
    found = [roc_auc(outputs, y, confidence, groups) for groups in groupings]
    return wider([estimate for estimate in found if estimate is not None])


def _binary(chosen: Ints, y: Ints, groupings: Sequence[Grouping]) -> dict[str, Bounding]:
    said, true = chosen == 1, y == 1
    both = said & true
    found: dict[str, Bounding] = {}
    if said.any():
        found["precision"] = share(both, groupings, said)
    if true.any():
        found["recall"] = share(both, groupings, true)
        # F1 rises with the share of hits among rows that are positive or said to be, which is a plain share.
        found["f1"] = mapped(share(both, groupings, said | true), lambda jaccard: 2.0 * jaccard / (1.0 + jaccard))
    return found


def _macro(chosen: Ints, y: Ints, groupings: Sequence[Grouping]) -> dict[str, Bounding]:
    """The means over the classes that occur, each class against the rest; a class that is never predicted has precision 0."""
    rows, occurring = len(y), np.unique(y)
    values, influences = np.zeros(3), np.zeros((3, rows))
    for label in occurring:
        said, true = (chosen == label).astype(np.float64), (y == label).astype(np.float64)
        for place, (top, bottom) in enumerate(((said * true, said), (said * true, true), (2.0 * said * true, said + true))):
            if bottom.sum() > 0:
                value = top.sum() / bottom.sum()
                values[place] += value
                influences[place] += (top - value * bottom) * rows / bottom.sum()
    scaled = zip(("precision", "recall", "f1"), values / len(occurring), influences / len(occurring), strict=True)
    return {name: _clipped(ratio(float(value), influence, groupings), 0.0, 1.0) for name, value, influence in scaled}


def _clipped(bounding: Bounding, low: float, high: float) -> Bounding:
    return mapped(bounding, lambda value: min(max(value, low), high))


def _brier_rows(outputs: Floats, y: Ints) -> Floats:
    if outputs.shape[1] == 2:  # noqa: PLR2004 - binary
        return np.asarray((outputs[:, 1] - y) ** 2, dtype=np.float64)
    return np.asarray(np.sum((outputs - np.eye(outputs.shape[1])[y]) ** 2, axis=1), dtype=np.float64)


def calibration_error(outputs: Floats, y: Ints, groupings: Sequence[Grouping], seed: int) -> Bounding:
    """The calibration error; its lower bound is lowered by what chance alone gives, which no error is free of."""
    hit, confidence = hits_and_confidence(outputs, y)
    bins = losses.calibration_bins(confidence)
    side = np.sign(np.bincount(bins, weights=hit - confidence))[bins]
    signed = side * (hit - confidence)
    plain = ratio(losses.ece(outputs, y), signed - signed.mean(), groupings)
    by_chance = cache(lambda: ece_by_chance(confidence, seed)[0])

    def bounded(level: float) -> Estimate:
        found = plain(level)
        return Estimate(found.value, None if found.lower is None else max(found.lower - by_chance(), 0.0), found.upper)

    return bounded


def _lift(outputs: Floats, y: Ints, groupings: Sequence[Grouping]) -> Bounding | None:
    """The lift of the top decile; its influence takes the decile's edge for given."""
    value = losses.probability_lift(outputs, y)
    if value is None:
        return None
    labels = (1,) if outputs.shape[1] == 2 else tuple(np.unique(y))  # noqa: PLR2004 - binary
    influence = np.zeros(len(y))
    for label in labels:
        probability, outcome = outputs[:, label], (y == label).astype(np.float64)
        edge = np.quantile(probability, 1.0 - losses.DECILE, method="higher")
        above, tied = probability > edge, probability == edge
        top = above + tied * (losses.DECILE * len(y) - above.sum()) / tied.sum()
        rate = outcome.mean()
        among = float(top @ outcome / top.sum())
        influence += top * (outcome - among) / losses.DECILE / rate - among / rate * (outcome - rate) / rate
    return _clipped(ratio(value, influence / len(labels), groupings), 0.0, np.inf)


def _regression(outputs: Floats, y: Floats, groupings: Sequence[Grouping]) -> dict[str, Bounding]:
    errors = outputs - y
    square = errors**2
    found = {
        "mae": mean(np.abs(errors), groupings),
        "rmse": mapped(mean(square, groupings), lambda value: float(np.sqrt(max(value, 0.0)))),
        "bias": mean(errors, groupings),
    }
    spread = (y - y.mean()) ** 2
    if spread.sum() > 0:
        unexplained = float(square.sum() / spread.sum())
        found["r2"] = ratio(1.0 - unexplained, -(square - unexplained * spread) / spread.mean(), groupings)
    return found
