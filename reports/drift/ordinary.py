"""How far a snapshot's own windows lie from the rest of it: what a column does by itself, by the hour and by the season."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from driftgate.lifecycle.schema import Schema
from driftgate.reports.drift import categorical, numeric
from driftgate.reports.drift.aspects import LEAST_USABLE
from driftgate.reports.profiles.categorical import CategoricalProfile
from driftgate.reports.profiles.frame import profile
from driftgate.reports.profiles.numeric import NumericProfile
from driftgate.reports.profiles.reading import ColumnProfile

MOST_WINDOWS = 20
FEWEST_WINDOWS = 4


def ordinary(ordered: pd.DataFrame, schema: Schema, window_rows: int) -> Mapping[str, float]:
    """The largest effect of each column between a contiguous window of the snapshot and the rest of it, in drift's own units.

    A window that differs by no more than that is nothing new to the version: it was trained on such differences.

    Args:
        ordered: the snapshot's rows in the order of time.
        schema: of the version.
        window_rows: rows of the window that is to be judged; the snapshot's own are as long.

    A column is left out where it can never be measured; all are where the snapshot holds fewer than `FEWEST_WINDOWS` such windows.
    """
    count = min(len(ordered) // max(window_rows, 1), MOST_WINDOWS)
    if count < FEWEST_WINDOWS:
        return {}
    starts = np.linspace(0, len(ordered) - window_rows, count).astype(int)
    effects = [_effects(ordered, schema, start, start + window_rows) for start in starts.tolist()]
    names = [name for name in schema.features if any(name in found for found in effects)]
    return {name: max(found[name] for found in effects if name in found) for name in names}


def _effects(ordered: pd.DataFrame, schema: Schema, start: int, stop: int) -> dict[str, float]:
    inside = profile(ordered.iloc[start:stop], schema)
    rest = profile(pd.concat([ordered.iloc[:start], ordered.iloc[stop:]]), schema)
    found = {name: _effect(column, inside.columns[name]) for name, column in rest.columns.items()}
    return {name: effect for name, effect in found.items() if effect is not None}


def _effect(rest: ColumnProfile, inside: ColumnProfile) -> float | None:
    if min(rest.held, inside.held) < LEAST_USABLE:
        return None
    if isinstance(rest, NumericProfile) and isinstance(inside, NumericProfile):
        before, after = numeric.Atoms(rest.values, rest.counts), numeric.Atoms(inside.values, inside.counts)
        unit = numeric.spread(before, after)
        return numeric.wasserstein(numeric.pool(before, after), *numeric.fence(before, after, unit)) / unit
    first, second = ((side.levels, side.counts) for side in (rest, inside) if isinstance(side, CategoricalProfile))
    return categorical.total_variation(categorical.table(first, second))
