"""Columns of both sides as Evidently draws them: plain numbers or texts, whatever the frames hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.schema import Column, ColumnKind, Schema, Task
from driftgate.reports.drift.measure import PREDICTION
from driftgate.reports.profiles import reading

Values: TypeAlias = npt.NDArray[np.float64] | npt.NDArray[np.object_]
Outputs: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sides:
    """A column in the reference and in the window: float64 (no usable value: NaN), or text (missing: None)."""

    name: str
    kind: ColumnKind
    reference: Values
    current: Values


def read(column: Column, reference: pd.DataFrame, current: pd.DataFrame) -> Sides:
    """The column of both frames. One that the window lacks is all missing."""
    held = current[column.name] if column.name in current.columns else pd.Series([None] * len(current), dtype=object)
    return Sides(column.name, column.kind, _values(column, reference[column.name]), _values(column, held))


def outputs(schema: Schema, holdout: Outputs, current: Outputs) -> Sequence[Sides]:
    """Outputs as columns: the positive class's probability, every class's where there are more than two, or the predicted value."""
    if schema.task is Task.REGRESSION or holdout.ndim == 1:
        return [_numbers(PREDICTION, holdout, current)]
    if schema.task is Task.BINARY:
        return [_numbers(PREDICTION, holdout[:, 1], current[:, 1])]
    return [_numbers(f"P({label})", holdout[:, at], current[:, at]) for at, label in enumerate(schema.classes)]


def _numbers(name: str, reference: Outputs, current: Outputs) -> Sides:
    return Sides(name, ColumnKind.NUMERIC, _finite(reference), _finite(current))


def _values(column: Column, series: pd.Series) -> Values:
    if column.kind is ColumnKind.NUMERIC:
        return _finite(reading.numbers(series)[0])
    objects = series.to_numpy(dtype=object, copy=True)
    held = series.notna().to_numpy(dtype=bool)
    objects[~held] = None
    objects[held] = [str(value) for value in objects[held]]
    return objects


def _finite(values: Outputs) -> Outputs:
    return np.where(np.isfinite(values), values, np.nan)
