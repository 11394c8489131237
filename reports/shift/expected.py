"""The loss to expect from a shift, read in two ways: the population moved and labels moved with it, or values are corrupt and labels stay.

Without outcomes nobody can tell which holds, so both are said: docs/discussions/expected-loss.md.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.findings import Assumption, Reading
from driftgate.lifecycle.schema import Schema
from driftgate.reports.bounds import corrected
from driftgate.reports.shift.calibrating import platt
from driftgate.reports.shift.crossfit import Samples, chances, draw, expectations
from driftgate.reports.shift.encoding import Matrix, encode
from driftgate.reports.shift.envelope import corrupt, envelope, limit_for

__all__ = ["Weights", "corrupt", "envelope", "limit_for", "moved", "weights"]

Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]

MOST_ROWS = 5_000
"""Rows drawn of each side."""
LEAST_ROWS = 50
"""Fewer rows (entities, where they repeat) on a side are too little evidence."""
LEAST_EFFECTIVE = 50.0
"""Fewer effective rows than this carry no estimate: it would hang on a handful of holdout rows."""
LEAST_COVERED = 0.5
"""Least share of the window that must lie where the holdout has rows."""
MOST_WEIGHT = 20.0
"""No holdout row stands for more than so many: a larger density ratio is known too badly to be used (Ionides 2008)."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How often each holdout row occurs in the window for each time that it occurs on the holdout; mean 1, shape (rows,).

    `effective`: rows of equal weight that would say as much (Kish 1965, section 11.7). `covered`: share of the window that lies where
    the holdout has rows: the mean of the ratios before they are normalised, which is 1 where it covers the window.
    """

    of_rows: Floats
    effective: float
    covered: float


def moved(
    schema: Schema,
    holdout: pd.DataFrame,
    loss: Floats,
    window: pd.DataFrame,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    most_rows: int = MOST_ROWS,
) -> Reading:
    """The growth of the loss over the holdout's, if the population moved and outcomes given inputs stayed what they were.

    `loss`: of each holdout row, shape (rows,); rows whose loss is not finite do not count. Holdout losses weighted by the density ratio
    that a cross-fitted classifier between both sides gives, plus what a cross-fitted regression of the loss expects of the window
    (doubly robust: Robins, Rotnitzky and Zhao 1994; Reddi, Poczos and Smola 2015). One-sided bounds, each at `confidence`, from each
    row's influence on either part. None where rows, effective rows or the overlap are too few; the words say which.
    Raises InvalidData where there is not one loss for each row.
    """
    if len(loss) != len(holdout):
        raise InvalidData(f"there are {len(loss)} losses for {len(holdout)} rows of the holdout: give one for each row")
    usable = np.isfinite(loss)
    holdout, loss = holdout.loc[usable].reset_index(drop=True), np.asarray(loss, dtype=np.float64)[usable]
    samples = draw(schema, holdout, window, most_rows, seed)
    matrix = encode(schema, holdout.iloc[samples.reference], window.iloc[samples.current])
    loss = loss[samples.reference]
    lacking = _lacking(samples, matrix, loss)
    if lacking:
        return Reading(Assumption.MOVED, None, lacking)
    found = weights(chances(matrix, samples.window, samples.folds, seed), samples.window)
    sizes = f"{found.effective:.0f} effective of {len(loss)} holdout rows against {len(samples.current)} of the window"
    if found.covered < LEAST_COVERED:
        words = f"only about {found.covered:.0%} of the window lies where the holdout has rows, so its losses say nothing of the rest"
        return Reading(Assumption.MOVED, None, f"undecided: {words} ({sizes})")
    if found.effective < LEAST_EFFECTIVE:
        return Reading(Assumption.MOVED, None, f"undecided: {sizes}, and at least {LEAST_EFFECTIVE:.0f} are needed")
    return _reading(matrix, samples, loss, found, sizes, confidence, seed)


def _lacking(samples: Samples, matrix: Matrix, loss: Floats) -> str | None:
    for side, rows in (("holdout (with a loss)", ~samples.window), ("window", samples.window)):
        units = samples.units(rows)
        if units < LEAST_ROWS:
            return f"undecided: {units} {samples.groups.units} in the {side}, and at least {LEAST_ROWS} are needed"
    if not matrix.names:
        return "undecided: no column can take part: all are constant, ids, dates, or missing on a side"
    if not loss.mean() > 0:
        return "undecided: the loss on the holdout is 0, so nothing grows from it"
    return None


def _reading(matrix: Matrix, samples: Samples, loss: Floats, found: Weights, sizes: str, confidence: float, seed: int) -> Reading:
    expected = expectations(matrix, loss, ~samples.window, samples.folds, seed)
    theirs, mine = expected[samples.window], expected[~samples.window]
    base, residual = float(loss.mean()), loss - mine
    left = float(np.mean(found.of_rows * residual))
    growth = (float(theirs.mean()) + left) / base - 1.0
    rows = len(samples.window)
    influence = np.empty(rows)
    influence[samples.window] = rows / len(theirs) * (theirs - theirs.mean()) / base
    influence[~samples.window] = rows / len(loss) * (found.of_rows * (residual - left) - (1.0 + growth) * (loss - base)) / base
    bounded = corrected(growth, influence, confidence, samples.groups)
    return Reading(Assumption.MOVED, bounded, f"if the population moved, and the same inputs still lead to the same outcomes: {sizes}")


def weights(scores: Floats, window: Mask) -> Weights:
    """The weights of the rows that are not the window's, from cross-fitted log-odds of being the window's, shape (all rows,).

    The log-odds are calibrated on all rows (Platt 1999), both sides weighing the same; the ratio is clipped at `MOST_WEIGHT`.
    """
    intercept, slope = platt(scores, window, np.where(window, 0.5 / window.sum(), 0.5 / (~window).sum()))
    ratios = np.exp(np.minimum(intercept + slope * scores[~window], np.log(MOST_WEIGHT)))
    covered = float(ratios.mean())
    if covered <= 0:
        return Weights(np.ones(len(ratios)), 0.0, 0.0)
    return Weights(ratios / covered, float(ratios.sum() ** 2 / (ratios @ ratios)), min(covered, 1.0))
