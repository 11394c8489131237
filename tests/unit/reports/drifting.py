"""Frames and schemas for tests of drift: small, seeded, of both kinds."""

from typing import Any

import numpy as np
import pandas as pd

from driftgate.lifecycle.measurements import ColumnDrift, DriftMeasurement
from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.reports.drift.measure import measure
from driftgate.reports.profiles.frame import outputs_profile, profile

SCHEMA = Schema(
    task=Task.BINARY,
    target="churned",
    columns=(
        Column("age", ColumnKind.NUMERIC),
        Column("spend", ColumnKind.NUMERIC, nullable=True),
        Column("plan", ColumnKind.CATEGORICAL, levels=("basic", "plus", "pro")),
        Column("city", ColumnKind.CATEGORICAL, nullable=True),
    ),
    classes=("no", "yes"),
)


def rows(count: int, seed: int) -> pd.DataFrame:
    """Rows of one and the same distribution: a normal, a lognormal that follows it, three levels, twelve with missing values."""
    rng = np.random.default_rng((77, seed))
    age = rng.normal(40, 10, count)
    city = rng.choice([f"town{index}" for index in range(12)], count).astype(object)
    city[rng.random(count) < 0.05] = np.nan
    return pd.DataFrame(
        {
            "age": age,
            "spend": np.exp(age / 20 + rng.normal(size=count)),
            "plan": rng.choice(["basic", "plus", "pro"], count, p=[0.6, 0.3, 0.1]).astype(object),
            "city": city,
        }
    ).astype({"plan": object, "city": object})


def outputs(frame: pd.DataFrame) -> np.ndarray:
    """Probabilities that grow with age; a missing age gives one half."""
    positive = 1 / (1 + np.exp(-(frame["age"].fillna(40).to_numpy() - 40) / 10))
    return np.column_stack([1 - positive, positive])


def measured(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    schema: Schema = SCHEMA,
    scored: tuple[np.ndarray, np.ndarray] | None = None,
    **options: Any,
) -> DriftMeasurement:
    """Drift of the columns, and with outputs of holdout and window that of the prediction."""
    predictions = (outputs_profile(schema, scored[0]), outputs_profile(schema, scored[1])) if scored else None
    return measure("churn", 1, profile(reference, schema), profile(current, schema), predictions, **options)


def column(measurement: DriftMeasurement, name: str) -> ColumnDrift:
    return next(each for each in measurement.columns if each.name == name)
