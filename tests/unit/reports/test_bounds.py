import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.reports.bounds import MOST_GROUPS, corrected, grouping, mean_bounds, studentised


def wrong_upper_bounds(draw, bound, rounds=400):
    """How often the upper bound lies under the true mean, 0."""
    return sum(bound(draw(np.random.default_rng(seed)), seed) < 0 for seed in range(rounds)) / rounds


@pytest.mark.parametrize("draw", [lambda rng: rng.normal(size=200), lambda rng: rng.exponential(size=200) - 1], ids=["normal", "skewed"])
@pytest.mark.parametrize(
    "bound",
    [
        lambda values, seed: studentised(values, 0.95, seed, grouping(len(values)), resamples=300).upper,
        lambda values, _: corrected(values.mean(), values - values.mean(), 0.95, grouping(len(values))).upper,
    ],
    ids=["studentised", "corrected"],
)
def test_an_upper_bound_is_wrong_about_one_time_in_twenty(draw, bound):
    # 5 % plus three standard errors of 400 rounds.
    assert wrong_upper_bounds(draw, bound) <= 0.083


def test_rows_of_one_entity_count_once():
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=100), 10)
    entities = np.repeat(np.arange(100), 10).astype(str)

    (clustered, units, groups), (plain, _, _) = (
        mean_bounds(values, 0.95, 0, grouping(1000, entities)),
        mean_bounds(values, 0.95, 0, grouping(1000)),
    )

    assert (units, groups) == ("entities", 100)
    assert clustered.upper - clustered.lower > 2.5 * (plain.upper - plain.lower)


def test_entities_that_never_repeat_are_rows():
    assert grouping(3, ["a", "b", "c"]).units == "rows"


def test_a_row_without_an_entity_is_a_group_of_its_own():
    groups = grouping(5, ["a", "a", None, float("nan"), "b"])

    assert groups.count == 4


def test_few_groups_get_wide_bounds_from_t():
    values = np.repeat([1.0, -1.0, 0.5], 100)

    estimate = studentised(values, 0.95, 0, grouping(300, np.repeat(["a", "b", "c"], 100)))

    assert estimate.upper - estimate.value == pytest.approx(2.92 * np.std([1.0, -1.0, 0.5], ddof=1) / np.sqrt(3), rel=1e-3)


def test_neighbours_that_agree_widen_the_bounds():
    rng = np.random.default_rng(0)
    values = np.convolve(rng.normal(size=1030), np.ones(30) / 30, mode="valid")

    ordered, units, blocks = mean_bounds(values, 0.95, 0, grouping(len(values)), ordered=True)
    plain, _, _ = mean_bounds(values, 0.95, 0, grouping(len(values)))

    assert units == "blocks"
    assert blocks < 100
    assert ordered.upper - ordered.lower > 3 * (plain.upper - plain.lower)


def test_no_difference_has_bounds_without_width():
    estimate, _, _ = mean_bounds(np.zeros(100), 0.95, 0, grouping(100))

    assert (estimate.lower, estimate.value, estimate.upper) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, float("nan"), 2.0]])
def test_too_few_or_undefined_values_have_no_bounds(values):
    estimate, _, _ = mean_bounds(np.array(values), 0.95, 0, grouping(len(values)))

    assert (estimate.lower, estimate.upper) == (None, None)


def test_the_same_seed_gives_the_same_bounds():
    values = np.random.default_rng(0).normal(size=500)

    assert studentised(values, 0.95, 7, grouping(500)) == studentised(values, 0.95, 7, grouping(500))


def test_more_rows_than_are_resampled_are_merged():
    values = np.random.default_rng(0).normal(size=3 * MOST_GROUPS)

    estimate = studentised(values, 0.95, 0, grouping(len(values)), resamples=100)

    assert estimate.upper - estimate.value == pytest.approx(1.645 / np.sqrt(len(values)), rel=0.3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=60), st.floats(0.6, 0.98))
def test_bounds_enclose_the_value_and_widen_with_confidence(values, confidence):
    array = np.array(values)
    influence = array - array.mean()

    near, far = (corrected(float(array.mean()), influence, level, grouping(len(array))) for level in (confidence, confidence + 0.01))

    assert far.lower <= near.lower <= near.value <= near.upper <= far.upper
