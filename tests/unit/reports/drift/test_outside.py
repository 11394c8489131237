from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.reports.drift import numeric, outside
from driftgate.reports.drift.aspects import Materiality
from tests.unit.reports.drifting import column, measured, rows


def pooled(reference, window):
    sides = (numeric.Atoms(*np.unique(np.asarray(side, dtype=np.float64), return_counts=True)) for side in (reference, window))
    return numeric.pool(*sides)


def ends(reference, window, independent=None, matters=0.01):
    everything = pooled(reference, window)
    return outside.aspects(everything, everything if independent is None else pooled(*independent), Materiality(out_of_range=matters))


@given(st.lists(st.integers(-9, 9), min_size=1), st.lists(st.integers(-9, 9), min_size=1))
def test_the_shares_are_those_of_the_values_beyond_either_end(reference, window):
    low, high = outside.shares(pooled(reference, window))

    assert low == pytest.approx(np.mean([value < min(reference) for value in window]))
    assert high == pytest.approx(np.mean([value > max(reference) for value in window]))


@settings(max_examples=40)
@given(st.lists(st.integers(0, 5), min_size=6, max_size=8), st.integers(2, 4), st.data())
def test_the_p_value_is_the_share_of_all_labellings_with_as_many_values_outside(values, size, data):
    # Every way to call some of the pooled values the window is as likely as every other.
    splits = [(np.delete(values, list(chosen)), np.array(values)[list(chosen)]) for chosen in combinations(range(len(values)), size)]
    reference, window = data.draw(st.sampled_from(splits))
    beyond = np.sum(window > reference.max())
    as_many = np.mean([np.sum(after > before.max()) >= beyond for before, after in splits])
    counts = beyond != 1 or outside.alone(pooled(reference, window))[1]

    assert ends(reference, window)[1].p_value == pytest.approx(as_many if counts else 1.0)


def test_what_chance_may_have_begins_at_what_matters():
    reference, window = np.arange(1_000.0), np.arange(1_000) + 0.5

    high = ends(reference, window, matters=0.02)[1]

    assert high.limit == pytest.approx(0.021)
    assert high.attainable[0] == pytest.approx(0.5**21, rel=0.3)
    # Where only some rows are independent, how many of them matter is not known: all do, but for a single one that is not alone.
    assert ends(reference, window, (reference[:500], window[:500]), matters=0.02)[1].attainable[0] == pytest.approx(0.25, rel=0.01)


@pytest.mark.parametrize(
    ("highest", "found"), [([11.0], False), ([14.9], False), ([15.1], True), ([16.5, 16.5], False), ([16.5, 12.0], False)]
)
def test_a_single_value_is_alone_where_it_is_twice_as_far_out_as_all_others(highest, found):
    window = np.concatenate([np.arange(11.0), highest])

    # The median is 5, and 10 the highest of the others.
    assert outside.alone(pooled(np.arange(11.0), window)) == (False, found)
    assert outside.alone(pooled(-np.arange(11.0), -window)) == (found, False)


def test_one_value_like_no_other_is_an_alarm_among_fifty_and_one_that_is_only_the_highest_is_not():
    reference, window = rows(5_000, seed=1), rows(50, seed=2)
    top = reference["age"].max()
    window["age"] = window["age"].clip(upper=top)
    window.loc[window.index[0], "age"] = top + 1
    highest = column(measured(reference, window), "age")
    window.loc[window.index[0], "age"] = 3 * top
    alone = column(measured(reference, window), "age")

    assert not highest.drifted
    assert (alone.drifted, alone.method, alone.score) == (True, "out_of_range", 0.02)


def test_two_numbers_of_a_hundred_beyond_thousands_are_an_alarm_and_one_is_not():
    reference, window = rows(5_000, seed=1), rows(100, seed=2)
    top = reference["age"].max()
    window["age"] = window["age"].clip(upper=top)
    window.loc[window.index[0], "age"] = top + 1
    one = column(measured(reference, window), "age")
    window.loc[window.index[1], "age"] = top + 2
    two = column(measured(reference, window), "age")

    assert not one.drifted
    assert (two.drifted, two.method, two.score) == (True, "out_of_range", 0.02)
    assert any(finding.startswith("out of range: 2.0%") for finding in two.findings)


def test_how_far_the_values_moved_is_told_before_how_many_left_the_range():
    reference, window = rows(600, seed=1), rows(150, seed=2)
    window["age"] += 30

    age = column(measured(reference, window), "age")

    assert (age.drifted, age.method) == (True, "normalised_wasserstein")
    assert any(finding.startswith("out_of_range drifted too") for finding in age.findings)


def test_values_tied_with_the_reference_are_in_its_range():
    low, high = ends([0, 1, 1], [0, 0, 1])

    assert (low.effect, high.effect, low.p_value, high.p_value) == (0, 0, 1, 1)
