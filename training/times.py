"""A time column as naive UTC instants."""

import re
import warnings
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from driftgate.lifecycle.errors import InvalidData
from driftgate.training import values
from driftgate.training.values import Cells, Floats

Times: TypeAlias = "pd.Series[pd.Timestamp]"

_DATE_FORMATS = ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%Y%m%d")
_TIME_SUFFIXES = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_SAMPLE = 200
_DATE_LIKE = re.compile(r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
_YYYYMMDD = (19000101, 21001231)
_EPOCH_SECONDS = (10**8, 10**11)
_EPOCH_MILLISECONDS = (10**11, 10**14)


def parse(column: Cells) -> Times:
    """The column as datetime64[ns], naive UTC; missing values stay missing (NaT).

    Taken: datetimes, ISO 8601 text, other unambiguous dates, integers as yyyymmdd or as seconds or milliseconds since 1970.
    Raises InvalidData naming the column and an example where a cell is none of these, or where day and month cannot be told apart.
    """
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _naive(column)
    cells = _blank_as_missing(column)
    present = cells.dropna()
    if present.empty:
        raise InvalidData(f'time column {column.name!r} has no value: name another one, or use time = "row_order"', field=str(column.name))
    found, bad = values.numbers(present)
    numeric = not bad.any() and np.isfinite(found).all()
    parsed = _from_numbers(found, present) if numeric else _from_text(present)
    return _naive(parsed.reindex(column.index))


def looks_like_time(column: Cells) -> bool:
    """Whether the column holds dates: a datetime type, or text of which a sample and then every cell parses as one."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return True
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    present = _blank_as_missing(column).dropna()
    sample = present.head(_SAMPLE)
    if sample.empty or not all(_date_like(value) for value in sample):
        return False
    try:
        parse(column)
    except InvalidData:
        return False
    return True


def looks_like_yyyymmdd(column: Cells) -> bool:
    """Whether every cell is an integer that reads as a calendar date, such as 19970131."""
    found, bad = values.numbers(column)
    found = found[~np.isnan(found)]
    return bool(len(found)) and not bad.any() and _dates(found) is not None


def _date_like(value: object) -> bool:
    return bool(_DATE_LIKE.match(value)) if isinstance(value, str) else hasattr(value, "isoformat")


def _blank_as_missing(column: Cells) -> Cells:
    cells = column.astype(object)
    blank = cells.map(lambda value: isinstance(value, str) and value.strip().lower() in values.NUMBER_MISSING)
    return cells.mask(blank.astype(bool), other=np.nan)


def _naive(column: "pd.Series[Any]") -> Times:
    parsed = pd.to_datetime(column, utc=True)
    return parsed.dt.tz_localize(None).astype("datetime64[ns]")


def _from_numbers(found: Floats, present: Cells) -> Times:
    dates = _dates(found)
    if dates is not None:
        return pd.Series(dates, index=present.index, name=present.name)
    for (low, high), per_second in ((_EPOCH_SECONDS, 1), (_EPOCH_MILLISECONDS, 1000)):
        if (found >= low).all() and (found < high).all():
            nanoseconds = np.round(found * (1e9 / per_second)).astype(np.int64)
            return pd.Series(pd.DatetimeIndex(nanoseconds.astype("datetime64[ns]")), index=present.index, name=present.name)
    raise InvalidData(
        f"time column {present.name!r} holds numbers such as {present.iloc[0]} that are no dates (yyyymmdd, or seconds since 1970): "
        'name another column, or use time = "row_order" where the rows are in time order',
        field=str(present.name),
    )


def _dates(found: Floats) -> pd.DatetimeIndex | None:
    low, high = _YYYYMMDD
    if not ((found >= low) & (found <= high) & (found == np.floor(found))).all():
        return None
    try:
        return pd.DatetimeIndex(pd.to_datetime(pd.Series(found.astype(np.int64).astype(str)), format="%Y%m%d", utc=True))
    except ValueError:
        return None


def _from_text(present: Cells) -> Times:
    try:
        return pd.to_datetime(present, format="ISO8601", utc=True)
    except (ValueError, TypeError):
        readings = _other_readings(present)
    if not readings:
        example = _first_unreadable(present)
        raise InvalidData(
            f"time column {present.name!r} holds {example!r}, which is no date: write times as 2024-12-31 or 2024-12-31T23:59:59",
            field=str(present.name),
        )
    if any(not reading.equals(readings[0]) for reading in readings[1:]):
        raise InvalidData(
            f"time column {present.name!r} can be read day first or month first ({present.iloc[0]!r}): write it as 2024-12-31",
            field=str(present.name),
        )
    return readings[0]


def _other_readings(present: Cells) -> list[Times]:
    readings = []
    written = present.map(str)
    for date in _DATE_FORMATS:
        for suffix in _TIME_SUFFIXES:
            try:
                readings.append(pd.to_datetime(written, format=date + suffix, utc=True))
            except ValueError:
                continue
    return readings


def _first_unreadable(present: Cells) -> object:
    with warnings.catch_warnings():
        # pandas warns that it guesses; the guess only picks the example for the error.
        warnings.simplefilter("ignore", UserWarning)
        read = pd.to_datetime(present.map(str), errors="coerce", utc=True)
    unread = present[read.isna()]
    return unread.iloc[0] if len(unread) else present.iloc[0]
