from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.schema import Task
from driftgate.reports import comparison
from tests.unit.reports.models import mixed_rows, mixed_schema, outputs_of, truth_of


def snapshot(rows=30, seed=0, **columns):
    return mixed_rows(rows, seed).assign(churned=pd.Series(["no", "yes"] * (rows // 2), dtype=object), **columns)


def test_rows_the_champion_trained_on_are_not_unseen():
    holdout = snapshot()
    train = holdout.iloc[[3, 7]]

    mask = comparison.unseen(holdout, train, mixed_schema())

    assert np.flatnonzero(~mask).tolist() == [3, 7]


def test_a_row_with_another_outcome_is_unseen():
    holdout = snapshot()
    train = holdout.iloc[[3]].assign(churned="no")

    assert comparison.unseen(holdout, train, mixed_schema()).all()


def test_missing_values_and_types_of_storage_do_not_hide_a_known_row():
    holdout = snapshot()
    holdout.loc[0, ["age", "score"]] = [-0.0, np.nan]
    train = holdout.astype({"churned": "str", "plan": "str"}).assign(age=holdout["age"] + 0.0)

    assert not comparison.unseen(holdout, train, mixed_schema()).any()


def test_times_tell_equal_rows_apart():
    times = pd.date_range("2026-01-01", periods=30).astype("datetime64[ns]")
    schema = mixed_schema(time="day")
    holdout = snapshot(day=times)

    assert comparison.unseen(holdout, snapshot(day=times + pd.Timedelta(days=30)), schema).all()
    assert not comparison.unseen(holdout, snapshot(day=times.astype("datetime64[us]")), schema).any()


def test_without_times_every_row_of_a_known_entity_is_known():
    schema = mixed_schema(entity="client")
    holdout = snapshot(client=[f"c{row % 3}" for row in range(30)])
    train = snapshot(seed=9, client=["c1"] * 30)

    mask = comparison.unseen(holdout, train, schema)

    assert np.flatnonzero(~mask).tolist() == list(range(1, 30, 3))


def test_with_times_a_known_entity_may_return():
    schema = mixed_schema(entity="client", time="day")
    holdout = snapshot(client="c1", day=pd.Timestamp("2026-02-01"))

    assert comparison.unseen(holdout, snapshot(client="c1", day=pd.Timestamp("2026-01-01")), schema).all()


def test_no_training_rows_know_nothing():
    assert comparison.unseen(snapshot(), snapshot().iloc[:0], mixed_schema()).all()


def compared(candidate, champion, y, task=Task.BINARY, **options):
    return comparison.compare(candidate, champion, y, mixed_schema(task), **{"champion": 4, "excluded": 5, **options})


@pytest.mark.parametrize("task", list(Task))
def test_a_worse_champion_is_surely_worse(task):
    frame = mixed_rows(500)
    y, good = truth_of(frame, task), outputs_of(frame, task)
    bad = good + 2.0 if task is Task.REGRESSION else np.full_like(good, 1 / good.shape[1])

    result = compared(good, bad, y, task)

    assert (result.champion, result.excluded, result.rows, result.units) == (4, 5, 500, "rows")
    assert result.candidate_loss - result.champion_loss == pytest.approx(result.difference.value)
    assert result.difference.lower < result.difference.value < result.difference.upper < 0


def test_swapping_the_sides_swaps_the_sign():
    frame = mixed_rows(300)
    y, one = truth_of(frame, Task.BINARY), outputs_of(frame, Task.BINARY)
    other = np.clip(one + np.random.default_rng(0).normal(0, 0.1, (300, 1)) * [1, -1], 0.01, 0.99)

    first, second = compared(one, other, y), compared(other, one, y)

    assert first.difference.value == pytest.approx(-second.difference.value)
    assert first.difference.upper == pytest.approx(-second.difference.lower, rel=0.1)


def test_no_rows_make_a_comparison_without_bounds():
    result = compared(np.empty((0, 2)), np.empty((0, 2)), np.empty(0, dtype=np.int64))

    assert (result.rows, result.groups, result.difference.lower, result.difference.upper) == (0, 0, None, None)


def test_entities_and_time_order_choose_what_is_resampled():
    frame = mixed_rows(400)
    y, one = truth_of(frame, Task.BINARY), outputs_of(frame, Task.BINARY)
    entities = np.arange(400) // 4

    clustered, ordered = compared(one, one[::-1], y, entities=entities), compared(one, one[::-1], y, ordered=True)

    assert (clustered.units, clustered.groups) == ("entities", 100)
    assert ordered.units == "blocks"
    assert replace(ordered) == compared(one, one[::-1], y, ordered=True)
