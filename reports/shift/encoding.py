"""Two frames as one matrix that a learner takes, and the columns that must not take part, with the reason."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.measurements_shift import LeftOut
from driftgate.lifecycle.schema import Column, ColumnKind, Schema
from driftgate.reports.profiles.reading import numbers

Floats: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Values: TypeAlias = npt.NDArray[Any]

MOST_LEVELS = 60
"""Levels that keep a code of their own, by frequency; the rest share one."""
ENOUGH = 20
"""Fewer values than this tell no id, clock or date."""
NEARLY = 0.95
"""Share of the values that must read as a date, or that must differ from each other, for the column to be taken for a date or an id."""
DENSE = 20
"""An index spans at most so many whole numbers for each one that occurs; an amount that never repeats spans more."""
DATE = r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})([T ]\d{1,2}:\d{2}.*)?\s*"
SECONDS = (0.9e9, 2.2e9)
"""Seconds since 1970 between 1998 and 2039; also looked for in milli-, micro- and nanoseconds."""
DAYS = (19_000_101, 21_001_231)
"""Dates written as whole numbers: yyyymmdd."""


@dataclass(frozen=True, slots=True)
class Matrix:
    """Rows of the reference, then of the window. `design`: shape (rows, columns), missing NaN, categories as codes 0, 1, ...

    `names` and `categorical`: of the columns. `left_out`: the columns that do not take part.
    """

    design: Floats
    names: tuple[str, ...]
    categorical: tuple[bool, ...]
    left_out: tuple[LeftOut, ...]


def encode(schema: Schema, reference: pd.DataFrame, current: pd.DataFrame) -> Matrix:
    """The features of both frames, without those that give the side away and mean nothing.

    Left out: a column that a side lacks or that holds no value there (that is a finding of the drift report), a constant, an id, a date
    or clock. The entity and the time are never features. Codes depend on the rows of both sides alike, not on which side a row is on.
    """
    columns, names, categorical, left_out = [], [], [], []
    for column in schema.columns:
        reason = _lacking(column.name, reference, current)
        sides = [] if reason else [_values(column, frame) for frame in (reference, current)]
        reason = reason or _useless(column, *sides)
        if reason:
            left_out.append(LeftOut(column.name, reason))
            continue
        both = np.concatenate(sides)
        columns.append(both if column.kind is ColumnKind.NUMERIC else _codes(both))
        names.append(column.name)
        categorical.append(column.kind is ColumnKind.CATEGORICAL)
    values = np.column_stack(columns) if columns else np.empty((len(reference) + len(current), 0))
    left_out += _never_features(schema, reference, current)
    return Matrix(values.astype(np.float64), tuple(names), tuple(categorical), tuple(left_out))


def _lacking(name: str, reference: pd.DataFrame, current: pd.DataFrame) -> str | None:
    for side, frame in (("snapshot", reference), ("window", current)):
        if name not in frame.columns:
            return f"the {side} has no such column"
    return None


def _never_features(schema: Schema, reference: pd.DataFrame, current: pd.DataFrame) -> list[LeftOut]:
    present = {*reference.columns, *current.columns}
    named = ((schema.entity, "it says whom a row is about"), (schema.time, "it dates the row"))
    return [LeftOut(name, reason) for name, reason in named if name is not None and name in present]


def _values(column: Column, frame: pd.DataFrame) -> Values:
    """The column as float64 (missing, infinite and unreadable: NaN), or as text (missing: None)."""
    series = frame[column.name]
    if column.kind is ColumnKind.NUMERIC:
        # A date among the numbers is kept as its nanoseconds, so that it can be recognised for what it is.
        found = series.astype("int64").to_numpy(np.float64) if series.dtype.kind == "M" else numbers(series)[0]
        return np.where(np.isfinite(found), found, np.nan)
    held = series.notna().to_numpy(dtype=bool)
    objects = series.to_numpy(dtype=object, copy=True)
    objects[~held] = None
    other = [at for at in np.flatnonzero(held) if not isinstance(objects[at], str)]
    for at in other:
        objects[at] = str(objects[at])
    return objects


def _useless(column: Column, before: Values, after: Values) -> str | None:
    """Why the column must not take part; None where it may."""
    held = [side[_held(side)] for side in (before, after)]
    for side, values in zip(("snapshot", "window"), held, strict=True):
        if not len(values):
            return f"the {side} holds no value of it"
    both = np.concatenate(held)
    distinct = len(pd.unique(both))
    if distinct == 1 and len(both) == len(before) + len(after):
        return "it is constant"
    if len(both) < ENOUGH:
        return None
    if column.kind is ColumnKind.CATEGORICAL:
        return _text_id(held, both)
    return _number_id(held, both, distinct)


def _held(values: Values) -> Mask:
    return np.isfinite(values) if values.dtype == np.float64 else np.asarray(pd.notna(values), dtype=np.bool_)


def _text_id(held: list[Values], both: Values) -> str | None:
    if float(pd.Series(both[:: max(1, len(both) // 500)], dtype=object).str.fullmatch(DATE).mean()) >= NEARLY:
        return "it holds dates"
    largest = max(held, key=len)
    if len(largest) >= ENOUGH and len(pd.unique(largest)) >= NEARLY * len(largest):
        return "it is an id: nearly every row has a level of its own"
    return None


def _number_id(held: list[Values], both: Values, distinct: int) -> str | None:
    whole = bool((both == np.round(both)).all())
    low, high = float(both.min()), float(both.max())
    if whole and _dates(both, low, high):
        return "it holds dates"
    if distinct < len(both):
        return None
    if all(len(side) >= ENOUGH and (np.diff(side) > 0).all() for side in held):
        return "it is an index or a clock: it only rises from row to row"
    if whole and high - low < DENSE * distinct:
        return "it is an index: whole numbers that never repeat"
    return None


def _dates(values: Floats, low: float, high: float) -> bool:
    """Whether whole numbers are dates: yyyymmdd, or seconds since 1970 or a thousandth of them and so on."""
    if any(SECONDS[0] * unit <= low and high <= SECONDS[1] * unit for unit in (1.0, 1e3, 1e6, 1e9)):
        return True
    if low < DAYS[0] or high > DAYS[1]:
        return False
    month, day = values // 100 % 100, values % 100
    return bool(np.mean((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)) >= NEARLY)  # noqa: PLR2004 - the calendar


def _codes(values: Values) -> Floats:
    """A code for each of the most frequent levels, one for all others, NaN for missing ones."""
    codes, levels = pd.factorize(values)
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    kept = np.sort(np.argsort(-counts, kind="stable")[:MOST_LEVELS])
    place = np.full(len(levels) + 1, float(len(kept)))
    place[kept] = np.arange(len(kept))
    place[-1] = np.nan
    return np.asarray(place[codes], dtype=np.float64)
