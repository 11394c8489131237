"""What a prediction costs, row by row and over many: log-loss, absolute error, Brier, calibration error, probability lift."""

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Schema, Task

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

PROBABILITY_EPSILON = 1e-6
"""Probabilities are clipped to [epsilon, 1 - epsilon] before the logarithm, so no row costs more than 13.8 nats."""

DECILE = 0.1
"""The share of rows with the highest predicted probability that the lift looks at."""

CALIBRATION_BINS = 10


def loss_name(schema: Schema) -> str:
    """`mae` for regression, `log_loss` otherwise: the loss that `per_row_loss` gives."""
    return "mae" if schema.task is Task.REGRESSION else "log_loss"


def encode(labels: Iterable[Any], schema: Schema) -> Ints:
    """The position of each label in `schema.classes`, shape (n,).

    Raises InvalidData where a label is missing or is no class of the schema.
    """
    values = pd.Series(list(labels), dtype=object)
    if values.isna().any():
        count = int(values.isna().sum())
        raise InvalidData(
            f"column {schema.target} lacks a label in {count} of {len(values)} rows: leave those rows out", field=schema.target
        )
    codes = pd.Index(list(schema.classes), dtype=object).get_indexer(pd.Index(values, dtype=object))
    if (codes < 0).any():
        label = values.iloc[int(np.argmin(codes))]
        known = ", ".join(schema.classes)
        raise InvalidData(
            f"column {schema.target} holds the label {label!r}, which is none of the version's classes {known}", field=schema.target
        )
    return codes.astype(np.int64)


def truth(values: Iterable[Any], schema: Schema) -> Floats | Ints:
    """What the outputs are held against: encoded labels, or finite float64 targets for regression.

    Raises InvalidData where a label is unknown or missing, or a target is not a finite number.
    """
    if schema.task is not Task.REGRESSION:
        return encode(values, schema)
    numbers = np.asarray(pd.to_numeric(pd.Series(list(values)), errors="coerce"), dtype=np.float64)
    if not np.isfinite(numbers).all():
        count = int((~np.isfinite(numbers)).sum())
        raise InvalidData(
            f"column {schema.target} holds no finite number in {count} of {len(numbers)} rows: leave them out", field=schema.target
        )
    return numbers


def align(outputs: Floats, source: Schema, wanted: Schema) -> Floats:
    """Outputs of a version with another order or set of classes, with the columns of `wanted.classes`.

    A class the source does not know has probability 0. Raises InvalidData where one task has classes and the other has none.
    """
    if (source.task is Task.REGRESSION) != (wanted.task is Task.REGRESSION):
        raise InvalidData(f"a {source.task} version and a {wanted.task} version have no common loss: they cannot be compared")
    if source.classes == wanted.classes:
        return outputs
    known = {label: column for column, label in enumerate(source.classes)}
    answer = np.zeros((len(outputs), len(wanted.classes)))
    for column, label in enumerate(wanted.classes):
        if label in known:
            answer[:, column] = outputs[:, known[label]]
    return answer


def per_row_loss(outputs: Floats, y: Floats | Ints, schema: Schema) -> Floats:
    """The loss of each row, shape (n,): -log of the clipped probability of the true class, in nats, or the absolute error.

    NaN where the output is NaN. `y`: encoded labels, or targets for regression.
    """
    if schema.task is Task.REGRESSION:
        return np.asarray(np.abs(outputs - y), dtype=np.float64)
    chosen = outputs[np.arange(len(outputs)), y.astype(np.int64)]
    return np.asarray(-np.log(np.clip(chosen, PROBABILITY_EPSILON, 1.0 - PROBABILITY_EPSILON)), dtype=np.float64)


def brier(outputs: Floats, y: Ints) -> float:
    """The Brier score: mean squared error of the positive class's probability, or, over k > 2 classes, of the whole row.

    In [0, 1] for binary tasks and [0, 2] for multiclass (Brier 1950); smaller is better.
    """
    if outputs.shape[1] == 2:  # noqa: PLR2004 - binary
        return float(np.mean((outputs[:, 1] - y) ** 2))
    return float(np.mean(np.sum((outputs - np.eye(outputs.shape[1])[y]) ** 2, axis=1)))


def calibration_bins(confidence: Floats, bins: int = CALIBRATION_BINS) -> Ints:
    """The bin of each row, 0, 1, ...: bins of equal counts by rank; rows of one value share a bin.

    Equal counts, because the probabilities of rare outcomes crowd into one bin of equal width (Nixon et al. 2019, section 3).
    """
    ordered = np.sort(confidence)
    first = np.searchsorted(ordered, confidence, side="left")
    return np.unique(first * bins // max(len(confidence), 1), return_inverse=True)[1].astype(np.int64)


def ece(outputs: Floats, y: Ints) -> float:
    """The expected calibration error: mean over rows of |mean outcome - mean probability| of the row's bin.

    Binary: of the positive class. Multiclass: of the most probable class, as in Guo et al. 2017, equation 3. Bins: `calibration_bins`.
    """
    if outputs.shape[1] == 2:  # noqa: PLR2004 - binary
        confidence, hit = outputs[:, 1], (y == 1).astype(np.float64)
    else:
        confidence, hit = outputs.max(axis=1), (outputs.argmax(axis=1) == y).astype(np.float64)
    gaps = np.bincount(calibration_bins(confidence), weights=hit - confidence)
    return float(np.abs(gaps).sum() / len(y))


def probability_lift(outputs: Floats, y: Ints, weights: Floats | None = None) -> float | None:
    """The mean outcome among the top decile of predicted probability, over the mean outcome of all rows.

    The decile is a tenth of the rows (of their weight), also where that is no whole number; rows tied at its edge share what is
    left of it, so the order of the rows does not matter. Multiclass: the mean over the classes that occur, each against the rest.
    None where no row has the outcome (binary: no positives) or an output is NaN.
    """
    if not len(y) or not np.isfinite(outputs).all():
        return None
    classes = (1,) if outputs.shape[1] == 2 else range(outputs.shape[1])  # noqa: PLR2004 - binary
    lifts = [_lift(outputs[:, label], (y == label).astype(np.float64), weights) for label in classes]
    defined = [lift for lift in lifts if lift is not None]
    return float(np.mean(defined)) if defined else None


def _lift(probability: Floats, outcome: Floats, weights: Floats | None) -> float | None:
    weight = np.ones(len(outcome)) if weights is None else weights
    total = float(weight.sum())
    rate = float(weight @ outcome) / total if total > 0 else 0.0
    if rate <= 0:
        return None
    room = DECILE * total
    edge = _edge(probability, room, weights)
    above, tied = probability > edge, probability == edge
    rest = room - float(weight[above].sum())
    hits = float(weight[above] @ outcome[above]) + rest * float(weight[tied] @ outcome[tied]) / float(weight[tied].sum())
    return float(hits / room / rate)


def _edge(probability: Floats, room: float, weights: Floats | None) -> float:
    """The probability of the row at which the highest ones fill the room."""
    last = len(probability) - 1
    if weights is None:
        place = min(max(int(np.ceil(room)) - 1, 0), last)
        return float(np.partition(probability, last - place)[last - place])
    order = np.argsort(-probability, kind="stable")
    return float(probability[order[min(int(np.searchsorted(np.cumsum(weights[order]), room)), last)]])
