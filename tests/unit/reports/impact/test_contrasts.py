import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.reports.impact.contrasts import between, required, within
from tests.unit.reports.impact.traffic import counted


def wrong(draw, sizes, rounds, confidence=0.95):
    """How often an interval misses the true difference, 0, and how often the p-value is below .01, where sizes suffice."""
    rng, missed, small, judged = np.random.default_rng(5), 0, 0, 0
    for _ in range(rounds):
        found = between(draw(rng, sizes[0]), draw(rng, sizes[1]))
        if found.smallest < found.required:
            continue
        bounds = found.bounds(confidence)
        judged += 1
        missed += not bounds.lower <= 0 <= bounds.upper
        small += found.p_below() <= 0.01
    return missed / judged, small / judged


@pytest.mark.parametrize(
    ("draw", "sizes"),
    [
        (lambda rng, size: rng.binomial(1, 0.1, size).astype(float), (1000, 250)),
        (lambda rng, size: rng.binomial(1, 0.9, size).astype(float), (1000, 250)),
        (lambda rng, size: rng.exponential(size=size), (400, 150)),
        (lambda rng, size: -rng.exponential(size=size), (400, 150)),
    ],
    ids=["rare", "common", "skewed", "skewed below"],
)
def test_intervals_and_p_values_are_wrong_as_often_as_promised(draw, sizes):
    rounds = counted(full=10_000, reduced=600)

    missed, small = wrong(draw, sizes, rounds)

    # Plus three standard errors.
    assert missed <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / rounds)
    assert small <= 0.012 + 3 * math.sqrt(0.01 * 0.99 / rounds)


def test_a_real_difference_is_found():
    rng = np.random.default_rng(0)

    found = between(rng.binomial(1, 0.3, 800).astype(float), rng.binomial(1, 0.45, 800).astype(float))

    assert found.p_below() < 1e-6
    assert found.bounds(0.95).upper < 0


def test_without_skewness_it_is_welch_s_t():
    first, second = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([2.0, 4.0, 6.0])
    from scipy.stats import ttest_ind

    found, peer = between(first, second), ttest_ind(first, second, equal_var=False)

    assert found.value / found.error == pytest.approx(peer.statistic)
    assert found.degrees == pytest.approx(peer.df)
    assert found.p_below() == pytest.approx(float(ttest_ind(first, second, equal_var=False, alternative="less").pvalue))


def test_one_entity_has_no_error():
    assert math.isnan(between(np.array([1.0]), np.array([0.0, 1.0])).error)
    assert between(np.array([1.0]), np.array([0.0, 1.0])).p_below() is None


def test_values_that_are_all_alike_have_no_bounds():
    found = within(np.ones(100))

    assert (found.error, found.bounds(0.95).lower, found.p_below()) == (0.0, None, None)


def test_a_small_group_that_lacks_the_rare_outcome_does_not_pass_as_even():
    rare, none = np.zeros(1000), np.zeros(100)
    rare[:20] = 1.0

    assert required([none, rare]) > 1000
    assert required([none, none]) == 0


@settings(max_examples=50)
@given(
    st.lists(st.floats(-100, 100), min_size=2, max_size=30),
    st.lists(st.floats(-100, 100), min_size=2, max_size=30),
    st.floats(-50, 50),
    st.floats(0.1, 10),
)
def test_units_and_order_do_not_change_what_is_found(first, second, shift, scale):
    one, other = np.array(first), np.array(second)
    if one.std() + other.std() < 1e-3:
        return

    found, moved = between(one, other), between(scale * one + shift, scale * other + shift)
    swapped = between(other, one)

    assert moved.value == pytest.approx(scale * found.value, abs=1e-6)
    assert moved.error == pytest.approx(scale * found.error, rel=1e-6)
    assert (swapped.value, swapped.error) == (pytest.approx(-found.value), pytest.approx(found.error))
    assert swapped.asymmetry == pytest.approx(-found.asymmetry, abs=1e-6)
