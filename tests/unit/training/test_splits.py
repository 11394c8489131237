import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.plan import ModelPlan, Source
from driftgate.lifecycle.schema import Task
from driftgate.training import target
from driftgate.training.splits import split


def _split(frame, **settings):
    plan = ModelPlan("m", Source(path="d"), "y", **settings)
    return split(frame, plan, target.resolve(frame["y"], plan))


def _frame(rows=100, **columns):
    return pd.DataFrame({"x": np.arange(rows), **columns, "y": np.where(np.arange(rows) % 5 == 0, "yes", "no")})


def test_by_row_order_the_newest_share_is_held_out():
    found = _split(_frame(), time="row_order", holdout=0.3)

    assert found.train.tolist() == list(range(70))
    assert found.holdout.tolist() == list(range(70, 100))


def test_rows_of_one_time_stay_together():
    days = pd.to_datetime("2024-01-01") + pd.to_timedelta(np.arange(100) // 30, unit="D")

    found = _split(_frame(day=days), time="day", holdout=0.2)

    assert len(found.train) == 90
    assert found.cutoff == "2024-01-04 00:00:00"


def test_a_single_time_cannot_split():
    with pytest.raises(InvalidData, match="one value only"):
        _split(_frame(day=pd.Timestamp("2024-01-01")), time="day")


def test_by_time_entities_may_be_in_both_parts_and_are_counted():
    found = _split(_frame(who=np.arange(100) % 10), time="row_order", entity="who")

    assert found.shared_entities == 10


def test_unique_entities_do_not_change_a_random_split():
    found = _split(_frame(who=np.arange(100)), entity="who")

    assert found.kind == "random"


def test_another_seed_draws_other_rows():
    assert _split(_frame(), seed=1).holdout.tolist() != _split(_frame(), seed=2).holdout.tolist()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95), st.integers(20, 300))
def test_a_random_split_is_a_stratified_partition_and_repeats(seed, holdout, rows):
    frame = _frame(rows)

    found = _split(frame, seed=seed, holdout=holdout)

    assert sorted([*found.train, *found.holdout]) == list(range(rows))
    assert found.holdout.tolist() == _split(frame, seed=seed, holdout=holdout).holdout.tolist()
    for label in ("no", "yes"):
        members = (frame["y"] == label).sum()
        held = (frame["y"].iloc[found.holdout] == label).sum()
        assert abs(held - holdout * members) <= 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=40, max_size=200), st.integers(0, 1000))
def test_no_entity_is_in_both_parts(entities, seed):
    rows = len(entities)
    frame = pd.DataFrame({"who": entities, "y": np.where(np.array(entities) % 2, "a", "b")})
    if frame["y"].nunique() < 2 or frame.groupby("y")["who"].nunique().min() < 2:
        return

    found = _split(frame, entity="who", seed=seed)

    assert not set(frame["who"].iloc[found.train]) & set(frame["who"].iloc[found.holdout])
    assert len(found.train) + len(found.holdout) == rows


def test_rows_without_an_entity_are_drawn_alone():
    found = _split(_frame(who=["a"] * 50 + [None] * 50), entity="who")

    assert found.kind == "entity"
    assert 0 < np.sum(found.holdout >= 50) < 50


@pytest.mark.parametrize(("first", "part"), [("yes", "holdout"), ("no", "training")])
def test_one_class_in_a_part_is_refused_with_advice(first, part):
    frame = _frame()
    late = np.arange(100) >= 75
    frame["y"] = np.where(late, "no", np.where(np.arange(100) % 2, first, "no"))
    if part == "training":
        frame["y"] = np.where(late & (np.arange(100) % 2 == 0), "yes", "no")

    with pytest.raises(InvalidData, match=rf"all \d+ {part} rows .*larger holdout"):
        _split(frame, time="row_order")


def test_a_class_of_one_row_cannot_be_judged_and_that_is_refused_or_said():
    frame = _frame().assign(y=["a", "b", *["a", "b"] * 48, "a", "c"])

    with pytest.raises(InvalidData, match=r"no training row .* y = 'c'"):
        _split(frame, time="row_order")
    flipped = _split(frame.iloc[::-1].reset_index(drop=True), time="row_order")

    assert "class is not judged" in flipped.warnings[0]


def test_a_regression_target_constant_in_training_is_refused():
    frame = pd.DataFrame({"y": [0.5] * 80 + [1.5, 2.5] * 10})

    with pytest.raises(InvalidData, match="constant in the training rows"):
        _split(frame, time="row_order", task=Task.REGRESSION)
