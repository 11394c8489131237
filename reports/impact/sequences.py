"""Asymptotic confidence sequences: intervals of a difference that hold at all looks together, however often one looks.

Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence sequences" (Annals of
Statistics 2024): Robbins' normal mixture, section 2, for the difference of two arms' means, section 3 (their augmented estimator with
constant outcome models is that difference). Time is counted in *information*, 1 / error squared: where each entity gives one value it
runs as the number of entities does, and where entities go on giving, it counts what that adds. docs/discussions/sequential-verdicts.md.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.impact.contrasts import Contrast

TARGET = 2_000
"""Entities of the smaller arm at which the bounds are tightest. Elsewhere they are a little wider: 5 % at four times or a third of it."""
LEAST = 100
"""No sequence begins with fewer entities in its smaller arm: the theory is about large numbers."""
MOST_NEEDED = 1e9


@dataclass(frozen=True, slots=True)
class Course:
    """A sequence of looks: their bounds, and at which of them zero was outside for the first time, on which side.

    `began`: the first look with bounds. `sign`: 1 above zero, -1 below, 0 never, None where it was outside on both sides in turn. `clock`:
    information at the last look, in units in which the mixture is flat.
    """

    bounds: tuple[Estimate, ...]
    began: int | None
    sign: int | None
    decided: int | None
    clock: float | None


def tightest(level: float) -> float:
    """The clock at which the bounds are tightest: the root above 0 of c = ln((1 + c) / level squared).

    It is -1 - W(-level squared / e) with Lambert's W on its lower branch (the paper, appendix on the choice of rho).
    """
    clock = 1.0
    while True:
        # A contraction: its slope is 1 / (1 + clock).
        following = math.log1p(clock) - 2.0 * math.log(level)
        if abs(following - clock) < 1e-12:  # noqa: PLR2004 - as near as floats come
            return following
        clock = following


def reach(clock: float, level: float) -> float:
    """Half the width of the bounds in standard errors; clock: information times the mixture's variance, above 0."""
    return math.sqrt((1.0 + 1.0 / clock) * (math.log1p(clock) - 2.0 * math.log(level)))


def follow(contrasts: Sequence[Contrast], level: float, *, target: int = TARGET, least: int = LEAST) -> Course:
    """The bounds of each look in order, and what they decide; `level`: the chance that the truth is outside at any look.

    Bounds begin at the first look at which the smaller arm has `least` entities, and as many as the skewness of the values asks for
    (`Contrast.required`); after that every look has them that has an error above 0. The normal quantile is widened to Student's t.
    """
    begun = ((place, each) for place, each in enumerate(contrasts) if _enough(each, least))
    began, first = next(begun, (None, None))
    if began is None or first is None:
        return Course(tuple(Estimate(each.value) for each in contrasts), None, 0, None, None)
    pace = tightest(level) * first.smallest / target * first.error**2
    later = [(place, each) for place, each in enumerate(contrasts) if place >= began and each.error > 0]
    clock = pace / later[-1][1].error ** 2
    halves = _student([reach(pace / each.error**2, level) for _, each in later], [each.degrees for _, each in later])
    bounds, signs = [Estimate(each.value) for each in contrasts], dict[int, int]()
    for (place, each), factor in zip(later, halves, strict=True):
        half = factor * each.error
        bounds[place] = Estimate(each.value, each.value - half, each.value + half)
        if abs(each.value) > half:
            signs.setdefault(1 if each.value > 0 else -1, place)
    if not signs:
        return Course(tuple(bounds), began, 0, None, clock)
    return Course(tuple(bounds), began, next(iter(signs)) if len(signs) == 1 else None, min(signs.values()), clock)


def still_needed(last: Contrast, clock: float, level: float) -> int | None:
    """How many more entities the smaller arm would need until zero is outside, if the difference and the spread stay as they are.

    A projection with no promise: the present difference is itself an estimate. None where no number below a billion would do.
    """
    if not (last.error > 0 and math.isfinite(last.value)) or last.value == 0:
        return None
    high = 1.0
    while not _apart(last, clock, high, level):
        high *= 2.0
        if last.smallest * high > MOST_NEEDED:
            return None
    low = high / 2.0 if high > 1 else 0.0
    while (high - low) * last.smallest > 1:
        middle = (low + high) / 2.0
        low, high = (low, middle) if _apart(last, clock, middle, level) else (middle, high)
    return max(0, math.ceil((high - 1.0) * last.smallest))


def _apart(last: Contrast, clock: float, times: float, level: float) -> bool:
    return abs(last.value) > reach(clock * times, level) * last.error / math.sqrt(times)


def _enough(contrast: Contrast, least: int) -> bool:
    return contrast.smallest >= max(least, contrast.required) and contrast.error > 0 and math.isfinite(contrast.value)


def _student(normal: Sequence[float], degrees: Sequence[float]) -> list[float]:
    """The quantiles of Student's t with the same tails as these quantiles of the normal distribution."""
    from scipy.special import ndtr, stdtrit

    return [float(quantile) for quantile in -stdtrit(degrees, ndtr([-each for each in normal]))]
