import datetime as dt
import decimal
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.schema import Column, ColumnKind
from driftgate.reports.profiles.reading import lost, numbers, profiled, texts

NUMBER, TEXT = Column("x", ColumnKind.NUMERIC), Column("x", ColumnKind.CATEGORICAL)
DAY = dt.datetime(2024, 1, 2, tzinfo=dt.UTC)

anything = st.one_of(
    st.none(),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.text(st.characters(), max_size=4),
    st.sampled_from(["1", "1.0", "inf", "nan", "", " 7 ", "\ud800", 1, 1.0, True, -0.0, 0.0, 2**2000, -(2**2000), 1j, pd.NA, pd.NaT]),
    st.sampled_from([DAY, DAY.date(), decimal.Decimal("1.5"), b"3", (1, 2), [1], {"a": 1}, pd.Timestamp(DAY)]),
    st.sampled_from([np.float32(0.5), np.str_("1"), np.array([1, 2])]),
)
rows = st.lists(anything, max_size=15)


def objects(values):
    """A column of the very objects: a list in a list would become a matrix."""
    return pd.Series(np.fromiter(values, dtype=object, count=len(values)), dtype=object)


@pytest.mark.parametrize("column", [NUMBER, TEXT])
@given(rows, rows)
def test_no_column_raises_and_all_rows_make_the_merged_profile(column, first, second):
    halves = [profiled(column, objects(part)) for part in (first, second)]

    assert halves[0].merged(halves[1]) == profiled(column, objects(first + second))


@pytest.mark.parametrize(
    ("values", "read", "unreadable"),
    [
        (["1.5", " 2 ", "x", "", None], [1.5, 2, math.nan, math.nan, math.nan], 2),
        (["inf", "-Infinity", "1e400"], [math.inf, -math.inf, math.inf], 0),
        ([True, 2, decimal.Decimal("1.5"), 2**80], [1, 2, 1.5, 2.0**80], 0),
        ([2**2000, -(2**2000), "3"], [math.inf, -math.inf, 3], 0),
        ([1j, 2, "3"], [math.nan, 2, 3], 1),
        ([DAY, [1], {}, 4], [math.nan] * 3 + [4], 3),
        ([DAY, DAY], [math.nan] * 2, 2),
        ([], [], 0),
    ],
)
def test_objects_are_read_as_numbers_as_far_as_they_can_be(values, read, unreadable):
    found, odd = numbers(objects(values))

    assert found.tolist() == pytest.approx(read, nan_ok=True)
    assert odd == unreadable


@pytest.mark.parametrize(
    ("series", "read", "unreadable"),
    [
        (pd.Series([1, None], dtype="Int64"), [1, math.nan], 0),
        (pd.Series([True, None], dtype="boolean"), [1, math.nan], 0),
        (pd.Series([True, False]), [1, 0], 0),
        (pd.Series([1.5, 2], dtype="float16"), [1.5, 2], 0),
        (pd.Series(["3", "x", None], dtype="category"), [3, math.nan, math.nan], 1),
        (pd.Series([3, 4], dtype="category"), [3, 4], 0),
        (pd.Series(["3", "x", None], dtype="string"), [3, math.nan, math.nan], 1),
        (pd.Series([DAY, None]), [math.nan, math.nan], 1),
        (pd.Series([dt.timedelta(1), None]), [math.nan, math.nan], 1),
        (pd.Series(pd.period_range("2024-01", periods=2, freq="M")), [math.nan] * 2, 2),
        (pd.Series([1 + 2j, 1]), [math.nan] * 2, 2),
        (pd.Series([1.5, None], dtype=pd.SparseDtype("float64")), [1.5, math.nan], 0),
        (pd.Series([True, None], dtype=pd.ArrowDtype(pa.bool_())), [1, math.nan], 0),
        (pd.Series([decimal.Decimal("1.25"), None], dtype=pd.ArrowDtype(pa.decimal128(5, 2))), [1.25, math.nan], 0),
        (pd.Series(["3", "x"], dtype=pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))), [3, math.nan], 1),
        (pd.Series([[1], None], dtype=pd.ArrowDtype(pa.list_(pa.int64()))), [math.nan, math.nan], 1),
        (pd.Series([DAY, None], dtype=pd.ArrowDtype(pa.timestamp("ns", "UTC"))), [math.nan, math.nan], 1),
        (pd.Series([None, None], dtype=pd.ArrowDtype(pa.null())), [math.nan, math.nan], 0),
    ],
    ids=lambda value: str(value.dtype) if isinstance(value, pd.Series) else "",
)
def test_every_type_is_read_as_numbers(series, read, unreadable):
    found, odd = numbers(series)

    assert found.dtype == np.float64
    assert found.tolist() == pytest.approx(read, nan_ok=True)
    assert odd == unreadable
    assert profiled(TEXT, series).rows == len(series)


@pytest.mark.parametrize(
    ("series", "levels", "missing", "retyped"),
    [
        (pd.Series(["b", "a", None, "b"], dtype=object), {"b": 2, "a": 1}, 1, 0),
        (pd.Series(["b", "a", None, "b"]), {"b": 2, "a": 1}, 1, 0),
        (pd.Series(["b", None], dtype="string[pyarrow]"), {"b": 1}, 1, 0),
        (pd.Series(["b", None], dtype=pd.CategoricalDtype(["b", "never"])), {"b": 1}, 1, 0),
        (pd.Series([1, 2, 1]), {"1": 2, "2": 1}, 0, 3),
        (pd.Series([0.0, -0.0, np.nan, 1.5]), {"0.0": 2, "1.5": 1}, 1, 3),
        (pd.Series([True, False, True]), {"True": 2, "False": 1}, 0, 3),
        (pd.Series([pd.Timestamp("2024-01-02")]), {"2024-01-02 00:00:00": 1}, 0, 1),
        (objects([1, True, "1", 1.0, None, [1]]), {"1": 2, "True": 1, "1.0": 1, "[1]": 1}, 1, 4),
        (objects(["\ud800", "\ud83d\ude00", "\ufffd"]), {"\ufffd": 2, "\U0001f600": 1}, 0, 0),
        (objects(["", "nan", np.nan]), {"": 1, "nan": 1}, 1, 0),
        (objects([]), {}, 0, 0),
        (pd.Series([[1], [1], None], dtype=pd.ArrowDtype(pa.list_(pa.int64()))), {"[1]": 2}, 1, 2),
    ],
)
def test_every_type_is_read_as_text(series, levels, missing, retyped):
    assert texts(series) == (levels, missing, retyped)


@pytest.mark.parametrize("column", [NUMBER, TEXT])
def test_a_lost_column_is_all_missing(column):
    found = lost(column, 7)

    assert (found.name, found.rows, found.missing, found.held) == ("x", 7, 7, 0)
    assert found == profiled(column, pd.Series([None] * 7, dtype=object))
