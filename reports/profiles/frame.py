"""The profile of a frame: every column of a schema, and what the frame lacks or has beyond it."""

import os
from collections.abc import Callable, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.plan import Scalar
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.reports.profiles.categorical import MOST_LEVELS, CategoricalProfile
from driftgate.reports.profiles.entities import one_each
from driftgate.reports.profiles.numeric import LOSSLESS, NumericProfile
from driftgate.reports.profiles.reading import Cells, ColumnProfile, lost, profiled, some_of

if TYPE_CHECKING:
    import pandas as pd

PREDICTION = "prediction"
WHOSE = "\N{NULL}entity"
"""The column of whose each output is; no class can be called so."""
THREADED_ROWS = 100_000
"""Rows from which columns are profiled side by side."""
THREADS = min(4, os.cpu_count() or 1)

_Pair: TypeAlias = tuple[ColumnProfile, ColumnProfile | None]
"""A column over all rows, and over those that count as independent; None: all of them do."""


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
    frame: "pd.DataFrame", schema: Schema, *, seed: int = 0, lossless: int = LOSSLESS, most_levels: int = MOST_LEVELS
) -> FrameProfile:
    """The profile of the frame's rows, read by the schema; never an error, whatever the columns hold.

    Args:
        frame: may lack columns of the schema, hold others, and hold values of any type. Of columns of one name the first counts.
        schema: which columns are profiled, and as what.
        seed: of the draw of one row of each entity.
        lossless: distinct numbers up to which a column is kept exactly.
        most_levels: levels up to which a column is kept exactly.
    """
    source = Source(len(frame), tuple(frame.columns), lambda name: _first(frame, name))
    return assembled(source, schema, seed=seed, lossless=lossless, most_levels=most_levels)


def profile_records(records: Sequence[Mapping[str, Scalar]], schema: Schema, *, but: Container[str] = (), seed: int = 0) -> FrameProfile:
    """The profile of rows that are mappings from names to values, as payloads are; `but`: names that are no columns.

    It needs no frame, and pandas only where a column mixes numbers and text.
    """
    names = tuple(name for name in dict.fromkeys(name for record in records for name in record) if name not in but)
    source = Source(len(records), names, lambda name: [record.get(name) for record in records])
    return assembled(source, schema, seed=seed, lossless=LOSSLESS, most_levels=MOST_LEVELS)


@dataclass(frozen=True, slots=True)
class Source:
    """Rows that are read by the column: their number, what their columns are called, and the column of a name (the first one)."""

    rows: int
    names: tuple[Any, ...]
    read: Callable[[str], Cells]


def assembled(source: Source, schema: Schema, *, seed: int, lossless: int, most_levels: int) -> FrameProfile:
    """The profile of the source's rows: see `profile`."""
    known = {*schema.features, schema.target, schema.entity, schema.time}
    units = None if schema.entity is None or schema.entity not in source.names else one_each(source.read(schema.entity), seed)

    def both(column: Column) -> tuple[ColumnProfile, ColumnProfile | None]:
        if column.name not in source.names:
            return lost(column, source.rows), None if units is None else lost(column, len(units))
        cells = source.read(column.name)
        every = profiled(column, cells, lossless=lossless, most_levels=most_levels)
        apart = None if units is None else profiled(column, some_of(cells, units), lossless=lossless, most_levels=most_levels)
        return every, apart

    found = _side_by_side(both, schema.columns, source.rows)
    names = [column.name for column in schema.columns]
    own = {name: apart for name, (_, apart) in zip(names, found, strict=True) if apart is not None}
    return FrameProfile(
        rows=source.rows,
        columns={name: every for name, (every, _) in zip(names, found, strict=True)},
        lost=tuple(name for name in schema.features if name not in source.names),
        new=tuple(dict.fromkeys(str(name) for name in source.names if name not in known)),
        independent=None if units is None else FrameProfile(len(units), own),
    )


def outputs_profile(
    schema: Schema,
    outputs: npt.NDArray[np.float64],
    *,
    entities: "Cells | None" = None,
    seed: int = 0,
    lossless: int = LOSSLESS,
) -> FrameProfile:
    """The profile of a version's outputs, shape (rows,) or (rows, classes), as columns of numbers; NaN and infinite are missing.

    `prediction` is the positive class's probability (binary) or the value (regression); of more classes each has its `P(label)`.
    `entities`: whose each row is, if they may repeat.
    """
    columns: dict[str, Cells] = dict(_outputs(schema, np.asarray(outputs, dtype=np.float64)))
    numeric = tuple(Column(name, ColumnKind.NUMERIC) for name in columns)
    plain = Schema(Task.REGRESSION, target="", columns=numeric, entity=None if entities is None else WHOSE)
    if entities is not None:
        columns[WHOSE] = entities
    source = Source(len(outputs), tuple(columns), columns.__getitem__)
    return assembled(source, plain, seed=seed, lossless=lossless, most_levels=MOST_LEVELS)


def _outputs(schema: Schema, outputs: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    if schema.task is Task.REGRESSION or outputs.ndim == 1:
        return {PREDICTION: outputs.reshape(len(outputs))}
    if schema.task is Task.BINARY:
        return {PREDICTION: outputs[:, 1]}
    return {f"P({label})": outputs[:, at] for at, label in enumerate(schema.classes)}


def _side_by_side(both: Callable[[Column], _Pair], columns: Sequence[Column], rows: int) -> list[_Pair]:
    if rows < THREADED_ROWS:
        return [both(column) for column in columns]
    # Sorting lets go of the interpreter, so threads do sort side by side.
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(both, columns))


def _first(frame: "pd.DataFrame", name: str) -> "pd.Series":
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
