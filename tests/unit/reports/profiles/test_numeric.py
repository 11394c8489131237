import math
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.reports.profiles.numeric import KEPT, LOSSLESS, NumericProfile, of_values

SMALL = 40
"""Distinct values that the small profiles of these tests hold; most samples have more."""

numbers = st.one_of(st.floats(), st.sampled_from([0.0, -0.0, math.nan, math.inf, 1.0, 0.1]))
columns = st.lists(numbers, max_size=60).map(lambda values: np.array(values, dtype=np.float64))
many = st.lists(st.one_of(st.integers(0, 5), st.integers(-300, 300)).map(float), min_size=1, max_size=400).map(np.array)


def profile(values, **options):
    return of_values("x", np.asarray(values, dtype=np.float64), **options)


def most_off(found: NumericProfile, values) -> int:
    """The most rows by which the number of values at or below any number is off."""
    at = np.unique(np.concatenate([values, found.values]))
    true = np.searchsorted(np.sort(values), at, side="right")
    said = np.concatenate([[0], np.cumsum(found.counts)])[np.searchsorted(found.values, at, side="right")]
    return int(np.abs(true - said).max())


@given(columns, columns)
def test_the_profile_of_all_rows_is_the_merged_profile_to_the_last_bit(first, second):
    whole = profile(np.concatenate([first, second]))

    assert profile(first).merged(profile(second)) == whole
    assert profile(second).merged(profile(first)) == whole


@given(many, many)
def test_two_exact_profiles_merge_into_the_profile_of_all_rows_even_where_that_is_cut(first, second):
    exact = [profile(side, lossless=10_000) for side in (first, second)]

    assert exact[0].merged(exact[1], lossless=SMALL) == profile(np.concatenate([first, second]), lossless=SMALL)


@given(columns)
def test_every_row_is_a_value_or_missing(values):
    found = profile(values)

    assert found.rows == len(values)
    assert found.missing == np.count_nonzero(~np.isfinite(values))
    assert found.infinite == np.count_nonzero(np.isinf(values))
    assert found.held == found.counts.sum() == found.moments.count
    assert np.array_equal(np.repeat(found.values, found.counts), np.sort(values[np.isfinite(values)]))


@given(many)
def test_a_cut_profile_is_within_its_stated_error_and_keeps_counts_range_and_moments(values):
    found, exact = profile(values, lossless=SMALL), profile(values)

    assert len(found.values) <= SMALL
    assert found.exact == (len(exact.values) <= SMALL)
    assert most_off(found, values) <= found.error <= len(values) / (SMALL // KEPT)
    assert (found.held, found.moments) == (exact.held, exact.moments)
    assert (found.values[0], found.values[-1]) == (min(values), max(values))


@given(st.lists(many, min_size=2, max_size=6))
def test_merged_cut_profiles_are_within_their_stated_error(parts):
    found = reduce(lambda mine, other: mine.merged(other, lossless=SMALL), [profile(part, lossless=SMALL) for part in parts])
    values = np.concatenate(parts)
    exact = profile(values)

    assert most_off(found, values) <= found.error
    assert (found.held, found.minimum, found.maximum) == (exact.held, exact.minimum, exact.maximum)
    assert found.moments.parts[1:5] == pytest.approx(exact.moments.parts[1:5], rel=1e-9, abs=1e-3)


@given(many, many)
def test_an_exact_profile_adds_no_error_to_a_cut_one_where_nothing_more_is_cut(first, second):
    cut, exact = profile(first, lossless=SMALL), profile(second)

    found = cut.merged(exact)

    assert found.error == cut.error
    assert found.exact == cut.exact
    assert most_off(found, np.concatenate([first, second])) <= found.error


def test_the_error_of_a_cut_at_the_default_is_stated_and_small():
    values = np.random.default_rng(2).normal(size=LOSSLESS + 50_000)

    found = profile(values)

    assert not found.exact
    assert most_off(found, values) == found.error
    assert found.rank_error <= KEPT / LOSSLESS
    assert found.quantile(0.5) == pytest.approx(np.median(values), abs=1e-3)


def test_a_value_of_many_rows_survives_a_cut_with_its_count():
    values = np.concatenate([np.zeros(5_000), np.random.default_rng(3).normal(size=5_000)])

    found = profile(values, lossless=SMALL)

    assert found.counts[found.values == 0.0] >= 5_000


@given(many, st.floats(0, 1))
def test_quantiles_are_those_of_numpy(values, share):
    found = profile(values)

    assert found.quantile(share) == np.quantile(values, share, method="inverted_cdf")
    assert found.quantiles([share, 1.0]).tolist() == [found.quantile(share), max(values)]


def test_zero_has_no_sign():
    found = profile([-0.0, 0.0])

    assert found.counts.tolist() == [2]
    assert not np.signbit(found.values[0])


@pytest.mark.parametrize("values", [[], [math.nan, math.inf]])
def test_what_has_no_values_is_undefined(values):
    found = profile(values)

    assert (found.held, found.exact, found.error) == (0, True, 0)
    assert all(math.isnan(value) for value in (found.mean, found.deviation, found.minimum, found.maximum, found.quantile(0.5)))
    assert math.isnan(found.rank_error)
    assert found.merged(profile([2.0])).mean == 2.0


@pytest.mark.parametrize("values", [[1e300, 3e300], [-1.7e308, 1.7e308]])
def test_a_deviation_beyond_the_squares_of_floats_is_still_found(values):
    assert profile(values).deviation == pytest.approx(abs(values[1] / 2 - values[0] / 2))


def test_the_values_given_stay_as_they_are_and_the_profile_s_cannot_be_changed():
    values = np.array([3.0, 1.0, -0.0])

    found = profile(values)

    assert values.tolist() == [3.0, 1.0, -0.0]
    assert values.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        found.values[0] = 9.0
    with pytest.raises(ValueError, match="read-only"):
        found.counts[0] = 9


def test_profiles_differ_where_a_value_a_count_or_a_number_of_missing_rows_does():
    found = profile([1.0, 2.0, 2.0])

    assert found != profile([1.0, 1.0, 2.0])
    assert found != profile([1.0, 3.0, 3.0])
    assert found != profile([1.0, 2.0, 2.0, math.nan])
    assert found != "x"
    assert hash(found) == hash(profile([2.0, 1.0, 2.0]))
