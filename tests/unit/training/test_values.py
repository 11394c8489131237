import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.training import values


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([1, 2], ["1", "2"]),
        ([1.0, 2.5], ["1", "2.5"]),
        (["1.0", "2.50", "00501"], ["1", "2.50", "00501"]),
        ([True, False], ["True", "False"]),
        (["true", "FALSE"], ["True", "False"]),
        ([Decimal("3.0")], ["3"]),
    ],
)
def test_text_renders_equal_values_alike(cells, expected):
    column = pd.Series(cells, dtype=object)

    written = values.text(column)

    assert list(written) == expected
    assert written.dtype == object


@pytest.mark.parametrize("marker", ["", "  ", "NA", "nan", "NULL", None, np.nan, pd.NA])
def test_markers_of_missing_text_become_nan(marker):
    column = pd.Series(["a", marker], dtype=object)

    written = values.text(column)

    assert isinstance(written.iloc[1], float)
    assert math.isnan(written.iloc[1])


def test_none_and_question_mark_are_levels_of_text_and_missing_among_numbers():
    column = pd.Series(["None", "?"], dtype=object)

    written = values.text(column)
    found, bad = values.numbers(column)

    assert list(written) == ["None", "?"]
    assert np.isnan(found).all()
    assert not bad.any()


def test_labels_keep_words_as_they_are():
    column = pd.Series(["true", "1.0", True], dtype=object)

    assert list(values.labels(column)) == ["true", "1", "True"]


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "int8", "float32", "category", "object", "str"])
def test_numbers_are_read_from_every_type(dtype):
    column = pd.Series([1, 2, 3]).astype(str).astype("str") if dtype == "str" else pd.Series([1, 2, 3]).astype(dtype)

    found, bad = values.numbers(column)

    assert found.tolist() == [1.0, 2.0, 3.0]
    assert found.dtype == np.float64
    assert not bad.any()


def test_missing_values_of_nullable_types_become_nan():
    found, bad = values.numbers(pd.Series([1, None], dtype="Int64"))

    assert np.isnan(found[1])
    assert not bad.any()


def test_words_among_numbers_are_marked():
    found, bad = values.numbers(pd.Series(["1", " 2.5 ", "three", "1_000", " "], dtype=object))

    assert bad.tolist() == [False, False, True, True, False]
    assert found[1] == 2.5
    assert np.isnan(found[4])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_a_number_survives_being_written_and_read(numbers):
    column = pd.Series([repr(number) for number in numbers], dtype=object)

    found, bad = values.numbers(column)

    assert not bad.any()
    assert found.tolist() == numbers


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(st.text(), st.integers(), st.floats(allow_infinity=False), st.booleans(), st.none())))
def test_text_is_idempotent(cells):
    once = values.text(pd.Series(cells, dtype=object))

    twice = values.text(once)

    pd.testing.assert_series_equal(once, twice)
