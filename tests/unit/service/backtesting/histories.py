"""Small histories in projects of their own, for the tests of the backtest's wiring."""

from pathlib import Path

import numpy as np
import pandas as pd

from driftgate.service.settings import Settings, load
from tests.e2e.projects import clients

SETTINGS = """
[models.churn]
source = {path = "rows.csv"}
target = "churned"
positive = "yes"
time = "day"
holdout = 0.5
estimator = {name = "logistic"}

[models.churn.gates]
minimum_rows = 100
"""


def dated(rows: int = 900, days: int = 90) -> pd.DataFrame:
    """Clients over so many days, the relation turned round in the middle."""
    halves = [clients(rows // 2, 1, 1.5), clients(rows - rows // 2, 2, -2.0)]
    frame = pd.concat(halves, ignore_index=True)
    day = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows) * days // rows, unit="D")
    return frame.assign(day=day.strftime("%Y-%m-%d"))


def project(folder: Path, frame: pd.DataFrame | None = None, settings: str = SETTINGS) -> Settings:
    """The settings of a project that holds these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    (dated() if frame is None else frame).to_csv(folder / "rows.csv", index=False)
    (folder / "driftgate.toml").write_text(settings, encoding="utf-8")
    return load(folder)
