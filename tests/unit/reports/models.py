"""Small models and rows for the tests of measurements: a Scorer that counts its calls, and mixed columns with a known truth."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task

CLASSES = {Task.BINARY: ("no", "yes"), Task.MULTICLASS: ("high", "low", "mid"), Task.REGRESSION: ()}


def mixed_schema(task: Task = Task.BINARY, **changes: Any) -> Schema:
    columns = (
        Column("age", ColumnKind.NUMERIC, low=20.0, high=80.0),
        Column("score", ColumnKind.NUMERIC, nullable=True, low=-3.0, high=3.0),
        Column("plan", ColumnKind.CATEGORICAL, levels=("basic", "pro")),
    )
    return Schema(**{"task": task, "target": "churned", "columns": columns, "classes": CLASSES[task], **changes})


def mixed_rows(rows: int, seed: int = 0) -> pd.DataFrame:
    """Conformed features; a tenth of the scores is missing."""
    rng = np.random.default_rng(seed)
    score = np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows))
    plan = pd.Series(rng.choice(np.array(["basic", "pro"], dtype=object), rows, p=[0.7, 0.3]), dtype=object)
    return pd.DataFrame({"age": rng.uniform(20, 80, rows), "score": score, "plan": plan})


def signal(frame: pd.DataFrame) -> Any:
    return (frame["age"].to_numpy() - 50) / 10 + np.nan_to_num(frame["score"].to_numpy()) + (frame["plan"] == "pro").to_numpy()


def outputs_of(frame: pd.DataFrame, task: Task) -> Any:
    value = signal(frame)
    if task is Task.REGRESSION:
        return value
    odds = np.exp(np.outer(value, np.array([0.0, 1.0] if task is Task.BINARY else [0.5, -0.5, 0.0])))
    return odds / odds.sum(axis=1, keepdims=True)


def truth_of(frame: pd.DataFrame, task: Task, seed: int = 1) -> Any:
    """Encoded labels drawn from the model's own probabilities, or its prediction with noise."""
    rng, outputs = np.random.default_rng(seed), outputs_of(frame, task)
    if task is Task.REGRESSION:
        return outputs + rng.normal(0, 0.5, len(frame))
    return (outputs.cumsum(axis=1) < rng.random(len(frame))[:, None]).sum(axis=1)


@dataclass
class CountingScorer:
    """The Scorer port over a function of the frame; keeps the number of rows of each call."""

    schema: Schema
    function: Callable[[pd.DataFrame], Any] | None = None
    calls: list[int] = field(default_factory=list)

    def score(self, frame: Any) -> Any:
        assert list(frame.columns) == list(self.schema.features)
        self.calls.append(len(frame))
        return outputs_of(frame, self.schema.task) if self.function is None else self.function(frame)
