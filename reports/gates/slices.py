"""Candidate against champion in segments of the rows: levels of categories, ranges of numbers, and where a value is missing."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.measurements_gates import Segment, Slices
from driftgate.lifecycle.schema import ColumnKind, Schema
from driftgate.reports import losses
from driftgate.reports.bounds import Grouping, grouping
from driftgate.reports.live.bounding import beyond, groups_among, mean, units

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

MOST_LEVELS = 10
"""Levels of a category that are segments of their own, by frequency; the others share one."""
BINS = 4
"""Ranges of a number, by its quantiles; a number of at most so many values has a segment for each."""
LEAST_UNITS, LEAST_GROUPS = 30, 10
"""Fewer rows (or entities), or rows from fewer runs in time, bear no bound: they are shown, and are no part of the adjustment."""


def measure(
    candidate_outputs: Floats,
    champion_outputs: Floats,
    y: Floats | Ints,
    schema: Schema,
    rows: pd.DataFrame,
    *,
    champion: int,
    margin: float,
    entities: Any = None,
    ordered: bool = False,
    confidence: float = 0.95,
) -> Slices:
    """The difference of the losses in each segment of each feature, and how sure it is that it is over the line.

    Outputs and `y` as for `comparison.compare`; `rows`: the same rows, conformed. Bounds: Student's t from each row's influence with
    Hall's correction (`bounds.corrected`), by entity where entities repeat, by runs in time where `ordered`. What holds every row is no
    segment.
    """
    mine, theirs = (losses.per_row_loss(outputs, y, schema) for outputs in (candidate_outputs, champion_outputs))
    difference = mine - theirs
    overall = float(theirs.mean()) if len(theirs) else float("nan")
    line = margin * overall
    groupings = units(len(difference), entities, np.arange(len(difference)) if ordered else None, difference)
    whose = grouping(len(difference), entities)
    found = []
    for feature, name, inside in segments(rows, schema):
        own, count = [groups_among(inside, groups) for groups in groupings], groups_among(inside, whose).count
        found.append(_segment(feature, name, difference[inside], (mine[inside], theirs[inside]), own, count, line, confidence))
    widest = min(groupings, key=lambda groups: groups.count)
    return Slices(champion, losses.loss_name(schema), len(difference), overall, margin, line, confidence, widest.units, tuple(found))


def _segment(
    feature: str,
    name: str,
    difference: Floats,
    sides: tuple[Floats, Floats],
    groupings: Sequence[Grouping],
    count: int,
    line: float,
    confidence: float,
) -> Segment:
    bounding = mean(difference, groupings)
    mine, theirs = (float(side.mean()) for side in sides)
    enough = count >= LEAST_UNITS and min(groups.count for groups in groupings) >= LEAST_GROUPS
    shown = beyond(bounding, line, above=True) if enough else None
    return Segment(feature, name, len(difference), count, mine, theirs, bounding(confidence), shown)


def segments(rows: pd.DataFrame, schema: Schema) -> Iterator[tuple[str, str, Mask]]:
    """Feature, name and rows of each segment that holds some of the rows and not all, feature by feature."""
    for column in schema.columns:
        if column.name not in rows.columns:
            continue
        parts = _levels if column.kind is ColumnKind.CATEGORICAL else _ranges
        for name, inside in (*parts(column.name, rows[column.name]), (f"{column.name} missing", rows[column.name].isna().to_numpy())):
            if 0 < int(inside.sum()) < len(rows):
                yield column.name, name, inside


def _levels(name: str, cells: "pd.Series[Any]") -> Iterator[tuple[str, Mask]]:
    counts = cells.value_counts()
    own = list(counts.index[:MOST_LEVELS])
    for level in own:
        yield f"{name} = {level}", (cells == level).to_numpy(dtype=np.bool_)
    if len(counts) > len(own):
        yield f"{name} = one of {len(counts) - len(own)} rarer ones", (cells.notna() & ~cells.isin(own)).to_numpy(dtype=np.bool_)


def _ranges(name: str, cells: "pd.Series[Any]") -> Iterator[tuple[str, Mask]]:
    values = cells.to_numpy(dtype=np.float64)
    held = values[np.isfinite(values)]
    distinct = np.unique(held)
    if len(distinct) <= BINS:
        for value in distinct:
            yield f"{name} = {value:g}", values == value
        return
    edges = np.unique(np.quantile(held, np.linspace(0.0, 1.0, BINS + 1), method="inverted_cdf"))
    for place, (low, high) in enumerate(pairwise(edges.tolist())):
        above = values >= low if place == 0 else values > low
        yield f"{name} {'from' if place == 0 else 'over'} {low:g} to {high:g}", above & (values <= high)
