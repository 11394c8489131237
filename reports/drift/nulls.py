"""What chance does to the counts of a pooled column, once nothing distinguishes the window's rows from the reference's.

Which rows are called the window is then a random draw without replacement from the pooled rows, and everything that is tested is a
function of how many of its rows fall below a rank. So all that is needed of a column is a table of counts, never its rows.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

DRAWS = 2_000
"""Random labellings. p-values beyond what they can show follow the tail: see `surprise.tail`."""
STEPPED_DRAWS, STEPPED_CELLS, STEPPED_ROWS = 8_000, 12, 1_000
"""So many labellings where the smaller side has fewer rows, in at most so many cells: what is counted there moves by steps, and a curve
beyond the draws is to be followed less far."""
FEW = 20_000
"""Below so many rows on the smaller side counts are drawn as they are; from there on they are normal (Hajek 1960)."""

MOST = 1_000_000_000
"""Rows that NumPy draws from."""
LEAST_CHANCE = 1e-15
"""What is less likely counts as impossible."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """The window's share below a rank less the reference's, times sqrt(n m / (n + m)), observed or under chance, shape (draws, k).

    `shares`: of all pooled values that lie below the rank, shape (k,).
    """

    gaps: Floats
    shares: Floats


def scale(reference: float, window: float) -> float:
    """sqrt(n m / (n + m)): what a difference of two means is multiplied with so that its noise does not hang on the sizes."""
    return math.sqrt(reference * window / (reference + window))


def chance(pooled: Ints, held: int, reference: int, window: int, seed: int) -> Gaps:
    """The gaps at each boundary under random labels.

    Args:
        pooled: cumulated counts of both sides at the boundaries, ascending, each below `held`.
        held: pooled rows that hold a value. The others are dealt too: how many of them each side gets is chance as well.
        reference: rows of the reference, with or without a value.
        window: rows of the window.
        seed: of the labels.
    """
    return _chance(np.asarray(pooled, dtype=np.int64).tobytes(), held, reference, window, seed)


def most_in_window(rows: int, window: int) -> int:
    """More given rows than this of all `rows` never fall in the window together: each is at best as likely as the first to."""
    return math.ceil(math.log(LEAST_CHANCE) / math.log(window / rows)) if 0 < window < rows else rows


def all_in_window(sizes: Ints, rows: int, window: int) -> Floats:
    """The chance that so many given rows of all `rows` all fall in the window, for each number in `sizes`; 0 below `LEAST_CHANCE`."""
    most = min(int(sizes.max(initial=0)), most_in_window(rows, window))
    steps = np.arange(most, dtype=np.float64)
    with np.errstate(divide="ignore"):
        logs = np.concatenate([[0.0], np.cumsum(np.log(np.maximum(window - steps, 0.0)) - np.log(rows - steps))])
    return np.where(sizes <= most, np.exp(logs[np.minimum(sizes, most)]), 0.0)


@lru_cache(maxsize=32)
def _chance(boundaries: bytes, held: int, reference: int, window: int, seed: int) -> Gaps:
    # Columns without ties or missing values have the same boundaries, and so share one answer.
    pooled = np.frombuffer(boundaries, dtype=np.int64)
    if min(reference, window) >= FEW or reference + window >= MOST:
        return _normal(pooled / held, seed)
    # The last two cells are the rest of the values, and the rows without one.
    cells = np.diff(np.concatenate([[0], pooled, [held, reference + window]]))
    rng = np.random.default_rng((seed, reference, window, len(pooled)))
    stepped = len(cells) <= STEPPED_CELLS and min(reference, window) < STEPPED_ROWS
    draws = STEPPED_DRAWS if stepped else DRAWS
    below = rng.multivariate_hypergeometric(cells, window, size=draws, method="marginals")[:, :-1].cumsum(axis=1).astype(np.float64)
    inside = below[:, -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = below[:, :-1] / inside - (pooled - below[:, :-1]) / (held - inside)
        gap *= np.sqrt(inside * (held - inside) / held)
    return Gaps(np.nan_to_num(gap, nan=0.0, posinf=0.0, neginf=0.0), pooled / held)


@lru_cache(maxsize=64)
def _steps(boundaries: int, seed: int) -> Floats:
    steps = np.random.default_rng((seed, boundaries)).standard_normal((DRAWS, boundaries + 1))
    steps.flags.writeable = False
    return steps


def _normal(shares: Floats, seed: int) -> Gaps:
    """A Brownian bridge at the shares: the limit of the gaps for large samples, whatever their sizes (Doob 1949)."""
    widths = np.diff(np.concatenate([[0.0], shares, [1.0]]))
    path = np.cumsum(_steps(len(shares), seed) * np.sqrt(np.maximum(widths, 0.0)), axis=1)
    return Gaps(path[:, :-1] - shares * path[:, -1:], shares)
