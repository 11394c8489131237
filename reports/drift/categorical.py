"""Drift of a categorical column: shares of levels, and levels that the reference lacks."""

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.reports.drift.aspects import TOTAL_VARIATION, UNSEEN, Aspect, Materiality, Pool, beside_chance, ranked
from driftgate.reports.drift.resampling import FloatArray, IntArray, pearson_surprise, surprise

LEAST_LOG_CHANCE = -140.0
"""Keeps the chance of a large level in the window alone above 0, where its cumulants would vanish."""
LEAST_EXPECTED = 5
"""Levels expected less often than this in the window are pooled into one for the chi-square."""

Levels: TypeAlias = npt.NDArray[np.object_]


def shares(reference: Levels, current: Levels) -> pd.DataFrame:
    """Share of each level among the values of each side, columns `reference` and `current`, index in level order."""
    sides = {"reference": reference, "current": current}
    counted = {name: pd.Series(side[pd.notna(side)], dtype=object).value_counts(normalize=True) for name, side in sides.items()}
    return pd.DataFrame(counted).fillna(0.0).sort_index()


def total_variation(table: pd.DataFrame) -> float:
    """Half the summed differences of the shares, in [0, 1]."""
    return float((table["reference"] - table["current"]).abs().sum() / 2)


def evidently_jensen_shannon(table: pd.DataFrame) -> float:
    """Evidently 0.7's "Jensen-Shannon distance" of the shares: square root of the divergence in nats (Lin 1991)."""
    from scipy.spatial.distance import jensenshannon

    return float(jensenshannon(table["reference"], table["current"]))


def aspects(column: str, reference: Levels, current: Levels, pool: Pool, materiality: Materiality) -> tuple[Aspect, Aspect]:
    """The drift of the shares and of the unseen mass; missing values are left out. Both sides hold at least one value."""
    pooled = np.concatenate([reference[pool.reference], current[pool.current]])
    codes = pd.factorize(pooled)[0].astype(np.int64) + 1
    totals = np.bincount(codes)[1:].astype(np.float64)
    draws = pool.labels.apply(codes, len(totals) + 1, lambda table: _statistics(table[:, 1:], totals, _rare(totals, pool)))
    table = shares(reference, current)
    return _distribution(column, table, draws, pool, materiality), _unseen(column, table, codes, draws, pool, materiality)


def _distribution(column: str, table: pd.DataFrame, draws: FloatArray, pool: Pool, materiality: Materiality) -> Aspect:
    chance = float(draws[1:, 0].mean()) * pool.inflation
    return Aspect(
        column=column,
        method=TOTAL_VARIATION,
        effect=total_variation(table),
        limit=beside_chance(materiality.total_variation, chance),
        chance=chance,
        surprises=surprise(draws[:, [1, 3]]).max(axis=1),
    )


def _unseen(column: str, table: pd.DataFrame, codes: IntArray, draws: FloatArray, pool: Pool, materiality: Materiality) -> Aspect:
    """Unseen levels of chance add to real ones, so the limit is their sum; surprise by the count's first three cumulants.

    The count jumps by whole levels: half the smallest one is taken off, as a continuity correction.
    """
    rows, window = pool.labels.rows, pool.labels.window_rows
    levels = np.bincount(codes)[1:]
    sizes, how_many = np.unique(levels[levels <= window], return_counts=True)
    alone = _all_in_window(sizes, rows, window)
    mean = float(how_many @ (sizes * alone))
    variance = float(how_many @ (sizes**2 * alone * (1 - alone)))
    third = float(how_many @ (sizes**3 * alone * (1 - alone) * (1 - 2 * alone)))
    chance = float(draws[1:, 2].mean()) / window
    return Aspect(
        column=column,
        method=UNSEEN,
        effect=float(table.loc[table["reference"] == 0, "current"].sum()),
        limit=materiality.unseen_mass + chance,
        chance=chance,
        surprises=_cumulant_surprise(ranked(draws[:, 2]) - sizes.min(initial=window) / 2, mean, variance, third),
    )


def _cumulant_surprise(rows: FloatArray, mean: float, variance: float, third: float) -> FloatArray:
    if variance == 0:  # no level is small enough to fall in the window alone
        return np.zeros(len(rows))
    return pearson_surprise((rows - mean) / math.sqrt(variance), np.array(third / variance**1.5))


def _all_in_window(sizes: IntArray, rows: int, window: int) -> FloatArray:
    """The chance that every row of a level of that size falls in the window."""
    from scipy.special import gammaln

    log = gammaln(window + 1) - gammaln(window - sizes + 1) - gammaln(rows + 1) + gammaln(rows - sizes + 1)
    return np.asarray(np.exp(np.maximum(log, LEAST_LOG_CHANCE)), dtype=np.float64)


def _rare(totals: FloatArray, pool: Pool) -> npt.NDArray[np.bool_]:
    return totals * min(pool.labels.window_rows, len(pool.reference)) / pool.labels.rows < LEAST_EXPECTED


def _statistics(window: FloatArray, totals: FloatArray, rare: npt.NDArray[np.bool_]) -> FloatArray:
    """Total variation, chi-square, rows on levels the reference lacks and the largest squared residual, for each row of counts.

    Chi-square and residual take rare levels as one. The residual is that of one level against the rest (Haberman 1973): it finds
    one level that moved among many, which the chi-square dilutes. What is 0/0 (a side without values) is 0.
    """
    inside = window.sum(axis=1, keepdims=True)
    outside = totals.sum() - inside
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = window / inside - (totals - window) / outside
        kept = np.column_stack([gap[:, ~rare], gap[:, rare].sum(axis=1)])
        weights = np.append(totals[~rare], totals[rare].sum())
        held = weights > 0
        spread = weights * (1 - weights / weights.sum())
        largest = np.max(kept**2 / np.where(spread > 0, spread, np.inf), axis=1) * (inside * outside)[:, 0]
        chi_square = (kept[:, held] ** 2 / weights[held]).sum(axis=1) * (inside * outside)[:, 0]
    unseen = np.where((totals > 0) & (window == totals), window, 0).sum(axis=1)
    found = np.column_stack([np.abs(gap).sum(axis=1) / 2, chi_square, unseen, largest])
    return np.where(np.isfinite(found), found, 0.0)
