"""The profile of a column of numbers: every distinct value with its count, or a bounded number of them that stand for all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from driftgate.reports.profiles.moments import FloatArray, IntArray, Moments, of_atoms

LOSSLESS = 200_000
"""Distinct values up to which a profile holds every one."""
KEPT = 4
"""A profile beyond that is cut to a quarter of it, so that many merges pass between two cuts."""


@dataclass(frozen=True, slots=True, eq=False)
class NumericProfile:
    """How often each value occurs among the rows of a column.

    `missing`: rows without a usable value; of them `infinite` held an infinite one and `unreadable` something that is no number.
    `values`: finite, ascending, distinct; -0.0 is 0.0. `counts`: rows that each stands for, int64. `exact`: the values are all
    there were. Else they are some of them (the least and the greatest among them) and the number of rows at or below any value
    is off by at most `error` rows. `moments` are of all rows either way. Arrays are read-only.
    """

    name: str
    rows: int
    missing: int
    infinite: int
    unreadable: int
    values: FloatArray
    counts: IntArray
    moments: Moments
    exact: bool = True
    error: int = 0

    def __post_init__(self) -> None:
        self.values.setflags(write=False)
        self.counts.setflags(write=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NumericProfile):
            return NotImplemented
        same = self._scalars() == other._scalars()
        return same and np.array_equal(self.values, other.values) and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash((self.name, self.rows, self.missing, len(self.values)))

    @property
    def held(self) -> int:
        """Rows with a usable value."""
        return self.rows - self.missing

    @property
    def mean(self) -> float:
        """Mean of the usable values; NaN without any."""
        return self.moments.mean if self.held else math.nan

    @property
    def deviation(self) -> float:
        """Population standard deviation; NaN without a usable value.

        Where the squares pass the largest float, that of the atoms.
        """
        found = self.moments.deviation
        if not math.isinf(found):
            return found
        unit = float(np.abs(self.values).max())
        return unit * of_atoms(self.values / unit, self.counts).deviation

    @property
    def minimum(self) -> float:
        """The least usable value; NaN without any."""
        return self.moments.minimum if self.held else math.nan

    @property
    def maximum(self) -> float:
        """The greatest usable value; NaN without any."""
        return self.moments.maximum if self.held else math.nan

    @property
    def rank_error(self) -> float:
        """The most that the share of values at or below any number can be off: 0 for an exact profile; NaN without a usable value."""
        return self.error / self.held if self.held else math.nan

    def quantile(self, share: float) -> float:
        """The least value at or below which that share of the values lies (inverted distribution function); NaN without values.

        Of a profile that is not exact, it is the quantile of some share at most `rank_error` away.
        """
        return float(self.quantiles([share])[0])

    def quantiles(self, shares: Sequence[float] | FloatArray) -> FloatArray:
        """`quantile` of each share, in one pass."""
        if not self.held:
            return np.full(len(shares), np.nan)
        at = np.searchsorted(np.cumsum(self.counts), np.asarray(shares, dtype=np.float64) * self.held, side="left")
        return self.values[np.minimum(at, len(self.values) - 1)]

    def merged(self, other: "NumericProfile", *, lossless: int = LOSSLESS) -> "NumericProfile":
        """The profile of the rows of both.

        Of two exact ones it equals the profile of all rows, to the last bit. Else their errors add, and a cut adds its own.
        """
        values, counts = _summed(np.concatenate([self.values, other.values]), np.concatenate([self.counts, other.counts]))
        exact = self.exact and other.exact
        return _bounded(
            NumericProfile(
                name=self.name,
                rows=self.rows + other.rows,
                missing=self.missing + other.missing,
                infinite=self.infinite + other.infinite,
                unreadable=self.unreadable + other.unreadable,
                values=values,
                counts=counts,
                moments=of_atoms(values, counts) if exact else self.moments.merged(other.moments),
                exact=exact,
                error=self.error + other.error,
            ),
            lossless,
        )

    def _scalars(self) -> tuple[object, ...]:
        return (self.name, self.rows, self.missing, self.infinite, self.unreadable, self.moments, self.exact, self.error)


def of_values(name: str, values: FloatArray, *, unreadable: int = 0, lossless: int = LOSSLESS) -> NumericProfile:
    """The profile of a column's values, shape (rows,), which stay as they are; NaN: no value. `unreadable` of the NaN were no numbers."""
    # Adding 0.0 turns -0.0 into 0.0, and makes the copy that is sorted: infinite values to the ends, NaN behind them.
    every = values + 0.0
    every.sort()
    first, known = np.searchsorted(every, [-np.inf, np.inf], side="right").tolist()
    ascending = every[first : int(np.searchsorted(every, np.inf, side="left"))]
    held = len(ascending)
    new = ascending[1:] != ascending[:-1]
    if new.all():
        # Where no value comes twice, half of the memory would be ones.
        atoms, counts = ascending, np.broadcast_to(np.ones((), dtype=np.int64), (held,))
    else:
        starts = _starts(new)
        atoms, counts = ascending[starts], np.diff(starts, append=held)
    del new
    profile = NumericProfile(
        name=name,
        rows=len(values),
        missing=len(values) - held,
        infinite=int(known) - held,
        unreadable=unreadable,
        values=atoms,
        counts=counts,
        moments=of_atoms(atoms, counts),
    )
    return _bounded(profile, lossless)


def _starts(new: npt.NDArray[np.bool_]) -> IntArray:
    """Where each run of equal values begins. `new`: whether each value but the first differs from the one before it."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.flatnonzero(new) + 1])


def _summed(values: FloatArray, counts: IntArray) -> tuple[FloatArray, IntArray]:
    """The distinct values, ascending, with the sums of their counts."""
    order = np.argsort(values, kind="stable")
    ascending, weights = values[order], counts[order]
    if not len(ascending):
        return ascending, weights
    starts = _starts(ascending[1:] != ascending[:-1])
    return ascending[starts], np.add.reduceat(weights, starts)


def _bounded(profile: NumericProfile, lossless: int) -> NumericProfile:
    """The profile, cut where it holds more values than `lossless`."""
    if len(profile.values) <= lossless:
        return profile
    values, counts, added = _cut(profile.values, profile.counts, max(lossless // KEPT, 1))
    return NumericProfile(
        name=profile.name,
        rows=profile.rows,
        missing=profile.missing,
        infinite=profile.infinite,
        unreadable=profile.unreadable,
        values=values,
        counts=counts,
        moments=profile.moments,
        exact=False,
        error=profile.error + added,
    )


def _cut(values: FloatArray, counts: IntArray, kept: int) -> tuple[FloatArray, IntArray, int]:
    """At most `kept` + 2 of the values, and the most rows by which a cumulated count now is off: at most one in `kept`.

    The ranks fall into `kept` equal ranges; the values with their middle rank in one range are replaced by their weighted median.
    The first and the last value stay. Nothing is drawn at random, so the same rows give the same profile.
    """
    through = np.cumsum(counts)
    before = through - counts
    total = int(through[-1])
    ranges = (before + through) * kept // (2 * total)
    ranges[0], ranges[-1] = -1, kept
    starts = np.concatenate([np.zeros(1, dtype=np.int64), np.flatnonzero(ranges[1:] != ranges[:-1]) + 1])
    weights = np.add.reduceat(counts, starts)
    median = np.searchsorted(2 * through, 2 * before[starts] + weights, side="left")
    below = before[median] - before[starts]
    above = before[starts] + weights - through[median]
    return values[median], weights, int(np.maximum(below, above).max())
