"""ROC AUC with confidence bounds, by ranks."""

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.bounds import Grouping, student_quantile

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]


def roc_auc(outputs: Floats, y: Ints, confidence: float, groups: Grouping) -> Estimate | None:
    """The area under the ROC curve with one-sided bounds: of the positive class, or the macro mean of one-vs-rest over the classes.

    DeLong's variance (1988) from mid-ranks (Sun and Xu 2014), as each row's influence, so that entities which repeat are summed; t with
    Satterthwaite's degrees of freedom (Brunner and Munzel 2000), or the scarcest class's rows - 1. Where the classes are separated
    perfectly that variance is 0, and the bound is the area at which Hanley and McNeil's (1982) would still allow it (Newcombe 2006).
    Multiclass: classes that occur in no row or in every row do not count. None where that leaves nothing or an output is NaN; no
    bounds with fewer than two rows of a class.
    """
    if not len(y) or not np.isfinite(outputs).all():
        return None
    labels = (1,) if outputs.shape[1] == 2 else tuple(range(outputs.shape[1]))  # noqa: PLR2004 - binary
    parts = [_influence(outputs[:, label], y == label) for label in labels if 0 < np.count_nonzero(y == label) < len(y)]
    if not parts:
        return None
    value = float(np.mean([area for area, _ in parts]))
    scarce = min(
        min(np.count_nonzero(y == label), np.count_nonzero(y != label)) for label in labels if (y == label).any() and (y != label).any()
    )
    if scarce < 2:  # noqa: PLR2004 - no variance in one row
        return Estimate(value)
    influence = np.mean([part for _, part in parts], axis=0)
    totals = groups.totals(influence)
    few_groups = 1.0 if groups.codes is None else groups.count / max(groups.count - 1, 1)
    error = float(np.sqrt(few_groups * np.sum(totals**2))) / len(y)
    if error <= 0:
        return _separated(value, int(scarce), len(y) - int(scarce), confidence)
    degrees = _degrees(influence, y == 1, error) if len(labels) == 1 and groups.codes is None else min(float(scarce), groups.count) - 1
    reach = student_quantile(confidence, max(degrees, 1.0)) * error
    return Estimate(value, max(value - reach, 0.0), min(value + reach, 1.0))


def _influence(score: Floats, positive: npt.NDArray[np.bool_]) -> tuple[float, Floats]:
    """The area of one class against the rest, and each row's influence on it (mean 0), from mid-ranks overall and within classes."""
    from scipy.stats import rankdata

    here, there = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(score)
    wins = np.empty(len(score))
    wins[positive] = (ranks[positive] - rankdata(score[positive])) / there
    wins[~positive] = 1.0 - (ranks[~positive] - rankdata(score[~positive])) / here
    area = float(wins[positive].mean())
    # The root of m (m - 1) in place of m makes the sum of squares that of both classes' unbiased variances.
    scale = np.where(positive, len(score) / np.sqrt(here * max(here - 1, 1)), len(score) / np.sqrt(there * max(there - 1, 1)))
    return area, scale * (wins - area)


def _degrees(influence: Floats, positive: npt.NDArray[np.bool_], error: float) -> float:
    """Satterthwaite's degrees of freedom of the sum of both classes' variances."""
    shares = [float(np.sum(influence[side] ** 2)) / len(influence) ** 2 / error**2 for side in (positive, ~positive)]
    sizes = [int(positive.sum()), int((~positive).sum())]
    return 1.0 / sum(share**2 / (size - 1) for share, size in zip(shares, sizes, strict=True))


def _separated(value: float, few: int, many: int, confidence: float) -> Estimate:
    """Bounds of an area whose estimated variance is 0; between 0 and 1 by the largest variance it can have (Birnbaum and Klose 1957)."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    z = float(norm.ppf(confidence))
    if value not in (0.0, 1.0):
        reach = z * math.sqrt(value * (1.0 - value) / few)
        return Estimate(value, max(value - reach, 0.0), min(value + reach, 1.0))
    lower = float(brentq(lambda area: (1.0 - area) - z * _hanley_mcneil(area, few, many), 1e-9, 1.0 - 1e-9))
    return Estimate(1.0, lower, 1.0) if value == 1.0 else Estimate(0.0, 0.0, 1.0 - lower)


def _hanley_mcneil(area: float, few: int, many: int) -> float:
    pairs = (few + many) / 2.0 - 1.0
    spread = 1.0 + pairs * ((1.0 - area) / (2.0 - area) + area / (1.0 + area))
    return float(np.sqrt(area * (1.0 - area) * spread / (few * many)))
