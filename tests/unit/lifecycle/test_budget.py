import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftgate.lifecycle.budget import MOST, SHARES, monitor_level, pass_level
from driftgate.lifecycle.findings import Monitor


@pytest.mark.parametrize("budget", [1, 2, 5, 20])
def test_nine_years_in_ten_keep_the_budget(budget):
    mean = pass_level(budget, 1e6) * 1e6

    kept = sum(math.exp(-mean) * mean**count / math.factorial(count) for count in range(budget + 1))

    assert kept == pytest.approx(0.9, abs=1e-6)


@given(st.floats(0.05, 500), st.floats(0.05, 500), st.floats(10, 1e6))
def test_a_larger_budget_never_means_a_smaller_level(first, second, passes):
    low, high = sorted((first, second))

    assert 0 < pass_level(low, passes) <= pass_level(high, passes) <= MOST


@given(st.floats(0.1, 100), st.floats(1, 1e5))
def test_the_level_of_a_year_expects_no_more_than_the_budget(budget, passes):
    assert pass_level(budget, passes) * passes <= budget * (1 + 1e-9)


def test_the_shares_spend_the_level_and_no_more():
    assert sum(SHARES.values()) == pytest.approx(1.0)
    assert sum(monitor_level(0.01, monitor) for monitor in SHARES) == pytest.approx(0.01)
    assert Monitor.TRAFFIC not in SHARES
