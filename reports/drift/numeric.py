"""Drift of a numeric column: Wasserstein distance as the effect, Anderson-Darling together with Wasserstein as the test."""

import numpy as np

from driftgate.reports.drift.aspects import WASSERSTEIN, Aspect, Materiality, Pool, beside_chance
from driftgate.reports.drift.resampling import FloatArray, IntArray, surprise

BINS = 1_000
"""Cells that pooled values are tested in; ties share a cell, and effects are computed from the values themselves."""
NORMAL_IQR = 1.349
WINSOR = 0.01
FENCE = 3.0
EVIDENTLY_LEAST_DEVIATION = 0.001


def wasserstein(reference: FloatArray, current: FloatArray) -> float:
    """The first Wasserstein distance: area between the distribution functions, in the values' unit. No NaN, no empty side."""
    before, after = np.sort(reference), np.sort(current)
    every = np.sort(np.concatenate([before, after]))
    below, above = (np.searchsorted(side, every[:-1], side="right") / len(side) for side in (before, after))
    return float(np.sum(np.abs(below - above) * np.diff(every)))


def kolmogorov_smirnov(reference: FloatArray, current: FloatArray) -> float:
    """The largest gap between the two distribution functions, in [0, 1]. Shown because people know it; not judged."""
    every = np.concatenate([reference, current])
    below, above = (np.searchsorted(np.sort(side), every, side="right") / len(side) for side in (reference, current))
    return float(np.max(np.abs(below - above)))


def evidently_wasserstein(reference: FloatArray, current: FloatArray) -> float:
    """Evidently 0.7's "Wasserstein distance (normed)": over the reference's population standard deviation, at least 0.001."""
    return wasserstein(reference, current) / max(float(np.std(reference)), EVIDENTLY_LEAST_DEVIATION)


def spread(reference: FloatArray, current: FloatArray) -> float:
    """The unit of a material shift: the smaller of the reference's standard deviation and a robust one.

    Robust: interquartile range / 1.349, or where that is 0 the deviation of values winsorised at 1 %; one outlier in the
    reference moves neither. A constant reference has no unit of its own: then it is the deviation of both sides together,
    and 1 where both hold one and the same value.
    """
    low, first, third, high = np.quantile(reference, (WINSOR, 0.25, 0.75, 1 - WINSOR))
    robust = (third - first) / NORMAL_IQR or float(np.std(np.clip(reference, low, high)))
    deviation = float(np.std(reference))
    found = min(deviation, robust) if robust > 0 else deviation
    if found > np.finfo(np.float64).eps * float(np.max(np.abs(reference), initial=0.0)):
        return float(found)
    return float(np.std(np.concatenate([reference, current]))) or 1.0


def distribution(column: str, reference: FloatArray, current: FloatArray, pool: Pool, materiality: Materiality) -> Aspect:
    """The drift of the column's values; NaN is missing and left out. Both sides hold at least one value."""
    before, after = (side[np.isfinite(side)] for side in (reference, current))
    unit = spread(before, after)
    low, high = fence(before, after, unit)
    codes, centres = _cells(np.concatenate([reference[pool.reference], current[pool.current]]))
    totals = np.bincount(codes, minlength=len(centres) + 1)[1:].astype(np.float64)
    scales = (centres, np.clip(centres, low, high))
    draws = pool.labels.apply(codes, len(centres) + 1, lambda table: _statistics(table[:, 1:], totals, scales))
    chance = float(draws[1:, 2].mean()) / unit * pool.inflation
    return Aspect(
        column=column,
        method=WASSERSTEIN,
        effect=wasserstein(np.clip(before, low, high), np.clip(after, low, high)) / unit,
        limit=beside_chance(materiality.normalised_wasserstein, chance),
        chance=chance,
        surprises=surprise(draws[:, :2]).max(axis=1),
    )


def fence(reference: FloatArray, current: FloatArray, unit: float) -> tuple[float, float]:
    """The range that values are drawn in to for the effect: FENCE units beyond the central 98 % of both sides.

    Without it one value of 1e6 in the reference would move the distance by more than any drift of the rest, in the data and
    in every relabelling alike.
    """
    low = min(float(np.quantile(side, WINSOR, method="inverted_cdf")) for side in (reference, current))
    high = max(float(np.quantile(side, 1 - WINSOR, method="inverted_cdf")) for side in (reference, current))
    return low - FENCE * unit, high + FENCE * unit


def _cells(values: FloatArray) -> tuple[IntArray, FloatArray]:
    """A cell for each value (0: missing) and the mean value of the cells from 1 on, ascending.

    Cells depend on the pooled values only, never on their labels, so that a test in cells is as exact as one in values.
    """
    held = np.isfinite(values)
    codes = np.zeros(len(values), dtype=np.int64)
    if not held.any():
        return codes, np.zeros(1)
    distinct = np.unique(values[held])
    if len(distinct) > BINS:
        edges = np.unique(np.quantile(values[held], np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf"))
        cell = np.searchsorted(edges, values[held], side="left")
    else:
        cell = np.searchsorted(distinct, values[held])
    _, cell = np.unique(cell, return_inverse=True)
    codes[held] = cell + 1
    return codes, np.bincount(cell, weights=values[held]) / np.bincount(cell)


def _statistics(window: FloatArray, totals: FloatArray, scales: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Wasserstein distance, Anderson-Darling statistic and fenced distance of each row of window counts; 0 where a side is empty.

    Anderson-Darling: Scholz and Stephens (1987), equation 6 (ties allowed) for two samples, without its constant factor.
    """
    rows = totals.sum()
    inside = window.sum(axis=1, keepdims=True)
    outside = rows - inside
    below = np.cumsum(window, axis=1)[:, :-1]
    pooled = np.cumsum(totals)[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = below / inside - (pooled - below) / outside
        weight = totals[:-1] / rows / ((pooled / rows) * (1 - pooled / rows))
        distance, fenced = (np.abs(gap) @ np.diff(centres) for centres in scales)
        darling = (gap**2 @ weight) * (inside * outside)[:, 0] / rows
    found = np.column_stack([distance, darling, fenced])
    return np.where(np.isfinite(found), found, 0.0)
