"""The difference of two groups of independent entities, with what its error and skewness say about it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.bounds import student_quantile

Floats: TypeAlias = npt.NDArray[np.float64]

FOR_NORMALITY = 25.0
"""Of a group whose values have skewness g, at least this times g squared are needed before its mean is near enough to normal (Cochran
1977, section 2.15). Of a share p it asks for about 25 of the rarer outcome."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """A difference between groups of entities.

    `error`: its standard error. `degrees`: Satterthwaite's. `asymmetry`: its third central moment over the error cubed. `sizes`: entities
    of each group. `required`: how many the smallest group needs, by the skewness of all values together.
    """

    value: float
    error: float
    degrees: float
    asymmetry: float
    sizes: tuple[int, ...]
    required: int

    @property
    def smallest(self) -> int:
        """Entities of the smallest group."""
        return min(self.sizes)

    def bounds(self, confidence: float) -> Estimate:
        """The value with its two-sided interval: Welch's t after Hall's transformation, on neither side nearer than without it.

        Hall 1992, "On the removal of skewness by transformation", for two samples as in Zhou and Dinh 2005. No bounds where the
        error is 0 or undefined.
        """
        if not (math.isfinite(self.value) and math.isfinite(self.error) and self.error > 0):
            return Estimate(self.value)
        reach = student_quantile((1.0 + confidence) / 2.0, self.degrees)
        above, below = max(reach, _inverse_hall(reach, self.asymmetry)), min(-reach, _inverse_hall(-reach, self.asymmetry))
        return Estimate(self.value, self.value - above * self.error, self.value - below * self.error)

    def p_below(self) -> float | None:
        """The one-sided p-value of "the truth is not below 0", by the same method; None where the error is 0 or undefined."""
        if not (math.isfinite(self.value) and math.isfinite(self.error) and self.error > 0):
            return None
        from scipy.stats import t

        studentised = self.value / self.error
        return float(max(t.cdf(studentised, self.degrees), t.cdf(_hall(studentised, self.asymmetry), self.degrees)))


def between(first: Floats, second: Floats) -> Contrast:
    """The mean of the first group - the mean of the second. Undefined (NaN) where either has fewer than two entities."""
    parts = [(first - _mean(first)) / max(len(first), 1), -(second - _mean(second)) / max(len(second), 1)]
    return of(_mean(first) - _mean(second), parts, (len(first), len(second)), required([first, second]))


def within(values: Floats) -> Contrast:
    """The mean of one group. Undefined (NaN) with fewer than two entities."""
    return of(_mean(values), [(values - _mean(values)) / max(len(values), 1)], (len(values),), required([values]))


def of(value: float, parts: Sequence[Floats], sizes: tuple[int, ...], needed: int) -> Contrast:
    """The contrast of that value from what each entity adds to its deviation, one array for each independent group.

    `parts`: each with mean 0 (the delta method). `sizes`: of whatever groups have to be large enough.
    """
    if min(sizes) < 2 or not math.isfinite(value):  # noqa: PLR2004 - no variance in one entity
        return Contrast(value, math.nan, math.nan, 0.0, sizes, needed)
    counts = [len(part) for part in parts]
    variances = [count / (count - 1) * float(part @ part) for part, count in zip(parts, counts, strict=True)]
    error = math.sqrt(math.fsum(variances))
    if error == 0:
        return Contrast(value, 0.0, float(min(counts) - 1), 0.0, sizes, needed)
    degrees = error**4 / math.fsum(variance**2 / (count - 1) for variance, count in zip(variances, counts, strict=True))
    asymmetry = math.fsum(float(np.sum(part**3)) for part in parts) / error**3
    return Contrast(value, error, degrees, asymmetry, sizes, needed)


def required(groups: Sequence[Floats]) -> int:
    """How many entities each group needs, by the skewness of all of them together.

    Together, because a small group that happens to lack the rare outcome looks as if it were not skewed at all.
    """
    values = np.concatenate(groups)
    if not len(values) or not np.isfinite(values).all():
        return 0
    centred = values - values.mean()
    variance = float(np.mean(centred**2))
    return 0 if variance <= 0 else math.ceil(FOR_NORMALITY * (float(np.mean(centred**3)) / variance**1.5) ** 2)


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else math.nan


def _hall(studentised: float, asymmetry: float) -> float:
    return studentised + asymmetry * studentised**2 / 3.0 + asymmetry**2 * studentised**3 / 27.0 + asymmetry / 6.0


def _inverse_hall(transformed: float, asymmetry: float) -> float:
    if abs(asymmetry) < 1e-6:  # noqa: PLR2004 - the limit of the expression below
        return transformed
    return float(3.0 / asymmetry * (np.cbrt(1.0 + asymmetry * (transformed - asymmetry / 6.0)) - 1.0))
