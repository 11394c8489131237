"""Moments of numbers: mean, sums of central powers and range, mergeable without the values."""

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

BLOCK = 16_384
"""Values at a time, so that what is made of them stays in the processor's cache: millions are then read once, not ten times."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Count, mean, sums of the second to fourth powers of the deviations from the mean, and range.

    Of no values: 0, and the range is (inf, -inf). A sum beyond the largest float is infinite; a third one whose two sides both
    are, is NaN.
    """

    count: int = 0
    mean: float = 0.0
    m2: float = 0.0
    m3: float = 0.0
    m4: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Moments):
            return NotImplemented
        return all(mine == theirs or (mine != mine and theirs != theirs) for mine, theirs in zip(self.parts, other.parts, strict=True))  # noqa: PLR0124

    def __hash__(self) -> int:
        return hash((self.count, self.mean, self.m2))

    @property
    def parts(self) -> tuple[int, float, float, float, float, float, float]:
        """The fields in order."""
        return self.count, self.mean, self.m2, self.m3, self.m4, self.minimum, self.maximum

    @property
    def deviation(self) -> float:
        """Population standard deviation; NaN without values."""
        return math.sqrt(self.m2 / self.count) if self.count else math.nan

    @property
    def skewness(self) -> float:
        """Third standardised moment; NaN without values and where all are equal."""
        return _ratio(self.m3 / self.count, self.deviation**2, 1.5) if self.count else math.nan

    @property
    def kurtosis(self) -> float:
        """Fourth standardised moment (3 for a normal distribution); NaN without values and where all are equal."""
        return _ratio(self.m4 / self.count, self.deviation**2, 2.0) if self.count else math.nan

    def merged(self, other: "Moments") -> "Moments":
        """The moments of both together: Pebay (2008), SAND2008-6212, equations 2.1, 3.1 and their like for third and fourth powers."""
        if not self.count or not other.count:
            return self if self.count else other
        a, b, n = float(self.count), float(other.count), float(self.count + other.count)
        gap = other.mean - self.mean
        square = gap * gap
        return Moments(
            count=self.count + other.count,
            mean=_between(self.mean + gap * (b / n), min(self.minimum, other.minimum), max(self.maximum, other.maximum)),
            m2=self.m2 + other.m2 + square * (a * b / n),
            m3=self.m3 + other.m3 + square * gap * (a * b / n) * ((a - b) / n) + 3 * gap * (a / n * other.m2 - b / n * self.m2),
            m4=self.m4
            + other.m4
            + square * square * (a * b / n) * ((a * a - a * b + b * b) / (n * n))
            + 6 * square * ((a / n) ** 2 * other.m2 + (b / n) ** 2 * self.m2)
            + 4 * gap * (a / n * other.m3 - b / n * self.m3),
            minimum=min(self.minimum, other.minimum),
            maximum=max(self.maximum, other.maximum),
        )


def of_atoms(values: FloatArray, counts: IntArray) -> Moments:
    """The moments of ascending distinct finite values, each that often: always the same bits for the same atoms."""
    if not len(values):
        return Moments()
    count = int(counts.sum())
    low, high = float(values[0]), float(values[-1])
    blocks = [slice(start, start + BLOCK) for start in range(0, len(values), BLOCK)]
    # Not by dot products: their last bits depend on how many threads the library takes.
    with np.errstate(over="ignore", invalid="ignore"):
        mean = sum(float((values[block] * counts[block]).sum()) for block in blocks) / count
        if not math.isfinite(mean):
            mean = sum(float((values[block] * (counts[block] / count)).sum()) for block in blocks)
        mean = _between(mean, low, high)
        sums = np.zeros(3)
        for block in blocks:
            gaps = values[block] - mean
            powers = gaps * counts[block]
            for power in range(len(sums)):
                powers *= gaps
                sums[power] += powers.sum()
    m2, m3, m4 = sums.tolist()
    return Moments(count, mean, m2, m3, m4, low, high)


def _between(value: float, low: float, high: float) -> float:
    """The value drawn into the range: rounding must not put a mean outside its values."""
    return min(max(value, low), high)


def _ratio(moment: float, variance: float, power: float) -> float:
    return moment / variance**power if 0 < variance < math.inf else math.nan
