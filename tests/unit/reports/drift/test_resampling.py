import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from driftgate.reports.drift.pool import MOST_ROWS, pool, units
from driftgate.reports.drift.resampling import FITTED, RANKED, pearson_surprise, relabelling, step_down, surprise


@pytest.mark.parametrize(("reference", "window"), [(30, 12), (12, 30)])
def test_every_relabelling_keeps_the_sizes_and_the_first_is_the_real_one(reference, window):
    labels = relabelling(reference, window, np.random.default_rng(0))
    codes = np.arange(reference + window)

    counts = labels.apply(codes, len(codes), lambda table: table)

    assert counts.shape == (1 + FITTED + RANKED, reference + window)
    assert counts[0].tolist() == [0.0] * reference + [1.0] * window
    assert (counts.sum(axis=1) == window).all()
    assert counts[1:].mean(axis=0) == pytest.approx(window / (reference + window), abs=0.07)


@given(st.integers(1, 6), st.integers(0, 1000))
def test_adjusted_p_values_are_never_below_those_of_one_hypothesis_alone(hypotheses, seed):
    surprises = np.random.default_rng(seed).exponential(size=(100, hypotheses))

    adjusted = step_down(surprises)

    alone = (surprises[1:] >= surprises[0]).sum(axis=0)
    assert (adjusted >= (1 + alone) / 100 - 1e-12).all()
    assert (adjusted <= 1).all()


@given(st.integers(2, 6), st.integers(0, 1000))
def test_a_more_surprising_hypothesis_never_gets_a_larger_p_value(hypotheses, seed):
    surprises = np.random.default_rng(seed).exponential(size=(100, hypotheses))

    adjusted = step_down(surprises)

    assert (np.diff(adjusted[np.argsort(surprises[0])]) <= 0).all()


def test_the_smallest_p_value_is_at_most_the_level_as_often_as_the_level_says():
    rng = np.random.default_rng(0)
    shared = rng.exponential(size=(2000, 100, 1)) * 0.5

    smallest = [step_down(draw).min() for draw in shared + rng.exponential(size=(2000, 100, 8))]

    assert np.mean(np.array(smallest) <= 0.05) == pytest.approx(0.05, abs=0.015)


def test_no_hypotheses_give_no_p_values():
    assert step_down(np.zeros((1, 0))).size == 0


def test_pearson_surprise_is_the_tail_of_the_curve():
    assert pearson_surprise(np.array([2.5]), np.array([1.2]))[0] == pytest.approx(-stats.pearson3.logsf(2.5, 1.2))


def test_what_is_not_larger_than_the_mean_does_not_surprise():
    assert pearson_surprise(np.array([-0.1, 0.0]), np.array([30.0, 30.0])).tolist() == [0.0, 0.0]


def test_a_statistic_that_never_varies_does_not_surprise():
    assert not surprise(np.full((1 + FITTED + RANKED, 1), 3.0)).any()


def test_an_entity_that_repeats_gives_one_row_and_rows_without_entity_stand_for_themselves():
    import pandas as pd

    entities = pd.Series(["a", "a", "b", None, None, "a"], dtype=object)

    found = units(entities, 6, np.random.default_rng(0))

    assert len(found) == 4
    assert {3, 4, 2} < set(found.tolist())


def test_a_pool_is_bounded_and_spares_the_smaller_side():
    found = pool(np.arange(100_000), np.arange(300), np.random.default_rng(0))

    assert (len(found.reference), len(found.current)) == (MOST_ROWS - 300, 300)
    assert found.inflation == pytest.approx(1, abs=0.02)
