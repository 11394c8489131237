"""How surprising statistics are under chance, p-values beyond the draws, and what many of them at once may claim."""

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.reports.drift.gamma import log_upper_tail

Floats: TypeAlias = npt.NDArray[np.float64]

ANCHOR = 40
"""The draws that the tail beyond is hung on."""
LEAST_P = 1e-9
LEAST_SKEW = 0.05
LEAST_TAIL = 1e-300
CONSTANT = 1e-12
RELATIVE = 1e-9
GRID = 160


def strongest_of(observed: Floats, null: Floats) -> float:
    """The p-value of the most surprising of several statistics, for testing them together.

    Args:
        observed: shape (statistics,); a larger value is more surprising.
        null: shape (draws, statistics), under chance, each draw of all statistics together.
    """
    surprises = _surprise(np.vstack([observed, null])).max(axis=1)
    return tail(float(surprises[0]), surprises[1:])


def tail(observed: float, null: Floats) -> float:
    """The chance of a surprise at least as large.

    Counted among the draws (the observed one included, so never 0 by luck) as long as `ANCHOR` of them are as large. Beyond, surprises
    are -ln p of their statistics, whose tail falls as exp(-surprise) up to a constant, and that constant is read off at the anchor. No
    curve through some thousand draws is to be believed below `LEAST_P`.
    """
    reached = int((null >= observed).sum())
    if reached >= ANCHOR or len(null) <= ANCHOR:
        return (1 + reached) / (1 + len(null))
    anchor = float(np.partition(null, len(null) - ANCHOR)[len(null) - ANCHOR])
    # Where values come in steps, more draws than that lie on the anchor's.
    at_anchor = (1 + int((null >= anchor).sum())) / (1 + len(null))
    beyond = at_anchor * math.exp(-max(observed - anchor, 0.0))
    return min(max(beyond, LEAST_P), (1 + ANCHOR) / (1 + len(null)))


def tails(points: Floats, null: Floats) -> Floats:
    """The chance under the null of a value at least as large as each of the points, shape (points,); `null` holds draws, shape (draws,).

    As `tail`, and never less than the share of draws that are as large: a few values far out make a null of two humps, and beyond the
    first one no curve knows of the second.
    """
    ordered, draws = np.sort(null), len(null)
    mean, spread = float(ordered.mean()), float(ordered.std())
    if spread <= CONSTANT * (1 + abs(mean)):
        return np.where(points <= mean + CONSTANT * (1 + abs(mean)), 1.0, 0.0)
    reached = draws - np.searchsorted(ordered, points, side="left")
    counted = (1 + reached) / (1 + draws)
    if draws <= ANCHOR:
        return counted
    skew = max(float((((ordered - mean) / spread) ** 3).mean()), LEAST_SKEW)
    surprise = _curve((np.append(points, ordered[-ANCHOR]) - mean) / spread, skew)
    at_anchor = (1 + draws - int(np.searchsorted(ordered, ordered[-ANCHOR], side="left"))) / (1 + draws)
    beyond = np.minimum(at_anchor * np.exp(-np.maximum(surprise[:-1] - surprise[-1], 0.0)), (1 + ANCHOR) / (1 + draws))
    return np.where(reached >= ANCHOR, counted, np.maximum(beyond, reached / (1 + draws)))


def holm(p_values: Floats, weights: Floats) -> Floats:
    """p-values adjusted so that the chance of any false alarm among them is kept, however they depend on each other (Holm 1979).

    Each has a part of the level by its weight, above 0; both of shape (p-values,). Weights must not hang on the p-values.
    """
    if not len(p_values):
        return p_values
    ratios = p_values / weights
    order = np.argsort(ratios, kind="stable")
    stepped = np.maximum.accumulate(ratios[order] * weights[order][::-1].cumsum()[::-1])
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def least_of_discrete(p_values: Sequence[float], attainable: Sequence[Sequence[float]], apart: float = RELATIVE) -> Floats:
    """The chance that the least of several discrete p-values is as small as each of these, shape (p-values,).

    Each test counts with the largest p-value at most as large that it can attain, where p-values within `apart` of one another, as a
    share, are as large: one that has next to none costs nothing. Right under any dependence (Westfall and Wolfinger 1997, the discrete
    Bonferroni adjustment).
    """
    ordered = [np.array(sorted(own)) for own in attainable]

    def spent(p_value: float) -> float:
        places = [int(np.searchsorted(own, p_value * (1 + apart), side="right")) for own in ordered]
        return min(1.0, sum(float(own[place - 1]) for own, place in zip(ordered, places, strict=True) if place))

    return np.array([spent(p_value) for p_value in p_values])


def _surprise(statistics: Floats) -> Floats:
    """-ln of the upper tail of each statistic, by a Pearson type III curve with the mean, variance and skewness of the draws.

    Statistics here are surprising by being large only; up to the mean, or where one never varies, the surprise is 0. The curve puts
    different statistics on one scale; what counts in the end is the rank among draws that went through the same curve.
    """
    null = statistics[1:]
    mean, spread = null.mean(axis=0), null.std(axis=0)
    varies = spread > CONSTANT * (1 + np.abs(mean))
    deviates = (statistics - mean) / np.where(varies, spread, 1.0)
    skew = np.maximum((deviates[1:] ** 3).mean(axis=0), LEAST_SKEW)
    curves = [
        _curve(column, float(bend)) if moves else np.zeros(len(column))
        for column, bend, moves in zip(deviates.T, skew, varies, strict=True)
    ]
    return np.column_stack(curves)


def _curve(deviates: Floats, skew: float) -> Floats:
    """-ln of the upper tail of the Pearson type III distribution with mean 0, variance 1 and that skewness; 0 up to the mean."""
    shape = 4 / skew**2
    # The curve is smooth and the draws are many: it is drawn once and read off.
    grid = np.linspace(0.0, max(float(deviates.max()), 1e-9), GRID)
    values = -np.maximum(log_upper_tail(shape, shape + 2 * grid / skew), math.log(LEAST_TAIL))
    return np.where(deviates > 0, np.interp(deviates, grid, values), 0.0)
