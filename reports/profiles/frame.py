"""The profile of a frame: every column of a schema, and what the frame lacks or has beyond it."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.reports.profiles.categorical import MOST_LEVELS, CategoricalProfile
from driftgate.reports.profiles.entities import one_each
from driftgate.reports.profiles.moments import IntArray
from driftgate.reports.profiles.numeric import LOSSLESS, NumericProfile
from driftgate.reports.profiles.reading import ColumnProfile, lost, profiled

PREDICTION = "prediction"
THREADED_ROWS = 100_000
"""Rows from which columns are profiled side by side."""
THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class FrameProfile:
    """What the rows of a frame look like.

    `columns`: by name, in the schema's order. `lost`: the schema's columns that the frame lacks; they are profiled as all missing.
    `new`: columns that the schema does not know (target, entity and time it knows). `independent`: the profile of one row of each
    entity where entities repeat; None where every row counts as independent.
    """

    rows: int
    columns: Mapping[str, ColumnProfile]
    lost: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    independent: "FrameProfile | None" = None

    def __hash__(self) -> int:
        return hash((self.rows, tuple(self.columns), self.lost, self.new))

    def merged(self, other: "FrameProfile", *, lossless: int = LOSSLESS, most_levels: int = MOST_LEVELS) -> "FrameProfile":
        """The profile of the rows of both; exactly that of the joined frames where every column of both is exact.

        `independent` is the exception: an entity with rows in both is not recognised and has a row of each in the merged one. Profile
        the joined frame where entities come back.

        Raises InvalidData where the two do not have the same columns of the same kinds.
        """
        _comparable(self, other)
        columns = {
            name: _merged(mine, other.columns[name], lossless=lossless, most_levels=most_levels) for name, mine in self.columns.items()
        }
        independent = None
        if self.independent or other.independent:
            first, second = self.independent or self, other.independent or other
            independent = first.merged(second, lossless=lossless, most_levels=most_levels)
        return FrameProfile(
            rows=self.rows + other.rows,
            columns=columns,
            lost=tuple(name for name in self.lost if name in other.lost),
            new=tuple(dict.fromkeys((*self.new, *other.new))),
            independent=independent,
        )


@dataclass(frozen=True, slots=True)
class VersionProfile:
    """What a version's snapshot looks like.

    `data`: train and holdout together. `predictions`: the version's outputs for the holdout; None where it was not scored.
    `snapshot_sha256`: of the snapshot that was profiled.
    """

    data: FrameProfile
    predictions: FrameProfile | None
    snapshot_sha256: str


def profile(
    frame: pd.DataFrame, schema: Schema, *, seed: int = 0, lossless: int = LOSSLESS, most_levels: int = MOST_LEVELS
) -> FrameProfile:
    """The profile of the frame's rows, read by the schema; never an error, whatever the columns hold.

    Args:
        frame: may lack columns of the schema, hold others, and hold values of any type. Of columns of one name the first counts.
        schema: which columns are profiled, and as what.
        seed: of the draw of one row of each entity.
        lossless: distinct numbers up to which a column is kept exactly.
        most_levels: levels up to which a column is kept exactly.
    """
    known = {*schema.features, schema.target, schema.entity, schema.time}
    named = schema.entity is not None and schema.entity in frame.columns
    units = one_each(_first(frame, schema.entity), seed) if named else None
    return FrameProfile(
        rows=len(frame),
        columns=_columns(frame, schema, None, lossless, most_levels),
        lost=tuple(name for name in schema.features if name not in frame.columns),
        new=tuple(dict.fromkeys(str(name) for name in frame.columns if name not in known)),
        independent=None if units is None else FrameProfile(len(units), _columns(frame, schema, units, lossless, most_levels)),
    )


def outputs_profile(
    schema: Schema,
    outputs: npt.NDArray[np.float64],
    *,
    entities: pd.Series | None = None,
    seed: int = 0,
    lossless: int = LOSSLESS,
) -> FrameProfile:
    """The profile of a version's outputs, shape (rows,) or (rows, classes), as columns of numbers; NaN and infinite are missing.

    `prediction` is the positive class's probability (binary) or the value (regression); of more classes each has its `P(label)`.
    `entities`: whose each row is, if they may repeat.
    """
    columns = _outputs(schema, np.asarray(outputs, dtype=np.float64))
    frame = pd.DataFrame(columns)
    plain = Schema(Task.REGRESSION, target="", columns=tuple(Column(name, ColumnKind.NUMERIC) for name in columns))
    units = None if entities is None else one_each(entities, seed)
    return FrameProfile(
        rows=len(frame),
        columns=_columns(frame, plain, None, lossless, MOST_LEVELS),
        independent=None if units is None else FrameProfile(len(units), _columns(frame, plain, units, lossless, MOST_LEVELS)),
    )


def _outputs(schema: Schema, outputs: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    if schema.task is Task.REGRESSION or outputs.ndim == 1:
        return {PREDICTION: outputs.reshape(len(outputs))}
    if schema.task is Task.BINARY:
        return {PREDICTION: outputs[:, 1]}
    return {f"P({label})": outputs[:, at] for at, label in enumerate(schema.classes)}


def _columns(frame: pd.DataFrame, schema: Schema, units: IntArray | None, lossless: int, most_levels: int) -> dict[str, ColumnProfile]:
    def one(column: Column) -> ColumnProfile:
        if column.name not in frame.columns:
            return lost(column, len(frame) if units is None else len(units))
        series = _first(frame, column.name)
        return profiled(column, series if units is None else series.iloc[units], lossless=lossless, most_levels=most_levels)

    if len(frame) < THREADED_ROWS:
        return {column.name: one(column) for column in schema.columns}
    # Sorting lets go of the interpreter, so threads do sort side by side.
    with ThreadPoolExecutor(THREADS) as pool:
        return {profile.name: profile for profile in pool.map(one, schema.columns)}


def _first(frame: pd.DataFrame, name: str | None) -> pd.Series:
    """The column of that name; the first, where there are several."""
    return frame.iloc[:, int(np.flatnonzero(frame.columns == name)[0])]


def _merged(mine: ColumnProfile, other: ColumnProfile, *, lossless: int, most_levels: int) -> ColumnProfile:
    if isinstance(mine, NumericProfile) and isinstance(other, NumericProfile):
        return mine.merged(other, lossless=lossless)
    if isinstance(mine, CategoricalProfile) and isinstance(other, CategoricalProfile):
        return mine.merged(other, most_levels=most_levels)
    raise InvalidData(f"column {mine.name!r} is numeric in one profile and categorical in the other: no merge is possible", field=mine.name)


def _comparable(first: FrameProfile, second: FrameProfile) -> None:
    other = sorted(set(first.columns) ^ set(second.columns))
    if other:
        raise InvalidData(
            f"the profiles are of different schemas: only one has {', '.join(map(repr, other))}; they cannot be merged", field=other[0]
        )
