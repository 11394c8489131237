"""The short way through the pipelines that Driftgate fits gives what the pipelines give, to the last bit."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from driftgate.lifecycle.plan import Estimator
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.registry import direct as module
from driftgate.registry.direct import direct
from driftgate.registry.frames import frame_of
from driftgate.training.estimators import LEARNERS, pipeline

ROWS = 600
CLASSES = {Task.BINARY: ("no", "yes"), Task.MULTICLASS: ("a", "b", "c"), Task.REGRESSION: ()}
CITIES = tuple(f"city {number:03d}" for number in range(300))
FITS = [
    (name, task) for name in LEARNERS for task in Task if (name, task is Task.REGRESSION) not in {("logistic", True), ("linear", False)}
]


def schema_of(task: Task) -> Schema:
    columns = (
        Column("city", ColumnKind.CATEGORICAL, levels=CITIES),
        Column("age", ColumnKind.NUMERIC, nullable=True, low=18.0, high=80.0),
        Column("plan", ColumnKind.CATEGORICAL, nullable=True, levels=("1", "2", "True")),
        Column("income", ColumnKind.NUMERIC, low=0.0, high=1e6),
    )
    return Schema(task, "target", columns, CLASSES[task])


def rows_of(count: int, seed: int) -> list[dict[str, Any]]:
    """Rows with gaps, categories that were never seen, numbers where text is known, and numbers far out."""
    chance = np.random.default_rng(seed)
    return [
        {
            "city": "Atlantis" if chance.random() < 0.05 else CITIES[int(min(299, chance.exponential(40)))],
            "age": None if chance.random() < 0.1 else float(chance.normal(45, 15)),
            "plan": [None, 1, 2.0, "2", True, "other"][int(chance.integers(6))],
            "income": int(chance.integers(10**6)) if chance.random() < 0.9 else float(chance.normal(0, 1e12)),
        }
        for _ in range(count)
    ]


def fitted(name: str, task: Task) -> tuple[Any, Schema]:
    schema, chance = schema_of(task), np.random.default_rng(0)
    frame = frame_of(rows_of(ROWS, 1), schema)
    frame.loc[frame["income"].abs() > 1e6, "income"] = 5e5
    labels = chance.normal(size=ROWS) if task is Task.REGRESSION else chance.integers(len(CLASSES[task]), size=ROWS)
    params: dict[str, Any] = {"n_estimators": 10} if name in ("random_forest", "xgboost") else {}
    model = pipeline(Estimator(name, params), schema, 0, Path()).fit(frame, labels)
    return model, schema


@pytest.mark.filterwarnings("ignore:.*lbfgs failed to converge")
@pytest.mark.parametrize(("name", "task"), FITS, ids=[f"{name}-{task}" for name, task in FITS])
def test_both_ways_give_the_same_bits_for_every_learner_of_ours(name: str, task: Task) -> None:
    model, schema = fitted(name, task)
    rows = rows_of(1000, 2)

    short = direct(model, schema)

    assert short is not None
    answer = model.predict if task is Task.REGRESSION else model.predict_proba
    for count in (1, 2, 7, 1000):
        np.testing.assert_array_equal(short(rows[:count]), answer(frame_of(rows[:count], schema)))


def test_a_pipeline_of_another_shape_has_no_short_way() -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OneHotEncoder, PowerTransformer

    schema, numbers = schema_of(Task.BINARY), ["income"]
    frame = frame_of(rows_of(ROWS, 1), schema)
    labels = np.arange(ROWS) % 2
    text = ("text", OneHotEncoder(handle_unknown="ignore"), ["city", "plan"])

    for odd in (PowerTransformer(), KBinsDiscretizer(3), FunctionTransformer(np.abs), make_pipeline(PowerTransformer())):
        model = make_pipeline(ColumnTransformer([("numbers", odd, numbers), text]), LogisticRegression()).fit(frame, labels)
        assert direct(model, schema) is None
    assert direct(LogisticRegression().fit(frame[numbers], labels), schema) is None


@pytest.mark.filterwarnings("ignore:.*lbfgs failed to converge")
def test_a_pipeline_that_cannot_take_the_rows_tried_loads_without_a_short_way() -> None:
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    # Fitted without gaps, on a column that may have them.
    schema = schema_of(Task.BINARY)
    frame = frame_of(rows_of(ROWS, 1), schema).dropna()
    text = ("text", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["city", "plan"])
    numbers = ("numbers", "passthrough", ["age"])
    model = make_pipeline(ColumnTransformer([text, numbers]).set_output(transform="pandas"), LogisticRegression())
    model.fit(frame, np.arange(len(frame)) % 2)

    assert direct(model, schema) is None


def test_a_way_that_differs_on_a_single_row_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    model, schema = fitted("xgboost", Task.BINARY)
    honest = module._Numbers.__call__

    def nearly(self: Any, rows: Any) -> Any:
        values = honest(self, rows)
        if len(rows) > 1:
            values[-1] = 0.0
        return values

    monkeypatch.setattr(module._Numbers, "__call__", nearly)

    assert direct(model, schema) is None


def test_a_category_of_digits_is_the_same_as_text_and_as_a_number() -> None:
    model, schema = fitted("logistic", Task.BINARY)
    short = direct(model, schema)
    assert short is not None
    row = {"city": CITIES[0], "age": 30, "income": 1.0}

    answers = short([{**row, "plan": plan} for plan in ("1", 1, 1.0)])

    assert len({tuple(answer) for answer in answers}) == 1


def test_frames_keep_the_schemas_order() -> None:
    assert list(frame_of(rows_of(3, 0), schema_of(Task.BINARY)).columns) == ["city", "age", "plan", "income"]
    assert isinstance(frame_of([], schema_of(Task.BINARY)), pd.DataFrame)
