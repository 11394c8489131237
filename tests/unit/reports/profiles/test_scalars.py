import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from driftgate.reports.profiles import reading, scalars

values = st.lists(
    st.one_of(
        st.none(),
        st.booleans(),
        st.floats(),
        st.integers(-(10**400), 10**400),
        st.text(max_size=3),
        st.sampled_from(["1", " 2.5 ", "nan", "inf"]),
    ),
    max_size=8,
)
numeric = st.lists(st.one_of(st.none(), st.booleans(), st.floats(), st.integers(-(2**70), 2**70)), max_size=8)
spoken = st.lists(st.one_of(st.none(), st.text(max_size=3), st.sampled_from(["a", "\ud800", "1", "nan"])), max_size=8)


def series(given_):
    return pd.Series(given_, dtype=object)


@given(st.one_of(values, numeric))
def test_numbers_are_read_as_they_are_of_a_series_or_left_to_it(given_):
    found = scalars.numbers(given_)

    expected, unreadable = reading.numbers(series(given_))

    assert found is None or (np.array_equal(found[0], expected, equal_nan=True) and found[1] == unreadable)


@given(st.one_of(values, spoken))
def test_texts_are_read_as_they_are_of_a_series_or_left_to_it(given_):
    found = scalars.texts(given_)

    assert found in (None, reading.texts(series(given_)))


def test_plain_columns_are_read_without_a_series():
    assert scalars.numbers([1.5, 2, None, True]) is not None
    assert scalars.texts(["a", None, "a"]) == ({"a": 2}, 1, 0)


def test_mixed_columns_are_left_to_the_series():
    assert scalars.numbers([1.5, "2"]) is None
    assert scalars.numbers([10**400]) is None
    assert scalars.texts(["a", 1]) is None
    assert scalars.texts(["\ud800"]) is None
