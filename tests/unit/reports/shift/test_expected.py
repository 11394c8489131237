import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.findings import Assumption
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.reports.shift import expected

SCHEMA = Schema(Task.REGRESSION, "y", tuple(Column(name, ColumnKind.NUMERIC) for name in "ab"))


def rows(count, seed, shift=0.0):
    values = np.random.default_rng(seed).normal(size=(count, 2))
    values[:, 0] += shift
    return pd.DataFrame(values, columns=["a", "b"])


def loss_of(frame, seed=0):
    """Grows with `a`: its mean is 1.648 x exp(-1 + shift)."""
    return np.exp(frame["a"].to_numpy() - 1.0) * np.random.default_rng(seed).uniform(0.5, 1.5, len(frame))


def test_a_population_that_moved_to_where_the_loss_is_higher_is_expected_to_cost_more():
    holdout = rows(1_000, 1)

    found = expected.moved(SCHEMA, holdout, loss_of(holdout), rows(500, 2, shift=0.4))

    assert found.assumption is Assumption.MOVED
    assert found.growth.lower < np.exp(0.4) - 1 < found.growth.upper
    assert found.growth.lower > 0.1
    assert "effective of 1000 holdout rows against 500 of the window" in found.words


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_bounds_hold_about_as_often_as_they_say(shift):
    growths = []
    for seed in range(16):
        holdout = rows(300, (seed, 1))
        growths.append(expected.moved(SCHEMA, holdout, loss_of(holdout, seed), rows(300, (seed, 2), shift), seed=seed).growth)

    # Each bound is wrong one time in twenty; more than four of 16 has a chance below one in a thousand.
    assert sum(growth.lower > np.exp(shift) - 1 for growth in growths) <= 4
    assert sum(growth.upper < np.exp(shift) - 1 for growth in growths) <= 4
    assert np.mean([growth.upper - growth.lower for growth in growths]) < 0.8


def test_a_loss_that_does_not_hang_on_what_moved_is_not_expected_to_grow():
    holdout = rows(1_000, 1)
    loss = np.random.default_rng(3).uniform(0.5, 1.5, 1_000)

    found = expected.moved(SCHEMA, holdout, loss, rows(500, 2, shift=0.5)).growth

    assert abs(found.value) < 0.05
    assert found.lower < 0 < found.upper


def test_a_window_where_the_holdout_has_no_rows_is_undecided():
    holdout = rows(500, 1)

    found = expected.moved(SCHEMA, holdout, loss_of(holdout), rows(500, 2, shift=8.0))

    assert found.growth is None
    assert "of the window lies where the holdout has rows" in found.words


def test_few_effective_rows_are_undecided(monkeypatch):
    holdout = rows(300, 1)
    monkeypatch.setattr(expected, "LEAST_EFFECTIVE", 290.0)

    found = expected.moved(SCHEMA, holdout, loss_of(holdout), rows(300, 2, shift=0.7))

    assert found.growth is None
    assert "at least 290 are needed" in found.words


@pytest.mark.parametrize(
    ("holdout", "window", "loss", "words"),
    [
        (rows(300, 1), rows(1, 2), 1.0, "1 rows in the window"),
        (rows(300, 1), rows(0, 2), 1.0, "0 rows in the window"),
        (rows(300, 1), rows(300, 2), np.nan, "0 rows in the holdout (with a loss)"),
        (rows(300, 1), rows(300, 2), 0.0, "the loss on the holdout is 0"),
        (rows(300, 1), rows(300, 2) * np.nan, 1.0, "no column can take part"),
        (rows(300, 1), rows(300, 2)[[]], 1.0, "no column can take part"),
    ],
)
def test_what_says_nothing_is_undecided_with_the_reason(holdout, window, loss, words):
    found = expected.moved(SCHEMA, holdout, np.full(300, loss), window)

    assert found.growth is None
    assert words in found.words


def test_rows_without_a_loss_do_not_count():
    holdout = rows(400, 1)
    loss = loss_of(holdout)
    loss[::4] = np.nan

    found = expected.moved(SCHEMA, holdout, loss, rows(300, 2))

    assert "of 300 holdout rows" in found.words
    assert found.growth is not None


def test_losses_of_other_rows_are_refused():
    with pytest.raises(InvalidData, match="3 losses for 300 rows"):
        expected.moved(SCHEMA, rows(300, 1), np.ones(3), rows(300, 2))


def test_the_same_seed_gives_the_same_reading():
    holdout, window = rows(300, 1), rows(300, 2, shift=0.3)

    first, again = (expected.moved(SCHEMA, holdout, loss_of(holdout), window, seed=4, most_rows=200) for _ in range(2))

    assert first == again


def test_weights_without_a_shift_are_equal_and_cover_the_window():
    window = np.arange(400) < 200

    found = expected.weights(np.zeros(400), window)

    assert found.of_rows == pytest.approx(1.0)
    assert (found.effective, found.covered) == pytest.approx((200.0, 1.0))


def test_weights_are_the_density_ratio_where_scores_are_its_logarithm():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(size=20_000), rng.normal(0.5, 1.0, 20_000)])
    window = np.arange(40_000) >= 20_000

    found = expected.weights(x / 4, window)

    true = np.exp(0.5 * x[~window] - 0.125)
    assert np.mean(np.abs(found.of_rows - true)) < 0.05
    assert found.covered == pytest.approx(1.0, abs=0.03)
