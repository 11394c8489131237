import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from driftgate.reports.drift import surprise

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12).map(np.array)


# Not the subnormal numbers, which a division rounds to nothing.
chances = st.just(0.0) | st.floats(1e-300, 1)
weighted = st.lists(st.tuples(chances, st.floats(0.1, 10)), min_size=1, max_size=12).map(lambda pairs: np.array(pairs).T)


@given(weighted)
def test_holm_never_claims_more_than_a_single_test_nor_less_than_bonferroni(given_):
    p, weights = given_

    adjusted = surprise.holm(p, weights)

    assert (adjusted >= p * (1 - 1e-12)).all()
    assert (adjusted <= np.minimum(weights.sum() / weights * p, 1.0) * (1 + 1e-12)).all()


def test_holm_gives_more_of_the_level_to_what_weighs_more():
    adjusted = surprise.holm(np.array([0.01, 0.01, 0.5]), np.array([1.0, 2.0, 1.0]))

    # First the one that is surest for its weight, of all four parts; then the next, of the two that are left.
    assert adjusted == pytest.approx([0.02, 0.02, 0.5])


@given(p_values)
def test_holm_keeps_the_order(given_):
    adjusted = surprise.holm(given_, np.ones(len(given_)))

    assert (np.diff(adjusted[np.argsort(given_, kind="stable")]) >= 0).all()


def test_holm_of_nothing_is_nothing():
    assert surprise.holm(np.zeros(0), np.zeros(0)).shape == (0,)


def test_the_tail_beyond_the_draws_goes_on_falling():
    null = np.random.default_rng(0).exponential(size=2000)

    found = [surprise.tail(value, null) for value in (1.0, 5.0, 9.0, 14.0)]

    assert found[0] == pytest.approx(np.exp(-1.0), rel=0.1)
    assert found[2] == pytest.approx(np.exp(-9.0), rel=0.5)
    assert found == sorted(found, reverse=True)
    assert found[3] < 1e-5


def test_tails_of_many_points_are_those_of_each():
    null = np.random.default_rng(0).exponential(size=2000)

    found = surprise.tails(np.array([0.0, 1.0, 5.0, 9.0]), null)

    assert found[0] == pytest.approx(1.0, rel=0.01)
    assert found[1] == pytest.approx(np.exp(-1.0), rel=0.1)
    assert found[3] == pytest.approx(np.exp(-9.0), rel=0.9)


def test_the_tail_of_a_null_with_a_second_hump_is_never_below_what_was_drawn():
    null = np.concatenate([np.random.default_rng(0).normal(size=1980), np.full(20, 100.0)])

    (found,) = surprise.tails(np.array([90.0]), null)

    assert found >= 20 / 2001


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30).map(np.array), st.integers(0, 5))
def test_tails_are_chances_that_fall(points, seed):
    found = surprise.tails(np.sort(points), np.random.default_rng(seed).gamma(0.5, size=300))

    assert ((found >= 0) & (found <= 1)).all()
    assert (np.diff(found) <= 1e-12).all()


def test_the_tail_of_what_never_varies_is_all_or_nothing():
    assert surprise.tails(np.array([0.0, 2.0]), np.ones(100)).tolist() == [1.0, 0.0]


def test_a_p_value_is_never_zero_by_luck_of_the_draws():
    assert surprise.tail(0.5, np.zeros(2000)) > 0


@pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
def test_without_anything_to_find_p_values_are_what_they_say(level):
    rng = np.random.default_rng(4)
    null = np.column_stack([rng.chisquare(2, 2000), rng.normal(size=2000) ** 2])

    found = [surprise.strongest_of(np.array([rng.chisquare(2), rng.normal() ** 2]), null) for _ in range(600)]

    assert stats.binomtest(int(np.sum(np.array(found) <= level)), 600, level).pvalue > 0.001


@pytest.mark.parametrize("window", [50, 100, 300])
def test_the_tail_of_what_moves_by_steps_is_that_of_its_step(window):
    rows = 5_000 + window
    chance = stats.hypergeom(rows, rows // 2, window)
    nulls = [(np.random.default_rng(seed).hypergeometric(rows // 2, rows // 2, window, size=2000) - window / 2) ** 2 for seed in range(20)]

    for found in range(window // 2, window):
        exact = 2 * float(chance.sf(found - 1))
        if 1e-4 < exact < 0.02:
            own = np.mean([surprise.strongest_of(np.array([(found - window / 2) ** 2]), null[:, None]) for null in nulls])
            assert 0.9 < own / exact < 1.2


def test_the_strongest_of_two_statistics_pays_for_both():
    rng = np.random.default_rng(0)
    null = rng.chisquare(1, (2000, 2))
    strong = stats.chi2.isf(0.001, 1)

    both = surprise.strongest_of(np.array([strong, 0.1]), null)

    assert 0.0015 < both < 0.004


def test_a_statistic_that_never_varies_surprises_nobody():
    assert surprise.strongest_of(np.array([5.0]), np.full((2000, 1), 5.0)) == 1.0


def test_a_discrete_test_that_cannot_be_as_small_costs_nothing():
    found = surprise.least_of_discrete([0.01, 1.0], [(1.0, 0.01), (1.0, 0.4), (1.0, 1e-30)])

    assert found.tolist() == pytest.approx([0.01, 1.0])


def test_discrete_tests_that_can_be_as_small_are_all_paid_for():
    assert surprise.least_of_discrete([0.01], [(1.0, 0.01), (1.0, 0.009), (1.0, 0.3, 0.002)]).tolist() == pytest.approx([0.021])
