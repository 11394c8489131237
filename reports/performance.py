"""How a version does on its holdout: point metrics, and what beating chance is judged by."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.lifecycle.measurements import Performance
from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports import losses
from driftgate.reports.bounds import grouping, mean_bounds
from driftgate.reports.discrimination import roc_auc

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class TargetStats:
    """What a constant prediction could have learnt from the training rows: each class's share, or the median."""

    shares: tuple[float, ...] = ()
    median: float | None = None


def target_stats(train_target: Iterable[Any], schema: Schema) -> TargetStats:
    """The class shares (classification) or the median (regression) of the training target."""
    y = losses.truth(train_target, schema)
    if schema.task is Task.REGRESSION:
        return TargetStats(median=float(np.median(y)))
    counts = np.bincount(y.astype(np.int64), minlength=len(schema.classes))
    return TargetStats(shares=tuple(float(count) / len(y) for count in counts))


def measure(
    schema: Schema,
    labels: Iterable[Any],
    outputs: Floats,
    *,
    train: TargetStats,
    threshold: float | None = None,
    confidence: float = 0.95,
    seed: int = 0,
    entities: Any = None,
) -> Performance:
    """The metrics of the outputs against the labels; those that are not defined are named in `undefined`, never NaN.

    `threshold`: probability from which the positive class is predicted (binary; None: .5). `train`: statistics of the training
    target, for the constant prediction that must be beaten. `entities`: who each row is about, where they may repeat.
    Raises InvalidData where a label is missing or unknown.
    """
    y = losses.truth(labels, schema)
    if schema.task is Task.REGRESSION:
        return _regression(schema, y.astype(np.float64), outputs, train, confidence, seed, entities)
    return _classification(schema, y.astype(np.int64), outputs, train, threshold, confidence, entities)


def predicted(outputs: Floats, threshold: float | None) -> Ints:
    """The predicted class of each row: by the threshold on the positive class (binary), else the most probable one."""
    if outputs.shape[1] == 2:  # noqa: PLR2004 - binary
        return (outputs[:, 1] >= (DEFAULT_THRESHOLD if threshold is None else threshold)).astype(np.int64)
    return np.asarray(outputs.argmax(axis=1), dtype=np.int64)


def _classification(
    schema: Schema, y: Ints, outputs: Floats, train: TargetStats, threshold: float | None, confidence: float, entities: Any
) -> Performance:
    found: dict[str, float | None] = dict.fromkeys(
        ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "brier", "ece", "probability_lift")
    )
    auc = roc_auc(outputs, y, confidence, grouping(len(y), entities))
    if len(y) and np.isfinite(outputs).all():
        chosen = predicted(outputs, threshold)
        found["accuracy"] = float(np.mean(chosen == y))
        found["precision"], found["recall"], found["f1"] = _precision_recall_f1(chosen, y, len(schema.classes))
        found["roc_auc"] = None if auc is None else auc.value
        found["log_loss"] = float(losses.per_row_loss(outputs, y, schema).mean())
        found["brier"] = losses.brier(outputs, y)
        found["ece"] = losses.ece(outputs, y)
        found["probability_lift"] = losses.probability_lift(outputs, y)
    base = None
    if len(y) and train.shares:
        base = float(losses.per_row_loss(np.tile(np.array(train.shares), (len(y), 1)), y, schema).mean())
    return Performance(schema.task, len(y), *_defined(found), confidence=confidence, auc=auc, base_log_loss=base)


def _precision_recall_f1(chosen: Ints, y: Ints, classes: int) -> tuple[float | None, float | None, float | None]:
    """Of the positive class (None where nothing is predicted or truly so); multiclass: the mean over the classes that occur.

    In that mean a class that is never predicted has precision 0.
    """
    counts = np.zeros((classes, classes))
    np.add.at(counts, (y, chosen), 1.0)
    hits, true, said = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    if classes == 2:  # noqa: PLR2004 - binary
        precision = hits[1] / said[1] if said[1] else None
        recall = hits[1] / true[1] if true[1] else None
        f1 = 2.0 * hits[1] / (true[1] + said[1]) if true[1] else None
        return tuple(None if value is None else float(value) for value in (precision, recall, f1))  # type: ignore[return-value]
    occurs = true > 0
    precisions = (hits / np.maximum(said, 1.0))[occurs]
    return (
        float(precisions.mean()),
        float((hits / np.maximum(true, 1.0))[occurs].mean()),
        float((2.0 * hits / (true + said + ~occurs))[occurs].mean()),
    )


def _regression(schema: Schema, y: Floats, outputs: Floats, train: TargetStats, confidence: float, seed: int, entities: Any) -> Performance:
    found: dict[str, float | None] = dict.fromkeys(("mae", "rmse", "r2", "median_mae"))
    advantage: Estimate | None = None
    if len(y) and np.isfinite(outputs).all():
        errors, spread = y - outputs, float(np.sum((y - y.mean()) ** 2))
        found["mae"] = float(np.abs(errors).mean())
        found["rmse"] = math.sqrt(float(np.mean(errors**2)))
        found["r2"] = 1.0 - float(np.sum(errors**2)) / spread if spread > 0 else None
        if train.median is not None:
            gain = np.abs(y - train.median) - np.abs(errors)
            found["median_mae"] = float(np.abs(y - train.median).mean())
            advantage, _, _ = mean_bounds(gain, confidence, seed, grouping(len(y), entities))
    return Performance(schema.task, len(y), *_defined(found), confidence=confidence, mae_advantage=advantage)


def _defined(found: dict[str, float | None]) -> tuple[dict[str, float], tuple[str, ...]]:
    """The metrics that are finite, and the names of the others."""
    finite = {name: value for name, value in found.items() if value is not None and math.isfinite(value)}
    return finite, tuple(name for name in found if name not in finite)
