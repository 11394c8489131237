"""One column of both sides, read so that nothing in it can raise: what is usable, what is not, and what that says."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.schema import Column, ColumnKind

Values: TypeAlias = npt.NDArray[np.float64] | npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Sides:
    """A column in the reference and in the window, row for row.

    Values are float64 (numeric; missing, infinite and unreadable: NaN) or str (categorical; missing: None).
    `findings`: what was odd about the window's values. `lost`: the window has no such column, and every value counts as missing.
    """

    name: str
    kind: ColumnKind
    reference: Values
    current: Values
    findings: tuple[str, ...] = ()
    lost: bool = False


def read(column: Column, reference: pd.DataFrame, current: pd.DataFrame) -> Sides:
    """The column of both frames. One that the window lacks is read as all missing."""
    before, _ = _values(column, reference[column.name])
    if column.name not in current.columns:
        empty = pd.Series([None] * len(current), dtype=object)
        lost = (f"lost: the window has no column {column.name!r}; every value counts as missing",)
        return Sides(column.name, column.kind, before, _values(column, empty)[0], lost, lost=True)
    after, findings = _values(column, current[column.name])
    return Sides(column.name, column.kind, before, after, findings)


def numbers(name: str, reference: Values, current: Values) -> Sides:
    """Model outputs of both sides as a numeric column; non-finite outputs count as missing."""
    column = Column(name, ColumnKind.NUMERIC)
    after, findings = _values(column, pd.Series(current))
    return Sides(name, ColumnKind.NUMERIC, _values(column, pd.Series(reference))[0], after, findings)


def usable(values: Values) -> npt.NDArray[np.bool_]:
    """Which rows hold a value."""
    if values.dtype == np.float64:
        return np.isfinite(values.astype(np.float64))
    return np.asarray(pd.notna(values), dtype=np.bool_)


def _values(column: Column, series: pd.Series) -> tuple[Values, tuple[str, ...]]:
    return _numeric(series) if column.kind is ColumnKind.NUMERIC else _categorical(series)


def _numeric(series: pd.Series) -> tuple[Values, tuple[str, ...]]:
    findings = []
    if not pd.api.types.is_numeric_dtype(series.dtype):
        read_as = pd.to_numeric(series, errors="coerce")
        unreadable = int((read_as.isna() & series.notna()).sum())
        if unreadable:
            findings.append(f"type changed: {unreadable} of {len(series)} values are not numbers and count as missing")
        series = read_as
    values = series.to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
    infinite = np.isinf(values)
    if infinite.any():
        findings.append(f"{int(infinite.sum())} of {len(values)} values are infinite and count as missing")
        values[infinite] = np.nan
    return values, tuple(findings)


def _categorical(series: pd.Series) -> tuple[Values, tuple[str, ...]]:
    held = series.notna().to_numpy()
    objects = series.to_numpy(dtype=object, copy=True)
    objects[~held] = None
    other = [at for at in np.flatnonzero(held) if not isinstance(objects[at], str)]
    for at in other:
        objects[at] = str(objects[at])
    findings = (f"type changed: {len(other)} of {len(objects)} values are not text and were read as text",) if other else ()
    return objects, findings
