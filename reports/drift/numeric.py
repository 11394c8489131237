"""Drift of a numeric column: Wasserstein distance as the effect; as the test three statistics that find different drifts together."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.reports.drift import nulls, surprise
from driftgate.reports.drift.aspects import WASSERSTEIN, Aspect, Materiality, Score, beside_chance
from driftgate.reports.drift.nulls import Floats, Gaps, Ints

Counts: TypeAlias = npt.NDArray[np.int32] | npt.NDArray[np.int64]

BLOCK = 16_384
"""Values at a time, where sides hold millions."""
CELLS = 96
"""Cells of equal counts that pooled values are tested in, beside finer ones towards both ends."""
LEAST_EXPECTED, LEAST_NORMAL = 2.0, 5.0
"""A rank is looked at on its own where each side expects at least so many rows beyond it; more, where counts are taken for normal."""
NORMAL_IQR = 1.349
WINSOR = 0.01
FENCE = 3.0
EVIDENTLY_LEAST_DEVIATION = 0.001


@dataclass(frozen=True, slots=True)
class Atoms:
    """The distinct values of one side, ascending, and how often each occurs; shapes (k,). At least one value.

    `known_deviation`: the standard deviation, where somebody has worked it out already.
    """

    values: Floats
    counts: Ints
    known_deviation: float | None = None

    @property
    def rows(self) -> int:
        """The number of values."""
        return int(self.counts.sum())

    def quantiles(self, *shares: float) -> list[float]:
        """The smallest value that at least that share of the values does not exceed, of each share."""
        cumulated = np.cumsum(self.counts)
        at = np.searchsorted(cumulated, np.array(shares) * cumulated[-1], side="left")
        return [float(value) for value in self.values[np.minimum(at, len(self.values) - 1)]]

    def deviation(self) -> float:
        """The population's standard deviation."""
        if self.known_deviation is not None:
            return self.known_deviation
        mean = float(self.values @ self.counts) / self.rows
        return float(np.sqrt(((self.values - mean) ** 2) @ self.counts / self.rows))


@dataclass(frozen=True, slots=True)
class Pooled:
    """Both sides' distinct values, ascending, and how many values of each side do not exceed them; shapes (k,)."""

    values: Floats
    reference: Counts
    window: Counts

    def blocks(self) -> Iterator[slice]:
        """All positions but the last, some at a time: what is made of a block stays in the processor's cache."""
        last = len(self.values) - 1
        return (slice(start, min(start + BLOCK, last)) for start in range(0, last, BLOCK))

    def distances(self, block: slice) -> Floats:
        """How far the distribution functions lie apart after each value of the block, without sign."""
        found: Floats = self.window[block] / self.window[-1]
        found -= self.reference[block] / self.reference[-1]
        return np.abs(found, out=found)


def pool(reference: Atoms, window: Atoms) -> Pooled:
    """Both sides together."""
    values = np.concatenate([reference.values, window.values])
    # Two ascending runs: a stable sort merges them in one pass.
    order = np.argsort(values, kind="stable")
    values = values[order]
    # Of millions of rows half of the memory is here.
    kind = np.int32 if reference.rows + window.rows < 2**31 else np.int64
    counts = np.concatenate([reference.counts, window.counts], dtype=kind, casting="unsafe")[order]
    theirs = np.multiply(counts, order >= len(reference.values)).cumsum(dtype=kind)
    del order
    mine = counts.cumsum(dtype=kind)
    mine -= theirs
    del counts
    last = np.empty(len(values), dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=last[:-1])
    last[-1] = True
    if not last.all():
        values, mine, theirs = values[last], mine[last], theirs[last]
    return Pooled(values, mine, theirs)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sides, and both together."""

    reference: Atoms
    window: Atoms
    pooled: Pooled


def pair(reference: Atoms, window: Atoms) -> Pair:
    """The two sides as a pair."""
    return Pair(reference, window, pool(reference, window))


def wasserstein(pooled: Pooled, low: float = -np.inf, high: float = np.inf) -> float:
    """The first Wasserstein distance, values drawn in to [low, high]: area between the distribution functions, in the values' unit."""
    area = 0.0
    for block in pooled.blocks():
        # Not a dot product: for a block this long it would wake the library's threads, which takes longer than the sum.
        parts = pooled.distances(block)
        parts *= np.diff(np.clip(pooled.values[block.start : block.stop + 1], low, high))
        area += float(parts.sum())
    return area


def kolmogorov_smirnov(pooled: Pooled) -> float:
    """The largest gap between the two distribution functions, in [0, 1]. Shown because people know it; not judged."""
    return max((float(pooled.distances(block).max()) for block in pooled.blocks()), default=0.0)


def evidently_wasserstein(pooled: Pooled, deviation: float) -> float:
    """Evidently 0.7's "Wasserstein distance (normed)": over the reference's population standard deviation, at least 0.001."""
    return wasserstein(pooled) / max(deviation, EVIDENTLY_LEAST_DEVIATION)


def spread(reference: Atoms, window: Atoms) -> float:
    """The unit of a material shift: the smaller of the reference's standard deviation and a robust one.

    Robust: interquartile range / 1.349, or where that is 0 the deviation of values winsorised at 1 %; one outlier in the
    reference moves neither. A constant reference has no unit of its own: then it is the deviation of both sides together,
    and 1 where both hold one and the same value.
    """
    low, first, third, high = reference.quantiles(WINSOR, 0.25, 0.75, 1 - WINSOR)
    robust = (third - first) / NORMAL_IQR or Atoms(np.clip(reference.values, low, high), reference.counts).deviation()
    deviation = reference.deviation()
    found = min(deviation, robust) if robust > 0 else deviation
    if found > np.finfo(np.float64).eps * max(abs(float(reference.values[0])), abs(float(reference.values[-1]))):
        return found
    both = Atoms(np.concatenate([reference.values, window.values]), np.concatenate([reference.counts, window.counts]))
    return both.deviation() or 1.0


def fence(reference: Atoms, window: Atoms, unit: float) -> tuple[float, float]:
    """The range that values are drawn in to for the effect: FENCE units beyond the central 98 % of both sides.

    Without it one value of 1e6 in the reference would move the distance by more than any drift of the rest, in the data and
    in every random labelling alike.
    """
    lows, highs = zip(*(side.quantiles(WINSOR, 1 - WINSOR) for side in (reference, window)), strict=True)
    return min(lows) - FENCE * unit, max(highs) + FENCE * unit


def distribution(everything: Pair, independent: Pair, sizes: tuple[int, int], materiality: Materiality, seed: int) -> Aspect:
    """The drift of the column's values.

    Args:
        everything: the values of all rows of reference and window; the effect is measured on them.
        independent: of the rows that count as independent; the test is made on them.
        sizes: how many rows count as independent, with or without a value.
        materiality: the least effect that matters.
        seed: of the random labels.
    """
    unit = spread(everything.reference, everything.window)
    low, high = fence(everything.reference, everything.window, unit)
    pooled = independent.pooled
    ends, centres = _cells(pooled)
    observed = _observed(pooled, ends)
    total = int(pooled.reference[-1] + pooled.window[-1])
    null = nulls.chance((pooled.reference + pooled.window)[ends], total, *sizes, seed)
    widths = np.diff(np.column_stack([centres, np.clip(centres, low, high)]), axis=0)
    least = (LEAST_EXPECTED if min(sizes) < nulls.FEW else LEAST_NORMAL) / min(pooled.reference[-1], pooled.window[-1])
    factor = nulls.scale(float(pooled.reference[-1]), float(pooled.window[-1])) * unit
    chance = float((np.abs(null.gaps) @ widths[:, 1]).mean()) / factor
    limit = beside_chance(materiality.normalised_wasserstein, chance)
    # Of the values as they are: what a few of them far out do by chance is in the draws as well.
    moved, by_chance = (np.abs(side.gaps) @ widths[:, 0] / factor for side in (observed, null))
    return Aspect(
        method=WASSERSTEIN,
        effect=wasserstein(everything.pooled, low, high) / unit,
        limit=limit,
        chance=chance,
        score=Score(float(moved[0]), by_chance),
        freedom=observed.gaps.shape[1],
        p_value=surprise.strongest_of(_statistics(observed, widths[:, 0], least)[0], _statistics(null, widths[:, 0], least)),
    )


def _cells(pooled: Pooled) -> tuple[Ints, Floats]:
    """Where the cells end but for the last one, as positions in `pooled.values`, and the mean value of each cell.

    Cells depend on the pooled values only, never on their labels, so that a test in cells is as exact as one in values.
    """
    below = pooled.reference + pooled.window
    rows = int(below[-1])
    if len(below) <= CELLS:
        ends = np.arange(len(below))
    else:
        fine = 2 ** np.arange(int(np.log2(rows / CELLS)) + 1)
        wanted = np.unique(np.concatenate([np.linspace(0, rows, CELLS + 1)[1:], fine, rows - fine]))
        ends = np.unique(np.searchsorted(below, wanted, side="left"))
    sums = np.add.reduceat(pooled.values * np.diff(below, prepend=0), np.concatenate([[0], ends[:-1] + 1]))
    return ends[:-1], sums / np.diff(below[ends], prepend=0)


def _observed(pooled: Pooled, ends: Ints) -> Gaps:
    below = (pooled.reference + pooled.window)[ends]
    factor = nulls.scale(float(pooled.reference[-1]), float(pooled.window[-1]))
    gap = pooled.window[ends] / pooled.window[-1] - pooled.reference[ends] / pooled.reference[-1]
    return Gaps(gap[None, :] * factor, below / (pooled.reference[-1] + pooled.window[-1]))


def _statistics(found: Gaps, widths: Floats, least: float) -> Floats:
    """Wasserstein distance, Anderson-Darling statistic and the largest standardised gap of each row of gaps, shape (rows, 3).

    Anderson-Darling: Scholz and Stephens (1987), equation 6 (ties allowed) for two samples, without its constant factor. The
    largest gap (in standard deviations, squared: Anderson and Darling 1952, section 5) is what finds a few rows far out in a tail.
    """
    if not found.gaps.shape[1]:
        return np.zeros((len(found.gaps), 3))
    variance = found.shares * (1 - found.shares)
    squares = found.gaps**2
    near = (found.shares >= least) & (1 - found.shares >= least)
    highest = (squares[:, near] / variance[near]).max(axis=1) if near.any() else np.zeros(len(squares))
    return np.column_stack([np.abs(found.gaps) @ widths, squares @ (np.diff(found.shares, prepend=0.0) / variance), highest])
