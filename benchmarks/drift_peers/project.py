"""The project whose window is measured: version 1 promoted by the product's own commands, and logged payloads of the last days."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.drift_peers.rows import generated
from benchmarks.serving_peers.project import Project, command, environment

MODEL = "clients"
DAYS = 5
SETTINGS = f"""\
[models.{MODEL}]
target = "churned"
positive = "yes"
time = "row_order"
estimator = {{name = "logistic"}}

[models.{MODEL}.source]
path = "clients.csv"
"""


def made(folder: Path, rows: int) -> Project:
    """The project in the folder: a snapshot of so many rows, and as many payloads that version 1 answered in the last days."""
    folder.mkdir(parents=True, exist_ok=True)
    project = Project(folder.resolve(), [])
    if not (folder / "driftgate.toml").exists():
        _labelled(generated(rows, seed=0, drifted=False)).to_csv(folder / "clients.csv", index=False)
        (folder / "driftgate.toml").write_text(SETTINGS, encoding="utf-8")
        told(project, "retrain")
        told(project, "promote", "1")
        _answered(generated(rows, seed=1, drifted=True)).to_csv(folder / "payloads.csv", index=False)
        told(project, "payloads", "load", str(folder / "payloads.csv"), "--version", "1")
    return project


def told(project: Project, *arguments: str) -> str:
    """What a command of the product prints. Ends the benchmark where it fails."""
    done = subprocess.run(command(project, *arguments), capture_output=True, text=True, check=False, env=environment())
    if done.returncode:
        raise SystemExit(f"driftgate {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _labelled(frame: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(9)
    leaves = rng.random(len(frame)) < 1 / (1 + np.exp(-(frame["full_2"] - 50) / 15))
    return frame.assign(churned=np.where(leaves, "yes", "no"))


def _answered(frame: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(10)
    score = rng.random(len(frame)).round(6)
    ages = np.sort(rng.random(len(frame)))[::-1] * DAYS
    now = datetime.now(UTC) - timedelta(minutes=5)
    return frame.assign(
        prediction_id=[f"p{row}" for row in range(len(frame))],
        event_time=[(now - timedelta(days=float(age))).isoformat() for age in ages],
        prediction=np.where(score >= 0.5, "yes", "no"),
        probability=score,
    )
