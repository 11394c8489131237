import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.reports.profiles.entities import one_each

entities = st.lists(st.sampled_from(["a", "b", "c", None]), max_size=20)


@given(entities, st.integers(0, 5))
def test_one_row_of_each_entity_and_every_row_without_one_is_drawn(names, seed):
    series = pd.Series(names, dtype=object)

    at = one_each(series, seed)

    if at is None:
        assert not series.dropna().duplicated().any()
    else:
        drawn = series.iloc[at]
        assert drawn.isna().sum() == series.isna().sum()
        assert sorted(drawn.dropna()) == sorted(set(series.dropna()))
        assert at.tolist() == sorted(set(at.tolist()))


def test_the_draw_is_the_seed_s_and_every_row_of_an_entity_is_as_likely():
    series = pd.Series(["a"] * 4 + ["b"])

    drawn = [int(one_each(series, seed)[0]) for seed in range(800)]

    assert one_each(series, 3).tolist() == one_each(series, 3).tolist()
    assert np.bincount(drawn, minlength=4).min() > 140


@pytest.mark.parametrize(
    "series",
    [pd.Series([1, 2, 2]), pd.Series([1.0, np.nan, 1.0]), pd.Series([[1], [1], None]), pd.Series(["a", "a"], dtype="category")],
)
def test_entities_of_any_type_are_told_apart(series):
    assert len(one_each(series, 0)) == len(series) - 1
