"""Domain shift: how well a classifier tells the rows of a window from those of the snapshot."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.measurements_shift import ColumnShift, DomainShift
from driftgate.lifecycle.schema import Schema
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.bounds import student_quantile
from driftgate.reports.shift.crossfit import Samples, chances, draw, splits
from driftgate.reports.shift.encoding import Matrix, encode

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

MOST_ROWS = 5_000
"""Rows drawn of each side: they bound the area to about 0.01."""
LEAST_ROWS = 50
"""Fewer rows (entities, where they repeat) on a side are too little evidence for any verdict."""
SHARED_ROWS = 2.0
"""Each pair of folds counts twice in the variance: what two folds share by chance helps both, as either is judged by a fit to the other."""
CELLS = 16
"""Cells of about equal counts that a single column's numbers are judged in."""
PRIOR_ROWS = 5.0
"""Rows without a preference that are added to each cell, so that a rare one says little."""


def measure(
    schema: Schema, reference: pd.DataFrame, current: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0, most_rows: int = MOST_ROWS
) -> DomainShift:
    """The cross-validated area under the ROC curve of a classifier between both sides, with one-sided bounds, each at `confidence`.

    `reference`: the snapshot's rows; `current`: the window's; columns may be missing or of another type. Trees (gradient boosting) over
    five folds, an entity with all its rows in one (Lopez-Paz and Oquab 2017). Areas are taken within folds and averaged, because scores of
    different fits are not comparable. Variance: DeLong (1988) within each fold, summed over entities, doubled for what folds share;
    t with the units of the smaller side - 1. At most `most_rows` rows a side, drawn by the seed.
    """
    samples = draw(schema, reference, current, most_rows, seed)
    matrix = encode(schema, reference.iloc[samples.reference], current.iloc[samples.current])
    units = min(samples.units(samples.window), samples.units(~samples.window))
    undecided = _lacking(samples, matrix, units)
    auc: Estimate | None = None
    columns: tuple[ColumnShift, ...] = ()
    if undecided is None:
        auc = _bounded(chances(matrix, samples.window, samples.folds, seed), samples, units, confidence)
        columns = _columns(matrix, samples)
    return DomainShift(
        rows=len(current),
        reference_rows=len(reference),
        judged_rows=len(samples.current),
        judged_reference_rows=len(samples.reference),
        units=samples.groups.units,
        auc=auc,
        confidence=confidence,
        columns=columns,
        left_out=matrix.left_out,
        undecided=undecided,
        seed=seed,
    )


def _lacking(samples: Samples, matrix: Matrix, units: int) -> str | None:
    if units < LEAST_ROWS:
        side = "window" if samples.units(samples.window) == units else "snapshot"
        return f"too little evidence: {units} {samples.groups.units} in the {side}, and both sides need {LEAST_ROWS}"
    if not matrix.names:
        return "no column can take part: all are constant, ids, dates, or missing on a side"
    return None


def _bounded(scores: Floats, samples: Samples, units: int, confidence: float) -> Estimate:
    area, influence = _area(scores, samples)
    totals = samples.groups.totals(influence)
    error = float(np.sqrt(SHARED_ROWS * totals @ totals))
    # Where all of n units are told apart, their chance to be is at least (1 - confidence)^(1/n): Clopper and Pearson (1934).
    certain = (1.0 - confidence) ** (1.0 / units)
    if error <= 0:
        return Estimate(area, min(area, certain) if area > 0.5 else area, area)  # noqa: PLR2004 - chance
    reach = student_quantile(confidence, units - 1) * error
    return Estimate(area, max(min(area - reach, certain), 0.0), min(area + reach, 1.0))


def _area(scores: Floats, samples: Samples) -> tuple[float, Floats]:
    """The mean area over folds, weighted by their pairs of rows, and each row's part in its error, shape (rows,).

    The sum of squares of the parts is the variance. Folds that lack a side do not count.
    """
    parts, influence = [], np.zeros(len(scores))
    for _, fold in splits(samples.folds):
        mine = samples.window[fold]
        pairs = float(mine.sum()) * float((~mine).sum())
        if pairs:
            area, part = _placements(scores[fold], mine)
            influence[fold] = pairs * part
            parts.append((pairs, area))
    total = sum(pairs for pairs, _ in parts)
    return sum(pairs * area for pairs, area in parts) / total, influence / total


def _placements(scores: Floats, positive: Mask) -> tuple[float, Floats]:
    """The area and each row's part in its error, by mid-ranks (DeLong 1988; Sun and Xu 2014)."""
    from scipy.stats import rankdata

    here, there = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(scores)
    wins = np.empty(len(scores))
    wins[positive] = (ranks[positive] - rankdata(scores[positive])) / there
    wins[~positive] = 1.0 - (ranks[~positive] - rankdata(scores[~positive])) / here
    area = float(wins[positive].mean())
    sizes = np.where(positive, np.sqrt(here * max(here - 1, 1)), np.sqrt(there * max(there - 1, 1)))
    return area, (wins - area) / sizes


def _columns(matrix: Matrix, samples: Samples) -> tuple[ColumnShift, ...]:
    """Every column's area alone, the largest first."""
    found = [ColumnShift(name, _alone(matrix.design[:, at], samples)) for at, name in enumerate(matrix.names)]
    return tuple(sorted(found, key=lambda column: -column.auc))


def _alone(values: Floats, samples: Samples) -> float:
    """The cross-validated area of one column: a row's score is the window's share of its cell in the other folds."""
    cells = _cells(values)
    scores = np.zeros(len(values))
    for fit, held_out in splits(samples.folds):
        mine, all_rows = (np.bincount(cells[rows], minlength=int(cells.max()) + 1) for rows in (fit & samples.window, fit))
        prior = mine.sum() / all_rows.sum()
        scores[held_out] = ((mine + PRIOR_ROWS * prior) / (all_rows + PRIOR_ROWS))[cells[held_out]]
    return _area(scores, samples)[0]


def _cells(values: Floats) -> Ints:
    """The cell of each value: the value itself where few occur, else one of about equal counts; missing ones have their own."""
    held = np.isfinite(values)
    cells = np.zeros(len(values), dtype=np.int64)
    found = np.unique(values[held])
    if len(found) > 4 * CELLS:
        found = np.unique(np.quantile(values[held], np.linspace(0.0, 1.0, CELLS + 1)[1:], method="inverted_cdf"))
    cells[held] = 1 + np.minimum(np.searchsorted(found, values[held]), len(found) - 1)
    return cells
