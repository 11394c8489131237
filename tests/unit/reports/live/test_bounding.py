import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from driftgate.reports.bounds import grouping
from driftgate.reports.live.bounding import LEAST_LEVEL, beyond, beyond_either, difference, growth, mean, share, units


def of_rows(values):
    return mean(np.asarray(values, dtype=float), (grouping(len(values)),))


def hits(count, rows):
    return np.arange(rows) < count


@given(rows=st.integers(5, 200), data=st.data(), confidence=st.sampled_from([0.9, 0.95, 0.9995]))
@settings(max_examples=50, deadline=None)
def test_a_share_of_rows_has_exact_binomial_bounds(rows, data, confidence):
    count = data.draw(st.integers(1, rows - 1))

    found = share(hits(count, rows), (grouping(rows),))(confidence)

    assert binom.cdf(count, rows, found.upper) == pytest.approx(1 - confidence, rel=1e-6)
    assert binom.sf(count - 1, rows, found.lower) == pytest.approx(1 - confidence, rel=1e-6)


@pytest.mark.parametrize(("count", "bound"), [(0, "lower"), (30, "upper")])
def test_a_share_of_none_or_all_is_never_certain(count, bound):
    found = share(hits(count, 30), (grouping(30),))(0.95)

    assert getattr(found, bound) == found.value
    assert found.upper - found.lower == pytest.approx(1 - 0.05 ** (1 / 30), abs=1e-9)


def test_a_share_among_no_rows_is_not_a_number_and_has_no_bounds():
    found = share(hits(3, 10), (grouping(10),), np.zeros(10, dtype=bool))(0.95)

    assert np.isnan(found.value)
    assert found.lower is None


def test_rows_that_repeat_an_entity_are_worth_one_row():
    alike = np.repeat(hits(30, 100), 10)

    clustered = share(alike, (grouping(1000, np.repeat(np.arange(100), 10)),))(0.95)
    plain = share(hits(30, 100), (grouping(100),))(0.95)

    assert clustered.lower == pytest.approx(plain.lower, abs=0.005)
    assert clustered.upper == pytest.approx(plain.upper, abs=0.005)


def test_one_entity_that_says_it_a_thousand_times_gives_no_bounds():
    found = share(hits(600, 1000), (grouping(1000, ["a"] * 1000),))(0.95)

    assert (found.lower, found.upper) == (None, None)


@given(limit=st.floats(0.02, 0.28), level=st.floats(1e-6, 0.4))
@settings(max_examples=50, deadline=None)
def test_a_p_value_is_the_least_level_whose_bound_excludes_the_limit(limit, level):
    bounding = share(hits(30, 100), (grouping(100),))

    found = beyond(bounding, limit, above=True)

    if found.p_value < 0.5 and abs(np.log(level / found.p_value)) > 1e-6:
        assert (bounding(1 - level).lower > limit) == (level > found.p_value)


def test_a_value_within_its_limit_has_p_one():
    assert beyond(of_rows(np.linspace(0, 1, 50)), 0.9, above=True).p_value == 1.0


def test_a_value_far_beyond_has_the_least_p():
    assert beyond(of_rows(np.linspace(5, 6, 500)), 1.0, above=True).p_value == LEAST_LEVEL


def test_a_value_without_bounds_has_no_p():
    assert beyond(of_rows([1.0]), 0.5, above=True).p_value is None


def test_either_side_names_the_limit_that_is_nearer():
    low, high = (beyond_either(of_rows(np.linspace(at - 1, at + 1, 200)), -0.2, 0.2) for at in (-0.5, 0.5))

    assert (low.limit, high.limit) == (-0.2, 0.2)
    assert low.p_value == pytest.approx(high.p_value, rel=1e-3)


@pytest.mark.parametrize("at", [-0.15, 0.15])
def test_limits_that_lie_together_count_both_tails(at):
    bounding = of_rows(np.linspace(at - 1, at + 1, 200))

    either, one = beyond_either(bounding, 0.0, 0.0), beyond(bounding, 0.0, above=at > 0)

    assert 0 < one.p_value < 0.05
    assert either.p_value == pytest.approx(2 * one.p_value)


def test_limits_far_apart_count_one_tail():
    bounding = of_rows(np.linspace(1.2 - 1, 1.2 + 1, 200))

    assert beyond_either(bounding, -1.0, 1.0).p_value == pytest.approx(beyond(bounding, 1.0, above=True).p_value, rel=1e-6)


def test_growth_of_a_loss_held_against_an_exact_one_is_that_of_its_bounds():
    current = of_rows(np.random.default_rng(0).exponential(size=400))
    exact = of_rows(np.full(10, 2.0))

    found, plain = growth(current, exact)(0.95), current(0.95)

    assert (found.lower, found.upper) == pytest.approx((plain.lower / 2 - 1, plain.upper / 2 - 1))


def test_growth_over_a_loss_that_may_be_nothing_has_no_upper_bound():
    found = growth(of_rows([1.0, 1.1, 0.9]), of_rows([0.0, 0.0, 0.3]))(0.95)

    assert found.upper is None


@pytest.mark.parametrize(("reference", "window"), [(200, 2_000), (2_000, 200)])
def test_growth_of_skewed_losses_alarms_about_as_often_as_promised_whichever_side_is_small(reference, window):
    found = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        bounding = growth(of_rows(rng.exponential(1.1, window)), of_rows(rng.exponential(1.0, reference)))
        found.append(bounding(0.95).lower > 0.1)

    # 5 % plus three standard errors of 400 rounds; and not so rare that it could never find anything.
    assert 0.01 <= np.mean(found) <= 0.083


def test_a_difference_of_shares_alarms_about_as_often_as_promised():
    found = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        here, there = rng.random(150) < 0.25, rng.random(600) < 0.2
        found.append(difference(share(here, (grouping(150),)), share(there, (grouping(600),)))(0.95).lower > 0.05)

    assert 0.005 <= np.mean(found) <= 0.083


def test_rows_in_the_order_of_time_are_judged_by_runs_of_neighbours():
    drifting = np.repeat(np.random.default_rng(0).normal(size=40), 25)

    ordered = units(1000, None, np.arange(1000), drifting)
    found, plain = mean(drifting, ordered)(0.95), mean(drifting, units(1000))(0.95)

    assert ordered[0].units == "blocks"
    assert found.upper - found.lower > 3 * (plain.upper - plain.lower)


def test_entities_and_time_together_give_the_wider_bounds():
    rng = np.random.default_rng(0)
    values, entities, times = rng.normal(size=400), np.arange(400) % 150, np.arange(400)

    both = mean(values, units(400, entities, times, values))(0.95)

    alone = [mean(values, units(400, *given, values))(0.95) for given in ((entities, None), (None, times))]
    assert both.lower == min(one.lower for one in alone)
    assert both.upper == max(one.upper for one in alone)
