import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from driftgate.reports.profiles.moments import Moments, of_atoms

samples = st.lists(st.integers(-100, 100).map(lambda value: value / 4), min_size=1, max_size=30)


def moments(values):
    return of_atoms(*np.unique(np.array(values, dtype=np.float64), return_counts=True))


@given(samples)
def test_moments_are_those_of_the_values(values):
    found = moments(values)
    gaps = np.array(values) - np.mean(values)

    assert (found.count, found.minimum, found.maximum) == (len(values), min(values), max(values))
    assert found.parts[1:5] == pytest.approx([np.mean(values), *(np.sum(gaps**power) for power in (2, 3, 4))], rel=1e-9, abs=1e-6)
    assert found.deviation == pytest.approx(np.std(values), abs=1e-12)


@given(samples, samples)
def test_merged_moments_are_those_of_all_values(first, second):
    merged, whole = moments(first).merged(moments(second)), moments(first + second)

    assert merged.count == whole.count
    assert merged.parts[1:] == pytest.approx(whole.parts[1:], rel=1e-9, abs=1e-6)


def test_shape_is_that_of_scipy():
    values = np.random.default_rng(1).lognormal(size=500)

    found = moments(values)

    assert found.skewness == pytest.approx(stats.skew(values))
    assert found.kurtosis == pytest.approx(stats.kurtosis(values, fisher=False))


def test_no_values_are_neutral_and_have_no_shape():
    none, some = Moments(), moments([1.0, 2.0])

    assert none.merged(some) == some.merged(none) == some
    assert none.merged(none) == none
    assert all(math.isnan(value) for value in (none.deviation, none.skewness, none.kurtosis))


def test_a_constant_has_no_shape_and_no_deviation_even_where_its_sum_is_rounded():
    found = moments([0.1] * 3)

    assert (found.mean, found.deviation) == (0.1, 0.0)
    assert math.isnan(found.skewness)


@pytest.mark.parametrize("values", [[1e308, 1.5e308], [-1.7e308, 1.7e308], [1e200, -1e200, 3.0]])
def test_sums_beyond_the_largest_float_do_not_raise_and_equal_themselves(values):
    found = moments(values)

    assert min(values) <= found.mean <= max(values)
    assert found.m2 == math.inf
    assert found == moments(values)
    assert found.merged(moments([0.0])).m2 == math.inf
