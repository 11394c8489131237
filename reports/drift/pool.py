"""Which rows carry a significance test: all of them where they are few and independent, else a seeded draw."""

import math

import numpy as np
import pandas as pd

from driftgate.reports.drift.aspects import Pool
from driftgate.reports.drift.resampling import IntArray, relabelling

MOST_ROWS = 20_000
"""Rows of both sides that are relabelled. A shift of the default materiality is found with certainty among fewer."""


def units(entities: pd.Series | None, rows: int, rng: np.random.Generator) -> IntArray:
    """Positions of independent rows of one side, ascending: every row, or one drawn at random of each entity where any repeats.

    Rows of one entity resemble each other; counted as independent they would raise false alarms. Rows without an entity stand
    for themselves.
    """
    every = np.arange(rows)
    if entities is None or not entities.dropna().duplicated().any():
        return every
    order = rng.permutation(rows)
    shuffled = entities.to_numpy(dtype=object)[order]
    first = ~pd.Series(shuffled).duplicated().to_numpy() | np.asarray(pd.isna(shuffled))
    return np.sort(order[first])


def pool(reference: IntArray, current: IntArray, rng: np.random.Generator) -> Pool:
    """The pool of the units of both sides; beyond MOST_ROWS a draw that spares the smaller side, which limits the power."""
    sizes = _within(len(reference), len(current))
    drawn = [
        np.sort(rng.choice(side, size, replace=False)) if size < len(side) else side
        for side, size in zip((reference, current), sizes, strict=True)
    ]
    inflation = math.sqrt(_variance(len(reference), len(current)) / _variance(*sizes))
    return Pool(drawn[0], drawn[1], relabelling(*sizes, rng), inflation)


def _within(reference: int, current: int) -> tuple[int, int]:
    if reference + current <= MOST_ROWS:
        return reference, current
    half = MOST_ROWS // 2
    if current <= half:
        return MOST_ROWS - current, current
    if reference <= half:
        return reference, MOST_ROWS - reference
    return half, half


def _variance(reference: int, current: int) -> float:
    return 1 / reference + 1 / current
