"""Columns that changed places, as in a file whose columns moved: each looks like the other one of before, and not like itself."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from driftgate.lifecycle.measurements_gates import Measured
from driftgate.lifecycle.schema import ColumnKind, Schema
from driftgate.reports.gates.distances import further, levels, numbers

MOST_ROWS = 5_000
"""Rows of each side that are looked at, those nearest to the other side: more would tell the same."""
MOST_MOVED = 50
"""Features of a kind that are held against each other, those that moved furthest: pairs grow with the square."""
DISTANCES = {ColumnKind.NUMERIC: numbers, ColumnKind.CATEGORICAL: levels}


def measure(schema: Schema, sides: Sequence[tuple[str, pd.DataFrame, pd.DataFrame]], level: float) -> tuple[Measured, ...]:
    """Pairs of features of one kind that are nearer to each other than to themselves, the clearest first.

    `sides`: what is said of it, the rows before, and the rows now. The estimate: by how much the distance of either to itself is larger
    than that of either to the other one (Kolmogorov-Smirnov of numbers, total variation of categories, so at most 1). Its bounds hold at
    1 - `level` for all pairs together.
    """
    squares = sum(len(schema.named(kind)) ** 2 for kind in ColumnKind) * len(sides)
    confidence = 1.0 - level / max(squares, 1)
    found = [each for side in sides for kind in ColumnKind for each in _pairs(side, schema.named(kind), kind, confidence)]
    return tuple(sorted(found, key=lambda each: -each.estimate.value))


def _pairs(side: tuple[str, pd.DataFrame, pd.DataFrame], names: Sequence[str], kind: ColumnKind, confidence: float) -> Iterator[Measured]:
    words, before, now = side[0], side[1][-MOST_ROWS:], side[2][:MOST_ROWS]
    measured = DISTANCES[kind]
    own = {name: measured(before[name], now[name], confidence) for name in names if name in before.columns and name in now.columns}
    furthest = sorted((name for name, distance in own.items() if distance.lower), key=lambda name: -own[name].value)[:MOST_MOVED]
    moved = [name for name in own if name in furthest]
    for first, second in combinations(moved, 2):
        crossed = [measured(before[one], now[other], confidence) for one, other in ((first, second), (second, first))]
        nearer = further([own[first], own[second]], crossed)
        if np.isfinite(nearer.value) and nearer.value > 0:
            yield Measured(f"{first} and {second}", words, nearer)
