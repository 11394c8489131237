"""Candidates broken on purpose: what is broken, and what is left alone."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.errors import InvalidData
from driftgate.lifecycle.plan import Estimator
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.training import estimators, threads
from driftgate.training.corrupting import OF_OUTPUTS, OF_ROWS, TOO_HIGH, Corruption, corrupted_model, corrupted_rows
from driftgate.training.target import Target

NUMBERS = ("strong", "weak", "noise")


def _schema(task: Task, *names: str) -> Schema:
    classes = {Task.BINARY: ("no", "yes"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}[task]
    columns = tuple(Column(name, ColumnKind.NUMERIC) for name in names or NUMBERS)
    return Schema(task, "y", columns, classes)


def _rows(schema: Schema, rows: int = 400) -> pd.DataFrame:
    generator = np.random.default_rng(3)
    frame = pd.DataFrame({name: generator.normal(size=rows) for name in schema.features})
    score = 3 * frame.iloc[:, 0] + generator.normal(size=rows)
    if schema.task is Task.REGRESSION:
        return frame.assign(y=score + 10)
    codes = np.searchsorted(np.quantile(score, np.linspace(0, 1, len(schema.classes) + 1)[1:-1]), score)
    return frame.assign(y=np.array(schema.classes, dtype=object)[codes])


def _fitted(schema: Schema, rows: pd.DataFrame) -> object:
    model = estimators.pipeline(Estimator(params={"max_iter": 20}), schema, 0, Path())
    with threads.limited():
        return model.fit(rows[list(schema.features)], Target(schema.task, schema.classes).encoded(rows["y"]))


@pytest.mark.parametrize("kind", Corruption)
def test_each_kind_breaks_either_rows_or_outputs(kind: Corruption) -> None:
    schema = _schema(Task.BINARY)
    rows = _rows(schema)
    model = _fitted(schema, rows)

    assert corrupted_rows(kind, rows, schema, 0).equals(rows) is (kind in OF_OUTPUTS)
    assert (corrupted_model(kind, model, rows, schema) is model) is (kind in OF_ROWS)


def test_shuffled_labels_keep_their_counts_and_leave_the_features() -> None:
    schema = _schema(Task.BINARY)
    rows = _rows(schema)

    broken = corrupted_rows(Corruption.SHUFFLED_LABELS, rows, schema, 1)

    assert broken["y"].value_counts().to_dict() == rows["y"].value_counts().to_dict()
    assert float((broken["y"] == rows["y"]).mean()) < 0.6
    pd.testing.assert_frame_equal(broken[list(NUMBERS)], rows[list(NUMBERS)])


def test_the_most_telling_feature_changes_places() -> None:
    schema = _schema(Task.REGRESSION)
    rows = _rows(schema)

    broken = corrupted_rows(Corruption.SWAPPED_FEATURES, rows, schema, 2)

    other = next(name for name in NUMBERS[1:] if not broken[name].equals(rows[name]))
    assert broken["strong"].equals(rows[other].rename("strong"))
    assert broken[other].equals(rows["strong"].rename(other))
    assert broken["y"].equals(rows["y"])


def test_a_feature_without_another_of_its_kind_is_shuffled() -> None:
    schema = _schema(Task.BINARY, "only")
    rows = _rows(schema)

    broken = corrupted_rows(Corruption.SWAPPED_FEATURES, rows, schema, 2)

    assert not broken["only"].equals(rows["only"])
    assert sorted(broken["only"]) == sorted(rows["only"])


def test_no_swap_where_nothing_can_be_told() -> None:
    schema = _schema(Task.BINARY, "only")
    rows = _rows(schema).assign(y="no")

    with pytest.raises(InvalidData, match="none to swap"):
        corrupted_rows(Corruption.SWAPPED_FEATURES, rows, schema, 0)


def test_the_same_seed_breaks_the_same_way() -> None:
    schema = _schema(Task.MULTICLASS)
    rows = _rows(schema)

    for kind in OF_ROWS:
        first, again, another = (corrupted_rows(kind, rows, schema, seed) for seed in (5, 5, 6))
        assert first.equals(again)
        assert kind is Corruption.SWAPPED_FEATURES or not first.equals(another)


@pytest.mark.parametrize("task", [Task.BINARY, Task.MULTICLASS])
def test_broken_probabilities_are_still_probabilities(task: Task) -> None:
    schema = _schema(task)
    rows = _rows(schema)
    model = _fitted(schema, rows)
    features = rows[list(schema.features)]

    for kind in OF_OUTPUTS:
        broken = corrupted_model(kind, model, rows, schema)
        said = broken.predict_proba(features)
        assert said.shape == (len(rows), len(schema.classes))
        np.testing.assert_allclose(said.sum(axis=1), 1.0)
        assert not np.allclose(said, model.predict_proba(features), atol=0.01)  # type: ignore[attr-defined]
        assert list(broken.classes_) == list(range(len(schema.classes)))
        assert set(broken.predict(features)) <= set(range(len(schema.classes)))


def test_the_positive_class_is_squared() -> None:
    schema = _schema(Task.BINARY)
    rows = _rows(schema)
    model = _fitted(schema, rows)
    features = rows[list(schema.features)]

    said = corrupted_model(Corruption.DISTORTED_OUTPUTS, model, rows, schema).predict_proba(features)

    np.testing.assert_allclose(said[:, 1], model.predict_proba(features)[:, 1] ** 2)  # type: ignore[attr-defined]


def test_a_broken_regression_is_too_high_or_constant() -> None:
    schema = _schema(Task.REGRESSION)
    rows = _rows(schema)
    model = _fitted(schema, rows)
    features = rows[list(schema.features)]

    high = corrupted_model(Corruption.DISTORTED_OUTPUTS, model, rows, schema)
    constant = corrupted_model(Corruption.CONSTANT_OUTPUT, model, rows, schema)

    np.testing.assert_allclose(high.predict(features), TOO_HIGH * model.predict(features))  # type: ignore[attr-defined]
    assert set(constant.predict(features)) == {float(rows["y"].median())}
