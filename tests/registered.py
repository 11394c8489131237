"""Real registries for tests: one MLflow store per test run (a fresh one costs seconds), everything else fresh."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pandas as pd

from driftgate.lifecycle.ports import Evaluation
from driftgate.lifecycle.schema import Schema, Task
from driftgate.lifecycle.versions import RetrainRequest, Training, Version
from driftgate.registry.mlflow_registry import MlflowRegistry
from driftgate.registry.tables import metadata
from tests.builders import (
    a_plan,
    a_retrain_request,
    a_schema,
    a_training,
    an_evaluation,
    passing_performance,
    passing_regression_performance,
)
from tests.databases import scratch_engine

ROWS, TRAIN_ROWS = 300, 220


@cache
def mlflow_store() -> Path:
    """The folder of the store shared by all tests of this process: `mlflow.db` and `artifacts`."""
    folder = Path(tempfile.mkdtemp(prefix="driftgate-mlflow-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def store_address() -> str:
    return f"sqlite:///{mlflow_store() / 'mlflow.db'}"


@dataclass
class Bench:
    """A registry under test, a model name nobody else uses, and what it takes to register it again from nothing."""

    registry: MlflowRegistry
    model: str
    folder: Path
    engine: Any

    def reopened(self, address: str | None = None) -> MlflowRegistry:
        """The registry as another process on this host would open it, perhaps at another MLflow address."""
        return MlflowRegistry(address or store_address(), self.engine, self.folder / "cache", str(mlflow_store() / "artifacts"))

    def staged(self, task: Task = Task.BINARY, **changes: Any) -> Training:
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        return staged(folder, self.model, task, **changes)

    def request(self, key: str = "k1", **changes: Any) -> RetrainRequest:
        return a_retrain_request(key, plan=a_plan(self.model), **changes)

    def registered(self, key: str = "k1", task: Task = Task.BINARY, **changes: Any) -> Version:
        return self.registry.register(self.request(key), self.staged(task, **changes), evaluated(task))

    def stored_model(self, version: Version) -> Path:
        """The model's folder in the artifact store, as someone with a shell on it sees it."""
        with self.registry._connection.answering() as client:
            return Path(client.get_model_version_download_uri(version.model, str(version.number)))

    def stored_snapshot(self, version: Version) -> Path:
        with self.registry._connection.answering() as client:
            return Path(client.get_run(version.run_id).info.artifact_uri) / "snapshot"


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    with scratch_engine("sqlite", folder) as engine:
        metadata.create_all(engine)
        built = Bench(None, f"churn-{uuid4().hex[:8]}", folder, engine)  # type: ignore[arg-type]
        built.registry = built.reopened()
        yield built


def evaluated(task: Task = Task.BINARY) -> Evaluation:
    performance = passing_regression_performance() if task is Task.REGRESSION else passing_performance(task=task)
    return an_evaluation(performance=performance, plots=("plots/roc.png",))


def rows(task: Task = Task.BINARY, count: int = ROWS) -> pd.DataFrame:
    """Conformed rows of `a_schema(task)` with its target; one score is missing."""
    rng = np.random.default_rng(7)
    score = rng.random(count)
    plan = pd.Series(list(rng.choice(["basic", "pro"], count)), dtype=object)
    classes = a_schema(task).classes
    target: Any = 2 * score
    if classes:
        position = np.minimum((score * len(classes)).astype(int), len(classes) - 1)
        target = pd.Series([classes[index] for index in position], dtype=object)
    frame = pd.DataFrame({"score": score, "plan": plan, "churned": target})
    frame.loc[3, "score"] = np.nan
    return frame


def fitted(task: Task, frame: pd.DataFrame, schema: Schema, labels: Any = None) -> Any:
    """A scikit-learn pipeline; its labels are positions in `schema.classes` unless others are given."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    columns = ColumnTransformer([("number", SimpleImputer(), ["score"]), ("text", OneHotEncoder(handle_unknown="ignore"), ["plan"])])
    learner = LinearRegression() if task is Task.REGRESSION else LogisticRegression()
    if labels is None:
        labels = frame["churned"] if task is Task.REGRESSION else frame["churned"].map(schema.classes.index)
    return make_pipeline(columns, learner).fit(frame[list(schema.features)], labels)


def staged(folder: Path, model: str, task: Task = Task.BINARY, **changes: Any) -> Training:
    """A training with everything that the registry reads from its folder."""
    import cloudpickle

    schema = a_schema(task)
    frame = rows(task)
    train, holdout = frame.iloc[:TRAIN_ROWS], frame.iloc[TRAIN_ROWS:]
    (folder / "model.pkl").write_bytes(cloudpickle.dumps(fitted(task, train, schema)))
    train.to_parquet(folder / "train.parquet", index=False)
    holdout.to_parquet(folder / "holdout.parquet", index=False)
    (folder / "plots").mkdir()
    (folder / "plots" / "roc.png").write_bytes(b"not really a picture")
    given = {"threshold": 0.4 if task is Task.BINARY else None, "train_rows": TRAIN_ROWS, "holdout_rows": ROWS - TRAIN_ROWS, **changes}
    return a_training(str(folder), model=model, schema=schema, **given)
