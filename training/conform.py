"""Raw rows in the form that a schema promises: its features in order, numbers as float64, text as str, missing as NaN."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.training import kinds, times, values
from driftgate.training.target import Target
from driftgate.training.values import Cells


def conform(frame: pd.DataFrame, schema: Schema, *, with_target: bool = False) -> pd.DataFrame:
    """The features in schema order; with the target also the target, entity and time that the schema names. Other columns are dropped.

    Unseen categories stay; they are no error. Raises InvalidData naming the column where one is missing, a number cannot be
    read or is infinite, a label is missing or not a class, or a time is none.
    """
    readers: dict[str, Callable[[Cells], Cells]] = {column.name: _strict(column) for column in schema.columns}
    if with_target:
        readers |= _apart(schema)
    absent = [name for name in readers if name not in frame.columns]
    if absent:
        raise InvalidData(f"the data has no column {', '.join(repr(name) for name in absent)}, which the model needs", field=absent[0])
    return _framed({name: read(frame[name]) for name, read in readers.items()}, frame)


def conform_leniently(frame: pd.DataFrame, schema: Schema) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The features in schema order, and what was wrong with them, one sentence a column: a bad column costs that column.

    A feature that is absent is all missing; a cell that is no finite number is missing. Target, entity and time follow where
    they are there and can be read; where one cannot be read it is left off and said.
    """
    problems: list[str] = []
    found: dict[str, Cells] = {}
    for column in schema.columns:
        found[column.name], problem = _forgiving(frame, column)
        problems += [problem] if problem else []
    for name, read in _apart(schema).items():
        if name not in frame.columns:
            continue
        try:
            found[name] = read(frame[name])
        except InvalidData as error:
            problems.append(error.message)
    return _framed(found, frame), tuple(problems)


def _framed(columns: Mapping[str, Cells], frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({name: cells.to_numpy() for name, cells in columns.items()}, index=frame.index).pipe(_as_objects, columns)


def _as_objects(built: pd.DataFrame, columns: Mapping[str, Cells]) -> pd.DataFrame:
    # pandas turns arrays of str into its own string type while it builds a frame.
    texts = [name for name, cells in columns.items() if cells.dtype == object]
    return built.astype(dict.fromkeys(texts, object))


def _strict(column: Column) -> Callable[[Cells], Cells]:
    def read(cells: Cells) -> Cells:
        if column.kind is ColumnKind.CATEGORICAL:
            return values.text(cells)
        found, bad = values.numbers(cells)
        kinds.require_numbers(cells, bad)
        return pd.Series(found, index=cells.index, name=cells.name)

    return read


def _forgiving(frame: pd.DataFrame, column: Column) -> tuple[Cells, str | None]:
    numeric = column.kind is ColumnKind.NUMERIC
    if column.name not in frame.columns:
        blank = pd.Series(np.nan, index=frame.index, name=column.name, dtype=np.float64 if numeric else object)
        return blank, f"column {column.name!r} is absent, so all its values are missing"
    cells = frame[column.name]
    nested = values.nested_example(cells)
    if nested is not None:
        cells = cells.map(lambda value: np.nan if isinstance(value, (list, tuple, dict, set, np.ndarray)) else value)
    if not numeric:
        return values.text(cells), None if nested is None else f"column {column.name!r} holds lists or objects, taken as missing"
    found, bad = values.numbers(cells)
    unread = bad | np.isinf(found)
    problem = None
    if unread.any():
        example = cells[unread].iloc[0]
        count = f"{int(unread.sum())} of {len(cells)} values are no finite numbers, such as {example!r}"
        problem = f"column {column.name!r}: {count}; taken as missing"
    elif nested is not None:
        problem = f"column {column.name!r} holds lists or objects, taken as missing"
    return pd.Series(np.where(unread, np.nan, found), index=cells.index, name=cells.name), problem


def _apart(schema: Schema) -> dict[str, Callable[[Cells], Cells]]:
    """How target, entity and time are read, by column name."""
    readers: dict[str, Callable[[Cells], Cells]] = {schema.target: Target(Task(schema.task), schema.classes).cells}
    if schema.entity is not None:
        readers[schema.entity] = values.labels
    if schema.time is not None:
        readers[schema.time] = times.parse
    return readers
