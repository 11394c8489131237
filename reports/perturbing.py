"""Altered copies of a frame, scored many at a time: one call of a pipeline costs milliseconds however few rows it gets."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.ports import Scorer
from driftgate.lifecycle.schema import ColumnKind, Schema
from driftgate.reports.scenarios import Kind

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Column: TypeAlias = npt.NDArray[Any]
Alter: TypeAlias = Callable[[str, Ints | None], Column]

BATCH_ROWS = 16_384
"""Rows per call of the model: enough to make the cost of a call disappear, few enough to stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Table:
    """The features of a conformed frame as arrays, one a column, and the seed of what is drawn over them."""

    schema: Schema
    columns: Mapping[str, Column]
    rows: int
    seed: int


@dataclass(frozen=True, slots=True)
class Copy:
    """One altered copy: the positions of its rows (None: all, in order), the columns that differ, and how."""

    rows: Ints | None
    features: tuple[str, ...]
    alter: Alter

    def size(self, total: int) -> int:
        """The number of its rows."""
        return total if self.rows is None else len(self.rows)


def table(frame: pd.DataFrame, schema: Schema, seed: int = 0) -> Table:
    """The schema's features of the frame as arrays: float64, or objects for text."""
    numeric = frozenset(schema.named(ColumnKind.NUMERIC))
    columns = {name: frame[name].to_numpy(dtype=np.float64 if name in numeric else object) for name in schema.features}
    return Table(schema, columns, len(frame), seed)


def unaltered(source: Table) -> Copy:
    """The frame as it is."""
    return Copy(None, (), lambda name, rows: _taken(source.columns[name], rows))


def perturbed(source: Table, kind: Kind, features: tuple[str, ...], magnitude: float, rows: Ints | None) -> Copy:
    """The rows with the features perturbed as `kind` says. Draws depend on the seed and the feature's name only."""
    return Copy(rows, features, lambda name, chosen: _altered(source, kind, name, magnitude, chosen))


def _altered(source: Table, kind: Kind, name: str, magnitude: float, rows: Ints | None) -> Column:
    column = source.columns[name]
    values = _taken(column, rows)
    if kind in (Kind.SCALE, Kind.MULTIVARIATE):
        return np.asarray(values * magnitude)
    if kind is Kind.SHIFT:
        return np.asarray(values + magnitude * _deviation(column))
    if kind is Kind.NOISE:
        draws = np.random.default_rng([source.seed, zlib.crc32(name.encode())]).standard_normal(source.rows)
        return np.asarray(values + magnitude * _deviation(column) * _taken(draws, rows))
    if kind is Kind.MISSING:
        return np.full(len(values), np.nan, dtype=values.dtype)
    return np.full(len(values), unseen_level(source.schema.column(name).levels), dtype=object)


def unseen_level(levels: Sequence[str]) -> str:
    """A category that is none of the levels."""
    level = "unseen"
    while level in levels:
        level += "_"
    return level


def _deviation(column: Column) -> float:
    finite = column[np.isfinite(column)]
    return float(finite.std()) if len(finite) else 0.0


def _taken(column: Column, rows: Ints | None) -> Column:
    return column if rows is None else column[rows]


def scored(scorer: Scorer, source: Table, copies: Sequence[Copy | None]) -> Iterator[Floats | str | None]:
    """The outputs for each copy, in order; None for None; a sentence where the model could not score that copy.

    Copies are stacked into calls of up to `BATCH_ROWS` rows (one copy of more is a call by itself).
    """
    for batch in _batches(copies, source.rows):
        present = [copy for copy in batch if copy is not None]
        answers = iter(_score(scorer, source, present))
        yield from (None if copy is None else next(answers) for copy in batch)


def _batches(copies: Sequence[Copy | None], total: int) -> Iterator[list[Copy | None]]:
    batch: list[Copy | None] = []
    size = 0
    for copy in copies:
        more = 0 if copy is None else copy.size(total)
        if batch and size + more > BATCH_ROWS:
            yield batch
            batch, size = [], 0
        batch.append(copy)
        size += more
    if batch:
        yield batch


def _score(scorer: Scorer, source: Table, copies: list[Copy]) -> list[Floats | str]:
    if not copies:
        return []
    sizes = [copy.size(source.rows) for copy in copies]
    try:
        outputs = np.asarray(scorer.score(stacked(source, copies)), dtype=np.float64)
    except Exception as error:  # noqa: BLE001 - any model may refuse any input, in its own words; that is a result
        if len(copies) == 1:
            return [f"the version could not score these rows: {type(error).__name__}: {error}"]
        return [answer for copy in copies for answer in _score(scorer, source, [copy])]
    return list(np.split(outputs, np.cumsum(sizes)[:-1]))


def stacked(source: Table, copies: Sequence[Copy]) -> pd.DataFrame:
    """The copies one below the other, as a conformed frame."""
    index = pd.RangeIndex(sum(copy.size(source.rows) for copy in copies))
    return pd.DataFrame({name: _stacked_column(source, copies, name, index) for name in source.columns}, index=index, copy=False)


def _stacked_column(source: Table, copies: Sequence[Copy], name: str, index: pd.RangeIndex) -> "pd.Series[Any]":
    column = source.columns[name]
    values = np.empty(len(index), dtype=column.dtype)
    start = 0
    for copy in copies:
        stop = start + copy.size(source.rows)
        values[start:stop] = copy.alter(name, copy.rows) if name in copy.features else _taken(column, copy.rows)
        start = stop
    return pd.Series(values, index=index, dtype=column.dtype, copy=False)
