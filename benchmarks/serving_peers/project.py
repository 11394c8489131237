"""The project that is served: generated clients, one pipeline with XGBoost, promoted as version 1 by the product's own commands."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

MODEL, VERSION = "clients", 1
NUMERIC, CATEGORICAL = 11, 5
KNOWN, SERVED = 7_000, 1_000
QUIET = {
    "DO_NOT_TRACK": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # For every server alike: a second thread per row gains nothing, and takes the core from the client.
    "OMP_NUM_THREADS": "1",
}

SETTINGS = f"""\
[models.{MODEL}]
target = "churned"
positive = "yes"
time = "row_order"
estimator = {{name = "xgboost"}}

[models.{MODEL}.source]
path = "clients.csv"
"""


@dataclass(frozen=True)
class Project:
    """A folder in which version 1 is champion, and the rows to ask about."""

    folder: Path
    rows: Sequence[dict[str, Any]]

    @property
    def tracking(self) -> str:
        """Where MLflow finds the registered version."""
        return f"sqlite:///{self.folder / '.driftgate' / 'mlflow.db'}"

    @property
    def pickle(self) -> Path:
        """The pickle of the registered version."""
        return next((self.folder / ".driftgate" / "mlartifacts").rglob("model.pkl"))


def generated(rows: int, seed: int) -> pd.DataFrame:
    """Mixed columns with an outcome that depends on half of them."""
    rng = np.random.default_rng(seed)
    numbers = {f"number_{column}": rng.normal(50, 15, rows).round(2) for column in range(NUMERIC)}
    texts = {
        f"text_{column}": rng.choice(np.array([f"level {level}" for level in range(column + 3)], dtype=object), rows)
        for column in range(CATEGORICAL)
    }
    signal = sum((numbers[f"number_{column}"] - 50) / 30 for column in range(5)) + 0.8 * (texts["text_0"] == "level 0")
    leaves = rng.random(rows) < 1 / (1 + np.exp(1.2 - signal))
    return pd.DataFrame({**numbers, **texts, "churned": np.where(leaves, "yes", "no")})


def made(folder: Path) -> Project:
    """The project in the folder; made and promoted there, unless an earlier run did."""
    rows = generated(SERVED, seed=8).drop(columns="churned").to_dict("records")
    project = Project(folder.resolve(), [{str(name): value for name, value in row.items()} for row in rows])
    if not (folder / "driftgate.toml").exists():
        folder.mkdir(parents=True, exist_ok=True)
        generated(KNOWN, seed=3).to_csv(folder / "clients.csv", index=False)
        (folder / "driftgate.toml").write_text(SETTINGS, encoding="utf-8")
        _told(project, "retrain")
        _told(project, "promote", str(VERSION))
    return project


def command(project: Project, *arguments: str) -> list[str]:
    """The command line of the product, in the project."""
    return [sys.executable, "-P", "-m", "driftgate.service", "--project", str(project.folder), *arguments]


def environment(**more: str) -> dict[str, str]:
    """What every process of the benchmark is started with."""
    return {**os.environ, **QUIET, **more}


def _told(project: Project, *arguments: str) -> None:
    done = subprocess.run(command(project, *arguments), capture_output=True, text=True, check=False, env=environment())
    if done.returncode:
        raise SystemExit(f"driftgate {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
