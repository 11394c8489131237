"""What can drift in any column, the limits that matter, and the missing rate, which every kind of column has."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.reports.drift.resampling import FITTED, FloatArray, Relabelling

WASSERSTEIN = "normalised_wasserstein"
TOTAL_VARIATION = "total_variation"
MISSING = "missing_rate"
UNSEEN = "unseen_mass"

LEAST_USABLE = 10
"""Fewer values than this on a side say nothing about a distribution."""


@dataclass(frozen=True, slots=True)
class Materiality:
    """The least effect that matters, by method, beyond what chance gives at the sizes at hand.

    `normalised_wasserstein`: distance in reference standard deviations. `total_variation`: half the summed differences of
    level shares. `missing_rate`: difference of shares. `unseen_mass`: share of the window on levels the reference lacks.
    """

    normalised_wasserstein: float = 0.1
    total_variation: float = 0.05
    missing_rate: float = 0.03
    unseen_mass: float = 0.01


@dataclass(frozen=True, slots=True)
class Pool:
    """The rows that carry the significance test: positions in each side, and their relabelling.

    `inflation`: ratio of the standard error at the sizes of the sides to that at the pool's sizes (1 unless rows were drawn).
    """

    reference: npt.NDArray[np.int64]
    current: npt.NDArray[np.int64]
    labels: Relabelling
    inflation: float


@dataclass(frozen=True, slots=True)
class Aspect:
    """One way in which a column can drift.

    `effect`: in the method's unit, over all rows. `limit`: least effect that matters at these sizes. `chance`: mean effect
    under random labels. `surprises`: shape (1 + RANKED,), of the observed and of the random labels.
    """

    column: str
    method: str
    effect: float
    limit: float
    chance: float
    surprises: FloatArray


Tabulate: TypeAlias = Callable[[FloatArray], FloatArray]


def beside_chance(materiality: float, chance: float) -> float:
    """The limit for a distance whose mean under chance is `chance`: independent errors add in squares, so the limit does too.

    For a distance of 0.1 that is real and 0.07 that is chance, about sqrt(0.1**2 + 0.07**2) is observed, not their sum.
    """
    return math.hypot(materiality, chance)


def missing(
    column: str, before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_], pool: Pool, materiality: Materiality
) -> Aspect | None:
    """Change of the missing rate; None where no value is missing. `before`, `after`: which rows hold no value, all rows.

    Two proportions, by the exact conditional (hypergeometric) tail in the pool, doubled.
    """
    if not before.any() and not after.any():
        return None
    pooled = np.concatenate([before[pool.reference], after[pool.current]]).astype(np.int64)
    counts = pool.labels.apply(pooled, 2, lambda table: table[:, 1:])[:, 0]
    rows, window = pool.labels.rows, pool.labels.window_rows
    gaps = np.abs(counts / window - (pooled.sum() - counts) / (rows - window))
    chance = float(gaps[1:].mean()) * pool.inflation
    return Aspect(
        column=column,
        method=MISSING,
        effect=abs(float(after.mean()) - float(before.mean())),
        limit=beside_chance(materiality.missing_rate, chance),
        chance=chance,
        surprises=_hypergeometric_surprise(ranked(counts), int(pooled.sum()), rows, window),
    )


def ranked(values: FloatArray) -> FloatArray:
    """The observed value and those of the ranked relabellings."""
    return np.concatenate([values[:1], values[1 + FITTED :]])


def _hypergeometric_surprise(counts: FloatArray, missing_rows: int, rows: int, window: int) -> FloatArray:
    from scipy.stats import hypergeom

    distinct, where = np.unique(counts, return_inverse=True)
    upper = hypergeom.logsf(distinct - 1, rows, missing_rows, window)
    lower = hypergeom.logcdf(distinct, rows, missing_rows, window)
    surprise: FloatArray = -np.minimum(np.minimum(upper, lower) + math.log(2), 0.0)
    return surprise[where]
