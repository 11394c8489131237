"""What a version's probabilities mean: chances of the classes, learnt on rows whose class is known."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

STEEPEST = 10.0
"""Of the slope: where the scores separate the classes it has no finite one."""
EPSILON = 1e-6
STEPS = 50
TOLERANCE = 1e-6
FLOOR = 1e-9
"""Added to the curvature, which vanishes where the classes are separable."""


def platt(scores: Floats, positive: Mask, weights: Floats) -> tuple[float, float]:
    """Intercept and slope of the log-odds over the scores by maximum likelihood (Platt 1999); the slope is in [0, STEEPEST].

    0 where the scores point the wrong way: then every row has the same odds. Both sides hold weight.
    """
    found = _fitted(np.column_stack([np.zeros(len(scores)), scores]), positive.astype(np.int64), weights, None)
    return float(found[1]), float(found[0])


class Calibration:
    """Chances of classes proportional to probability^slope x factor of the class, fitted to known rows by maximum likelihood.

    Temperature scaling with a bias for each class (Alexandari, Kundaje and Shrikumar 2020); for two classes Platt's method on log-odds.
    Fitted so, chances have the known rows' class rates and exactly their log-loss: what is expected of other rows differs from that
    by where they lie, not by what the calibration missed. A monotone curve (isotonic regression) leans outwards at its ends.
    """

    def __init__(self, known: Floats, y: Ints, weights: Floats, start: "Calibration | None" = None) -> None:
        self.present = np.bincount(y, weights=weights, minlength=known.shape[1]) > 0
        again = start is not None and bool((start.present == self.present).all())
        coded = (np.cumsum(self.present) - 1)[y]
        held = weights > 0
        near = start.found if start is not None and again else None
        self.found: Floats = _fitted(_logs(known)[:, self.present][held], coded[held], weights[held], near)

    def chances(self, asked: Floats) -> Floats:
        """The chance of each class, shape (rows, classes); 0 for a class that no known row has."""
        found = np.zeros(asked.shape)
        found[:, self.present] = _softmax(_logs(asked)[:, self.present] * self.found[0] + np.append(0.0, self.found[1:]))
        return found


def _logs(probabilities: Floats) -> Floats:
    return np.asarray(np.log(np.clip(probabilities, EPSILON, 1.0 - EPSILON)), dtype=np.float64)


def _fitted(logs: Floats, y: Ints, weights: Floats, start: Floats | None) -> Floats:
    """The slope, and the bias of each class but the first; shape (classes,)."""
    shares = weights / weights.sum()
    if start is None:
        rates = np.bincount(y, weights=shares, minlength=logs.shape[1])
        start = np.append(0.0, np.log(rates[1:] / rates[0]))
    found = _newton(logs, y, shares, start, fixed=0)
    if 0.0 <= found[0] <= STEEPEST:
        return found
    return _newton(logs, y, shares, np.append(np.clip(found[0], 0.0, STEEPEST), start[1:]), fixed=1)


def _newton(logs: Floats, y: Ints, shares: Floats, start: Floats, fixed: int) -> Floats:
    """The likeliest parameters, all but the first `fixed` of them moved from the start, by Newton's method with halved steps."""
    found, best = start, _cost(logs, y, shares, start)
    for _ in range(STEPS):
        slope, curvature = _derivatives(logs, y, shares, found)
        step = np.zeros(len(found))
        step[fixed:] = -np.linalg.solve(curvature[fixed:, fixed:] + FLOOR * np.eye(len(found) - fixed), slope[fixed:])
        while (cost := _cost(logs, y, shares, found + step)) > best and np.abs(step).max(initial=0.0) > TOLERANCE:
            step /= 2.0
        if cost > best:
            break
        found, best = found + step, cost
        if np.abs(step).max(initial=0.0) <= TOLERANCE or abs(found[0]) > 2.0 * STEEPEST:
            break
    return found


def _cost(logs: Floats, y: Ints, shares: Floats, found: Floats) -> float:
    odds = logs * found[0] + np.append(0.0, found[1:])
    highest = odds.max(axis=1)
    total = highest + np.log(np.exp(odds - highest[:, None]).sum(axis=1))
    return float(shares @ (total - odds[np.arange(len(y)), y]))


def _derivatives(logs: Floats, y: Ints, shares: Floats, found: Floats) -> tuple[Floats, Floats]:
    """Gradient and curvature of the cost over the slope and the biases."""
    chance = _softmax(logs * found[0] + np.append(0.0, found[1:]))
    mean = (chance * logs).sum(axis=1)
    miss = chance.copy()
    miss[np.arange(len(y)), y] -= 1.0
    weighted = chance * shares[:, None]
    curvature = np.diag(np.append(float(shares @ ((chance * logs**2).sum(axis=1) - mean**2)), weighted[:, 1:].sum(axis=0)))
    curvature[1:, 1:] -= weighted[:, 1:].T @ chance[:, 1:]
    curvature[0, 1:] = curvature[1:, 0] = (weighted[:, 1:] * (logs[:, 1:] - mean[:, None])).sum(axis=0)
    return np.append(float(shares @ (miss * logs).sum(axis=1)), shares @ miss[:, 1:]), curvature


def _softmax(odds: Floats) -> Floats:
    raised = np.exp(odds - odds.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), dtype=np.float64)
