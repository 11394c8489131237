"""Whole projects on disk, and the command line as a person runs it."""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from driftgate.registry.connection import Connection
from tests.e2e import warm

MODULE = "driftgate.service"


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out)


def driftgate(
    project: Path, *arguments: str, timeout: float = 240, environment: dict[str, str] | None = None, cold: bool = False
) -> Answer:
    """The command, run in a process of its own in the project folder; `cold`: by a new interpreter, which takes seconds to import."""
    words, around = ["--project", str(project), *arguments], {**bare_environment(), **(environment or {})}
    if cold:
        command = [sys.executable, "-m", MODULE, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=project, check=False, env=around)
    else:
        done = warm.run(MODULE, words, project, around, timeout)
    return Answer(done.returncode, done.stdout, done.stderr)


def bare_environment() -> dict[str, str]:
    """The environment without what MLflow leaves in it for its children, such as the experiment that another test set."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}


def told(project: Path, *arguments: str, **options: Any) -> dict[str, Any]:
    """The document of a command that must succeed."""
    answer = driftgate(project, *arguments, "--json", **options)
    assert answer.code == 0, f"driftgate {' '.join(arguments)} exited {answer.code}\n{answer.out}\n{answer.err}"
    return answer.document


def clients(rows: int, seed: int, slope: float) -> pd.DataFrame:
    """Rows whose outcome follows `slope` times the score, so that a version fitted on another slope is clearly worse."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0, 1, rows)
    chance = 1 / (1 + np.exp(-slope * score))
    return pd.DataFrame(
        {
            "score": score.round(5),
            "visits": rng.poisson(4, rows),
            "plan": rng.choice(["free", "team", "pro"], rows),
            "churned": np.where(rng.random(rows) < chance, "yes", "no"),
        }
    )


SETTINGS = """
[models.churn]
target = "churned"
positive = "yes"
time = "row_order"
estimator = {name = "logistic"}

[models.churn.source]
path = "first.csv"
"""


@cache
def empty_store() -> Path:
    """An MLflow store without runs. Making one takes seconds, copying it none."""
    folder = Path(tempfile.mkdtemp(prefix="driftgate-empty-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with Connection(f"sqlite:///{folder / 'mlflow.db'}").answering() as client:
        client.search_experiments()
    return folder / "mlflow.db"


def small_project(folder: Path, rows: int = 1600) -> Path:
    """A project with two data files between which the relation turned round, and with an empty MLflow store."""
    (folder / ".driftgate").mkdir(parents=True, exist_ok=True)
    shutil.copy(empty_store(), folder / ".driftgate")
    clients(rows, 1, 0.8).to_csv(folder / "first.csv", index=False)
    clients(rows, 2, -2.0).to_csv(folder / "second.csv", index=False)
    (folder / "driftgate.toml").write_text(SETTINGS)
    return folder
