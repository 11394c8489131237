import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from driftgate.reports.drift import numeric

samples = st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=40).map(np.array)


@given(samples, samples)
def test_wasserstein_is_that_of_scipy(reference, current):
    assert numeric.wasserstein(reference, current) == pytest.approx(stats.wasserstein_distance(reference, current), abs=1e-9)


@given(samples, samples)
def test_kolmogorov_smirnov_is_the_largest_gap_of_the_distribution_functions(reference, current):
    gaps = [abs(np.mean(reference <= value) - np.mean(current <= value)) for value in (*reference, *current)]

    assert numeric.kolmogorov_smirnov(reference, current) == pytest.approx(max(gaps))


@given(samples, samples, st.floats(0.01, 100), st.floats(-100, 100))
@settings(max_examples=50)
def test_a_normalised_distance_does_not_depend_on_unit_or_origin(reference, current, factor, origin):
    before = numeric.wasserstein(reference, current) / numeric.spread(reference, current)

    after = numeric.wasserstein(reference * factor + origin, current * factor + origin)
    unit = numeric.spread(reference * factor + origin, current * factor + origin)

    if reference.std() > 0:
        assert after / unit == pytest.approx(before, rel=1e-6, abs=1e-6)


def test_one_outlier_does_not_widen_the_unit():
    values = np.append(np.random.default_rng(0).normal(size=1000), 1e6)

    assert numeric.spread(values, values) == pytest.approx(1, rel=0.15)


def test_a_column_of_mostly_one_value_has_a_unit_that_outliers_do_not_widen():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(1000) < 0.9, 0.0, rng.normal(5, 1, 1000))

    clean, spoiled = numeric.spread(values, values), numeric.spread(np.append(values, 1e6), values)

    assert spoiled == pytest.approx(clean, rel=0.1)


def test_a_single_extreme_value_lies_beyond_the_fence_and_five_percent_of_rows_do_not():
    values = np.random.default_rng(0).normal(size=1000)
    spoiled, heavy = np.append(values, 1e6), np.concatenate([values, np.full(50, 30.0)])

    assert numeric.fence(spoiled, values, 1.0)[1] < 10
    assert numeric.fence(values, heavy, 1.0)[1] > 30


def test_statistics_of_counts_are_those_of_the_values():
    rng = np.random.default_rng(3)
    reference, current = rng.integers(0, 9, 60).astype(float), rng.integers(2, 12, 40).astype(float)
    codes, centres = numeric._cells(np.concatenate([reference, current]))
    window = np.bincount(codes[60:], minlength=len(centres) + 1)[None, 1:].astype(float)

    scales = (centres, np.clip(centres, 3, 8))
    distance, darling, fenced = numeric._statistics(window, np.bincount(codes)[1:].astype(float), scales)[0]

    assert distance == pytest.approx(stats.wasserstein_distance(reference, current))
    assert fenced == pytest.approx(stats.wasserstein_distance(reference.clip(3, 8), current.clip(3, 8)))
    assert darling == pytest.approx(_anderson_darling(reference, current))


def _anderson_darling(first, second):
    """Scholz and Stephens (1987), equation 6, written out for two samples, summed over both as printed."""
    every = np.concatenate([first, second])
    distinct, ties = np.unique(every, return_counts=True)
    total, below = len(every), np.cumsum(ties)
    result = 0.0
    for sample in (first, second):
        inside = np.array([(sample <= value).sum() for value in distinct])
        terms = ties[:-1] * (total * inside - below * len(sample))[:-1] ** 2 / (below * (total - below))[:-1]
        result += terms.sum() / len(sample) / total
    return result
