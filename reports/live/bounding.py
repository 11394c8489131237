"""Bounds of shares, means and ratios at any confidence, and the least level at which such a bound excludes a limit.

A monitor that may raise two false alarms a year judges at levels of a few in ten thousand, where resampled quantiles have run out of
resamples. So every bound here is a formula: of a share the exact binomial one, of anything else Student's t from each row's influence.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.lifecycle.measurements_live import Beyond
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports.blocks import FEWEST_BLOCKS, block_length
from driftgate.reports.bounds import Grouping, corrected, grouping, student_quantile

Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Bounding: TypeAlias = Callable[[float], Estimate]
"""An estimate whose one-sided bounds are each at the confidence that is asked for."""

LEAST_LEVEL = 1e-12
STEPS = 50
MIDDLING = 0.75
"""Near one half both of Student's quantiles vanish, and what few groups cost is taken at this confidence."""


def units(rows: int, entities: Any = None, times: Any = None, series: Floats | None = None) -> tuple[Grouping, ...]:
    """What counts as independent: rows, or entities where they repeat; with `times` also runs of neighbours in time.

    Runs are twice as long as the blocks that the series (the losses) calls for, so that what crosses their edges is small.
    """
    by_entity = grouping(rows, entities)
    if times is None or series is None or rows < 2 * FEWEST_BLOCKS or not np.isfinite(series).all():
        return (by_entity,)
    order = np.argsort(np.asarray(times), kind="stable")
    length = min(2 * block_length(series[order])[0], rows // FEWEST_BLOCKS)
    codes = np.empty(rows, dtype=np.int64)
    codes[order] = np.arange(rows) // length
    runs = Grouping(codes, int(codes.max()) + 1, "blocks")
    return (runs,) if by_entity.codes is None else (by_entity, runs)


def mean(values: Floats, groupings: Sequence[Grouping]) -> Bounding:
    """The mean of the values."""
    centre = float(values.mean()) if len(values) else float("nan")
    return ratio(centre, values - centre, groupings)


def mean_among(values: Floats, among: Mask, groupings: Sequence[Grouping]) -> Bounding:
    """The mean of some of the values. Student's degrees of freedom are those of the groups among them."""
    return mean(values[among], [groups_among(among, groups) for groups in groupings])


def groups_among(among: Mask, groups: Grouping) -> Grouping:
    """The groups of some of the rows."""
    if groups.codes is None:
        return Grouping(None, int(among.sum()), groups.units)
    present, codes = np.unique(groups.codes[among], return_inverse=True)
    return Grouping(codes.astype(np.int64), len(present), groups.units)


def ratio(value: float, influence: Floats, groupings: Sequence[Grouping]) -> Bounding:
    """Anything whose rows' influences are known (mean 0): `bounds.corrected` by each grouping, the wider of them."""
    return lambda confidence: wider([corrected(value, influence, confidence, groups) for groups in groupings])


def share(hits: Mask, groupings: Sequence[Grouping], among: Mask | None = None) -> Bounding:
    """The share of hits among some rows: exact binomial bounds (Clopper and Pearson 1934).

    Where groups repeat, on the number of independent rows that would be as sure (Korn and Graubard 1998, section 4), never more than there
    are rows. NaN where no row is among them.
    """
    counted = np.ones(len(hits), dtype=np.bool_) if among is None else among
    rows = int(counted.sum())
    rate = float(hits[counted].mean()) if rows else float("nan")

    def bounded(confidence: float) -> Estimate:
        return wider([_binomial(rate, _worth(hits, counted, rate, groups, confidence), confidence) for groups in groupings])

    return bounded


def _worth(hits: Mask, among: Mask, rate: float, groups: Grouping, confidence: float) -> float:
    """The number of independent rows that tell as much of the share as these."""
    rows = int(among.sum())
    if groups.codes is None or not rows:
        return float(rows)
    count = len(np.unique(groups.codes[among]))
    if count < 2:  # noqa: PLR2004 - no variance in one group
        return 0.0
    if rate in (0.0, 1.0):
        return float(count)
    totals = groups.totals(np.where(among, hits - rate, 0.0))
    inflation = max(1.0, count / (count - 1) * float(totals @ totals) / (rows * rate * (1.0 - rate)))
    judged = max(confidence, MIDDLING)
    few = student_quantile(judged, rows - 1) / student_quantile(judged, count - 1)
    return rows / inflation * min(1.0, few**2)


def _binomial(rate: float, rows: float, confidence: float) -> Estimate:
    from scipy.stats import beta

    if rows <= 0 or not np.isfinite(rate):
        return Estimate(rate)
    hits = rate * rows
    lower = float(beta.ppf(1.0 - confidence, hits, rows - hits + 1.0)) if hits > 0 else 0.0
    upper = float(beta.ppf(confidence, hits + 1.0, rows - hits)) if hits < rows else 1.0
    return Estimate(rate, min(lower, rate), max(upper, rate))


def mapped(bounding: Bounding, function: Callable[[float], float]) -> Bounding:
    """An increasing function of the number."""

    def bounded(confidence: float) -> Estimate:
        found = bounding(confidence)
        lower, upper = (None if bound is None else function(bound) for bound in (found.lower, found.upper))
        return Estimate(function(found.value), lower, upper)

    return bounded


def difference(first: Bounding, second: Bounding, factor: float = 1.0) -> Bounding:
    """First - factor x second, of two independent samples, from the bounds of each (MOVER: Zou and Donner 2008)."""

    def bounded(confidence: float) -> Estimate:
        here, there = first(confidence), second(confidence)
        value = here.value - factor * there.value
        if None in (here.lower, here.upper, there.lower, there.upper):
            return Estimate(value)
        below, above = _reach(here), _reach(there)
        return Estimate(value, value - float(np.hypot(below[0], factor * above[1])), value + float(np.hypot(below[1], factor * above[0])))

    return bounded


def growth(first: Bounding, second: Bounding) -> Bounding:
    """First / second - 1, of two independent samples with positive means (MOVER-R: Donner and Zou 2012).

    No upper bound where the second's lower bound is not above 0; no bounds where its value is not.
    """

    def bounded(confidence: float) -> Estimate:
        here, there = first(confidence), second(confidence)
        if there.value <= 0 or None in (here.lower, here.upper, there.lower, there.upper):
            return Estimate(here.value / there.value - 1.0 if there.value > 0 else float("nan"))
        (below, above), (less, more) = _reach(here), _reach(there)
        value = here.value / there.value - 1.0
        return Estimate(value, _root(here.value, there.value, below, more, -1.0), _root(here.value, there.value, above, less, 1.0))

    return bounded


def _reach(estimate: Estimate) -> tuple[float, float]:
    lower = estimate.value if estimate.lower is None else estimate.lower
    upper = estimate.value if estimate.upper is None else estimate.upper
    return estimate.value - lower, upper - estimate.value


def _root(here: float, there: float, own: float, other: float, side: float) -> float | None:
    """The ratio - 1 at which (here - ratio x there)^2 = own^2 + ratio^2 other^2, on that side of the estimate."""
    leading = there**2 - other**2
    if leading <= 0:
        return None if side > 0 else -1.0
    inside = (here * there) ** 2 - leading * (here**2 - own**2)
    return (here * there + side * float(np.sqrt(max(inside, 0.0)))) / leading - 1.0


def wider(estimates: Sequence[Estimate]) -> Estimate:
    """The value with the furthest bounds of all; none where one of them has none."""
    lowers, uppers = [each.lower for each in estimates], [each.upper for each in estimates]
    lower = None if None in lowers else min(bound for bound in lowers if bound is not None)
    upper = None if None in uppers else max(bound for bound in uppers if bound is not None)
    return Estimate(float(estimates[0].value), None if lower is None else float(lower), None if upper is None else float(upper))


def beyond(bounding: Bounding, limit: float, *, above: bool) -> Beyond:
    """How sure it is that the number lies above (else below) the limit: the least level whose bound excludes it, by bisection."""

    def excludes(level: float) -> bool:
        found = bounding(1.0 - level)
        bound = found.lower if above else found.upper
        return bound is not None and (bound > limit if above else bound < limit)

    start = bounding(0.5)
    if not np.isfinite(start.value) or (start.lower if above else start.upper) is None:
        return Beyond(limit, None)
    if not excludes(0.5):
        return Beyond(limit, 1.0)
    low, high = np.log(LEAST_LEVEL), np.log(0.5)
    if excludes(LEAST_LEVEL):
        return Beyond(limit, LEAST_LEVEL)
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if excludes(float(np.exp(middle))) else (middle, high)
    return Beyond(limit, float(np.exp(high)))


def beyond_either(bounding: Bounding, low: float, high: float) -> Beyond:
    """How sure it is that the number lies under `low` or over `high`; its `limit` is the nearer of both.

    Both tails count: at the nearer limit an estimate may be as far outside on the other side, too, and with limits that lie close
    together next to the error, such as one of 0 in either direction, that doubles the chance of a false alarm.
    """
    value = bounding(0.5).value
    above = value >= (low + high) / 2.0
    near, far = (high, low) if above else (low, high)
    tails = [beyond(bounding, limit, above=above).p_value for limit in (near, far)]
    known = [tail for tail in tails if tail is not None]
    return Beyond(near, min(1.0, sum(known)) if len(known) == len(tails) else None)
