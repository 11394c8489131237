"""Metrics of outputs against chances of the classes in place of classes: with chances of 0 and 1 they are the ordinary metrics."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.reports.losses import PROBABILITY_EPSILON
from driftgate.reports.performance import predicted

Floats: TypeAlias = npt.NDArray[np.float64]


def metrics(outputs: Floats, chances: Floats, weights: Floats, threshold: float | None) -> dict[str, float]:
    """The metric of each name, the loss first; NaN where it is undefined. `outputs` and `chances`: shape (rows, classes).

    Expected values over classes drawn by the chances: exact for log-loss, accuracy and Brier score, which are means over rows; for ratios
    (ROC AUC, precision, recall, F1) the ratio of the expected values. Multiclass: AUC is the mean over classes that may occur.
    """
    shares = weights / weights.sum()
    log = -np.log(np.clip(outputs, PROBABILITY_EPSILON, 1.0 - PROBABILITY_EPSILON))
    chosen = predicted(outputs, threshold)
    found = {"log_loss": float(shares @ (chances * log).sum(axis=1)), "accuracy": float(shares @ chances[np.arange(len(chosen)), chosen])}
    if outputs.shape[1] == 2:  # noqa: PLR2004 - binary
        said, true = outputs[:, 1], chances[:, 1]
        found["brier"] = float(shares @ (true * (1.0 - said) ** 2 + (1.0 - true) * said**2))
        return found | {"roc_auc": _area(said, true, shares)} | _ratios(chosen == 1, true, shares)
    found["brier"] = float(shares @ ((outputs**2).sum(axis=1) - 2.0 * (chances * outputs).sum(axis=1) + 1.0))
    areas = [_area(outputs[:, at], chances[:, at], shares) for at in range(outputs.shape[1])]
    held = [area for area in areas if np.isfinite(area)]
    return found | {"roc_auc": float(np.mean(held)) if held else float("nan")}


def _ratios(said: npt.NDArray[np.bool_], true: Floats, shares: Floats) -> dict[str, float]:
    hits, positive, claimed = float(shares @ (said * true)), float(shares @ true), float(shares @ said)
    return {"precision": _over(hits, claimed), "recall": _over(hits, positive), "f1": _over(2.0 * hits, positive + claimed)}


def _over(top: float, bottom: float) -> float:
    return top / bottom if bottom > 0 else float("nan")


def _area(score: Floats, chance: Floats, shares: Floats) -> float:
    """The expected weight of pairs in the right order over that of all pairs of two rows, ties counting half."""
    values, place = np.unique(score, return_inverse=True)
    positive, negative = (np.bincount(place, weights=shares * part, minlength=len(values)) for part in (chance, 1.0 - chance))
    below = np.cumsum(negative) - negative
    # A row is no pair with itself, though it may be of either class.
    own = float((shares**2) @ (chance * (1.0 - chance)))
    return _over(float(positive @ (below + negative / 2.0)) - own / 2.0, float(positive.sum() * negative.sum()) - own)
