"""Nulls by relabelling pooled rows: which rows are called the window, how surprising a statistic is, and adjusted p-values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
Statistic: TypeAlias = Callable[[FloatArray], FloatArray]

FITTED = 400
"""Relabellings that the shape of each statistic's null is fitted to; the ranks come from others, so that the test stays exact."""
RANKED = 999
"""Relabellings that p-values are counted in: the least possible p-value is 1 / (RANKED + 1)."""
CELLS = 4_000_000
"""Counts held in memory at once."""
LEAST_SKEW = 0.05
LEAST_TAIL = 1e-300


@dataclass(frozen=True, slots=True)
class Relabelling:
    """Rows of a pool under the real labels (row 0) and under random ones.

    `listed`: shape (1 + FITTED + RANKED, k), positions in the pool of the rows that one side gets; that side is the
    window if `lists_window`, else the reference (whichever is smaller). `rows`, `window_rows`: sizes of pool and window.
    """

    listed: npt.NDArray[np.int32]
    lists_window: bool
    rows: int
    window_rows: int

    def apply(self, codes: IntArray, size: int, statistic: Statistic) -> FloatArray:
        """The statistic of every relabelling, shape (1 + FITTED + RANKED, statistics).

        `codes`: a cell in [0, size) for each row of the pool. The statistic gets the window's counts, shape (labellings, size).
        """
        step = max(1, CELLS // max(size, self.listed.shape[1]))
        parts = [statistic(self._counts(codes, size, start, start + step)) for start in range(0, len(self.listed), step)]
        return np.concatenate(parts)

    def _counts(self, codes: IntArray, size: int, start: int, stop: int) -> FloatArray:
        listed = self.listed[start:stop]
        offsets = (np.arange(len(listed), dtype=np.int64) * size)[:, None]
        counts = np.bincount((codes[listed] + offsets).ravel(), minlength=len(listed) * size).reshape(len(listed), size)
        return (counts if self.lists_window else np.bincount(codes, minlength=size) - counts).astype(np.float64)


def relabelling(reference_rows: int, window_rows: int, rng: np.random.Generator) -> Relabelling:
    """Random labels for a pool of `reference_rows` rows followed by `window_rows` rows; every statistic shares them.

    Sharing them over columns keeps the columns' dependence in the null (Westfall and Young 1993, section 2.2).
    """
    rows = reference_rows + window_rows
    lists_window = window_rows <= reference_rows
    size = min(reference_rows, window_rows)
    listed = np.empty((1 + FITTED + RANKED, size), dtype=np.int32)
    listed[0] = np.arange(reference_rows, rows) if lists_window else np.arange(reference_rows)
    for row in range(1, len(listed)):
        listed[row] = rng.choice(rows, size, replace=False, shuffle=False)
    return Relabelling(listed, lists_window, rows, window_rows)


def surprise(statistics: FloatArray) -> FloatArray:
    """How far each value lies in the upper tail of its own null, as -ln p: shape (1 + RANKED, statistics), observed first.

    The null's tail is a Pearson type III curve with the mean, variance and skewness of the first FITTED relabellings. It only
    puts statistics of different kinds on one scale; the p-values come from ranks. A statistic that never varies scores 0.
    """
    fitted, ranked = statistics[1 : 1 + FITTED], np.vstack([statistics[:1], statistics[1 + FITTED :]])
    mean, spread = fitted.mean(axis=0), fitted.std(axis=0)
    varies = spread > 1e-12 * (1 + np.abs(mean))
    scale = np.where(varies, spread, 1.0)
    skew = (((fitted - mean) / scale) ** 3).mean(axis=0)
    return np.asarray(np.where(varies, pearson_surprise((ranked - mean) / scale, skew), 0.0), dtype=np.float64)


def pearson_surprise(deviates: FloatArray, skew: FloatArray) -> FloatArray:
    """-ln of the upper tail of the Pearson type III distribution with mean 0, variance 1 and that skewness; 0 up to the mean.

    Statistics here are surprising by being large only, and at a strong skew nearly all of the mass sits just below the mean.
    """
    from scipy.special import gammaincc

    skew = np.maximum(skew, LEAST_SKEW)
    shape = 4 / skew**2
    tail = gammaincc(shape, np.maximum(shape + 2 * deviates / skew, 0))
    return np.asarray(np.where(deviates > 0, -np.log(np.maximum(tail, LEAST_TAIL)), 0.0), dtype=np.float64)


def step_down(surprises: FloatArray) -> FloatArray:
    """p-values adjusted over the hypotheses in the columns of `surprises` (row 0 observed, the rest from the null).

    The chance that any true null hypothesis gets a value of at most a is at most a. Step-down max-T: Westfall and Young (1993),
    algorithm 4.1; ranks count the observed labelling among the random ones, so that the test is exact at any number of them.
    """
    observed: FloatArray = surprises[0]
    null: FloatArray = surprises[1:]
    if observed.size == 0:
        return np.zeros(0)
    order = np.argsort(observed, kind="stable")
    largest = np.maximum.accumulate(null[:, order], axis=1)
    reached = (largest >= observed[order]).sum(axis=0)
    stepped = np.maximum.accumulate(((1 + reached) / (1 + len(null)))[::-1])[::-1]
    adjusted: FloatArray = np.empty_like(observed)
    adjusted[order] = stepped
    return adjusted
