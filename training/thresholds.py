"""The decision threshold, as declared or as chosen on the holdout."""

import numpy as np
import numpy.typing as npt

from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.lifecycle.plan import Goal, Threshold

Floats = npt.NDArray[np.float64]


def choose(threshold: Threshold, truth: npt.NDArray[np.int64], probability: Floats) -> tuple[float, tuple[str, ...]]:
    """The threshold from which the positive class is predicted, and a warning where its goal is out of reach.

    `truth`: shape (rows,), 1 for the positive class; `probability`: of that class. Candidates lie midway between neighbouring
    probabilities. F1 and accuracy are maximised, the tie nearest to 0.5 wins; precision or recall reaches `target` with the most
    of the other, or, where nothing reaches it, comes as near as it can. Chosen and judged on the same rows, the goal's
    metric is a little flattering; ranking metrics and losses are not touched by it.
    """
    if threshold.goal is None:
        return threshold.value, ()
    cuts, precision, recall, accuracy = _curves(truth, probability)
    if threshold.goal in (Goal.F1, Goal.ACCURACY):
        sums = precision + recall
        f1 = np.divide(2 * precision * recall, sums, out=np.zeros_like(sums), where=sums > 0)
        return _best(cuts, f1 if threshold.goal is Goal.F1 else accuracy), ()
    if threshold.target is None:
        raise InvalidConfiguration(
            f"threshold.goal {threshold.goal.value} needs threshold.target, the share to reach", field="threshold.target"
        )
    reached, other = (precision, recall) if threshold.goal is Goal.PRECISION else (recall, precision)
    enough = reached >= threshold.target
    if enough.any():
        return _best(cuts, np.where(enough, other, -1.0)), ()
    said = f"no threshold reaches {threshold.goal.value} {threshold.target:g} on the holdout: the nearest, {reached.max():.4g}, was taken"
    return _best(cuts, reached), (said,)


def _curves(truth: npt.NDArray[np.int64], probability: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Candidate thresholds, ascending, with precision, recall and accuracy of predicting "positive" from each on."""
    levels, level = np.unique(probability, return_inverse=True)
    positives = np.bincount(level, weights=truth, minlength=len(levels))
    rows = np.bincount(level, minlength=len(levels))
    hits = np.cumsum(positives[::-1])[::-1]
    called = np.cumsum(rows[::-1])[::-1]
    cuts = levels.copy()
    cuts[1:] = (levels[1:] + levels[:-1]) / 2
    # Midway between two neighbouring floats rounding may fall on the lower one.
    cuts = np.where(cuts > np.concatenate([[-np.inf], levels[:-1]]), cuts, levels)
    missed = truth.sum() - hits
    accuracy = 1 - (called - hits + missed) / len(truth)
    return cuts, hits / called, hits / max(float(truth.sum()), 1.0), accuracy


def _best(cuts: Floats, score: Floats) -> float:
    best = cuts[score >= score.max() - 1e-12]
    return float(best[np.argmin(np.abs(best - 0.5))])
