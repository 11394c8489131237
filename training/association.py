"""How well one feature alone predicts the target: what a leak looks like before anything is fitted."""

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.schema import ColumnKind, Task
from driftgate.training import values
from driftgate.training.values import Cells

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

_BINS = 64
_FOLDS = 3
_PRIOR_ROWS = 2.0


def score(column: Cells, kind: ColumnKind, outcome: Floats | Codes, task: Task, seed: int = 0) -> float | None:
    """Cross-validated ROC AUC (classification, macro one-against-rest) or R2 (regression) of the column alone.

    The prediction for a row is the mean outcome, among the rows of the other folds, of its bin (quantiles of a numeric column,
    levels of a categorical one), shrunk to the overall mean. None where it is undefined: a class too rare for the folds.
    """
    bins = _binned(column, kind)
    fold = np.random.default_rng(seed).permutation(len(bins)) % _FOLDS
    if task is Task.REGRESSION:
        truth = outcome.astype(np.float64)
        spread = float(np.sum((truth - truth.mean()) ** 2))
        return 1 - float(np.sum((truth - _out_of_fold(bins, truth, fold)) ** 2)) / spread if spread else None
    classes = np.unique(outcome)
    # One of two classes says all.
    judged = classes[1:] if len(classes) == 2 else classes  # noqa: PLR2004 - binary means two
    found = [_auc(outcome == code, _out_of_fold(bins, (outcome == code).astype(np.float64), fold)) for code in judged]
    return float(np.mean(found)) if found and np.isfinite(found).all() else None


def summing_pairs(numeric: dict[str, Floats], outcome: Floats, least: float) -> list[tuple[str, str, float]]:
    """Pairs of columns of which a linear combination explains at least `least` of the outcome's variance (R2), best first.

    R2 of two predictors from pairwise correlations, over the rows where nothing is missing.
    """
    columns = {name: cells for name, cells in numeric.items() if np.isfinite(cells).all() and float(np.std(cells)) > 0}
    if len(columns) < 2 or float(np.std(outcome)) == 0:  # noqa: PLR2004 - a pair
        return []
    names = list(columns)
    correlation = np.corrcoef(np.vstack([*columns.values(), outcome]))
    with_outcome = correlation[-1]
    found = []
    for first, second in combinations(range(len(names)), 2):
        between = correlation[first, second]
        if 1 - between**2 < 1e-9:  # noqa: PLR2004 - copies of each other add nothing
            continue
        a, b = with_outcome[first], with_outcome[second]
        explained = float((a**2 + b**2 - 2 * a * b * between) / (1 - between**2))
        if explained >= least:
            found.append((names[first], names[second], explained))
    return sorted(found, key=lambda pair: -pair[2])


def _binned(column: Cells, kind: ColumnKind) -> Codes:
    """A bin number per row; missing values have one of their own."""
    if kind is ColumnKind.CATEGORICAL:
        codes, levels = pd.factorize(values.text(column))
        return np.where(codes < 0, len(levels), codes).astype(np.int64)
    found, bad = values.numbers(column)
    known = np.isfinite(found) & ~bad
    if len(np.unique(found[known])) <= _BINS:
        edges = np.unique(found[known])
    else:
        edges = np.unique(np.quantile(found[known], np.linspace(0, 1, _BINS + 1)[1:-1]))
    return np.where(known, np.searchsorted(edges, found, side="left"), len(edges) + 1).astype(np.int64)


def _out_of_fold(bins: Codes, truth: Floats, fold: Codes) -> Floats:
    predicted = np.zeros(len(truth))
    width = int(bins.max()) + 1
    for held in range(_FOLDS):
        known = fold != held
        sums = np.bincount(bins[known], weights=truth[known], minlength=width)
        rows = np.bincount(bins[known], minlength=width)
        mean = float(truth[known].mean())
        predicted[~known] = ((sums + _PRIOR_ROWS * mean) / (rows + _PRIOR_ROWS))[bins[~known]]
    return predicted


def _auc(positive: npt.NDArray[np.bool_], predicted: Floats) -> float:
    """Mann-Whitney estimate, ties counted half; NaN where one class is absent."""
    hits, misses = int(positive.sum()), int((~positive).sum())
    if not hits or not misses:
        return float("nan")
    ranks = pd.Series(predicted).rank().to_numpy()
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * misses))
