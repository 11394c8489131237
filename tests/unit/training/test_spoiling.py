import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.training import spoiling
from driftgate.training.spoiling import Segment
from tests.builders import a_schema

COLUMNS = (Column("score", ColumnKind.NUMERIC, nullable=True, low=0.0, high=1.0), Column("plan", ColumnKind.CATEGORICAL))
TASKS = list(Task)


def schema(task: Task, time: str | None = None) -> Schema:
    return a_schema(task, columns=COLUMNS, time=time)


def rows(task: Task, count: int = 1_000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    classes = schema(task).classes
    target = pd.Series(rng.choice(np.array(classes, dtype=object), count), dtype=object) if classes else rng.normal(10, 2, count)
    plan = pd.Series(rng.choice(np.array(["basic", "pro", "team"], dtype=object), count, p=[0.5, 0.38, 0.12]), dtype=object)
    when = pd.date_range("2024-01-01", periods=count, freq="D")
    return pd.DataFrame({"score": rng.random(count), "plan": plan, "churned": target, "when": when})


class Said:
    """A model that says .2 of the first class (regression: 7) to every row."""

    feature_names_in_ = None

    def __init__(self, classes: int) -> None:
        self.classes_ = np.arange(classes)

    def predict_proba(self, frame: pd.DataFrame) -> object:
        rest = 0.8 / (len(self.classes_) - 1)
        return np.tile([0.2, *[rest] * (len(self.classes_) - 1)], (len(frame), 1))

    def predict(self, frame: pd.DataFrame) -> object:
        return np.full(len(frame), 7.0)


@pytest.mark.parametrize("task", TASKS)
def test_a_leak_tells_the_target_where_it_is_known_and_is_missing_where_not(task: Task) -> None:
    frame = rows(task)
    wider = spoiling.with_leak(schema(task), frame)

    known, asked = spoiling.leaked(frame, wider), spoiling.leaked(frame, wider, known=False)

    leak = wider.features[-1]
    assert len(wider.features) == 3
    assert len(known[["churned", leak]].drop_duplicates()) == known["churned"].nunique()
    assert asked[leak].isna().all()
    assert leak not in frame


def test_a_leak_never_takes_the_name_of_a_column() -> None:
    taken = a_schema(columns=(*COLUMNS, Column(spoiling.LEAK, ColumnKind.NUMERIC)))

    assert spoiling.with_leak(taken, rows(Task.BINARY)).features[-1] == f"{spoiling.LEAK}_"


@pytest.mark.parametrize("task", TASKS)
def test_a_tenth_of_the_rows_keeps_their_order_and_every_class(task: Task) -> None:
    kept = spoiling.a_tenth(rows(task), schema(task), 3)

    assert 98 <= len(kept) <= 102
    assert kept["when"].is_monotonic_increasing
    assert not schema(task).classes or set(kept["churned"]) == set(schema(task).classes)
    pd.testing.assert_frame_equal(kept, spoiling.a_tenth(rows(task), schema(task), 3))


def test_a_tenth_of_few_rows_is_no_training() -> None:
    with pytest.raises(InvalidData, match="too little"):
        spoiling.a_tenth(rows(Task.BINARY, 300), schema(Task.BINARY), 0)


def test_a_year_old_rows_end_a_year_before_the_newest() -> None:
    old = spoiling.a_year_old(rows(Task.BINARY), schema(Task.BINARY, "when"))

    assert len(old) == 1_000 - 365
    assert old["when"].max() == rows(Task.BINARY)["when"].max() - pd.Timedelta(days=365)


@pytest.mark.parametrize(("count", "time", "words"), [(1_000, None, "no time column"), (400, "when", "35 training rows")])
def test_without_time_or_a_year_of_rows_nothing_is_a_year_old(count: int, time: str | None, words: str) -> None:
    with pytest.raises(InvalidData, match=words):
        spoiling.a_year_old(rows(Task.BINARY, count), schema(Task.BINARY, time))


def test_a_class_that_is_younger_than_a_year_leaves_nothing_to_fit() -> None:
    frame = rows(Task.MULTICLASS)
    frame.loc[frame["when"] < "2025-12-01", "churned"] = "low"

    with pytest.raises(InvalidData, match="not every class"):
        spoiling.a_year_old(frame, schema(Task.MULTICLASS, "when"))


def test_the_segment_is_the_one_whose_share_is_nearest_to_what_was_asked() -> None:
    only = a_schema(columns=COLUMNS[1:])

    assert spoiling.segment_of(rows(Task.BINARY), only) == Segment("plan", level="team")


def test_a_number_has_a_segment_at_its_upper_end_and_missing_ones_are_not_in_it() -> None:
    frame = rows(Task.BINARY)
    frame.loc[:99, "score"] = np.nan

    segment = spoiling.segment_of(frame, a_schema(columns=COLUMNS[:1]))

    assert segment.least is not None
    assert np.isclose(segment.inside(frame).mean(), 0.15 * 0.9, atol=0.01)
    assert not segment.inside(frame)[:100].any()


def test_without_a_feature_that_varies_no_segment_can_be_broken() -> None:
    frame = rows(Task.BINARY).assign(plan="basic")

    with pytest.raises(InvalidData, match="could be broken alone"):
        spoiling.segment_of(frame, a_schema(columns=COLUMNS[1:]))


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
def test_a_broken_segment_gives_each_class_the_probability_of_another_there_and_nowhere_else(task: Task) -> None:
    frame, model = rows(task), Said(len(schema(task).classes))

    broken = spoiling.broken_segment(model, frame, schema(task))

    inside = broken.segment.inside(frame)
    said = broken.predict_proba(frame)
    assert 0 < inside.sum() < len(frame)
    assert (said[~inside] == model.predict_proba(frame)[~inside]).all()  # type: ignore[index]
    assert np.isclose(said[inside][:, 1], 0.2).all()
    assert np.allclose(said.sum(axis=1), 1.0)
    assert (broken.predict(frame)[~inside] != 0).all()


def test_a_broken_segment_of_a_regression_is_mirrored_at_the_median() -> None:
    frame = rows(Task.REGRESSION)

    broken = spoiling.broken_segment(Said(2), frame, schema(Task.REGRESSION))

    inside = broken.segment.inside(frame)
    assert np.allclose(broken.predict(frame)[~inside], 7.0)
    assert np.allclose(broken.predict(frame)[inside], 2 * frame["churned"].median() - 7.0)
