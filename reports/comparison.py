"""Candidate against champion on the same rows, none of which either was trained on."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.measurements import Comparison
from driftgate.lifecycle.schema import ColumnKind, Schema, Task
from driftgate.lifecycle.verdicts import Estimate
from driftgate.reports import losses
from driftgate.reports.bounds import grouping, mean_bounds

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]


def unseen(candidate_holdout: pd.DataFrame, champion_train: pd.DataFrame, schema: Schema) -> Mask:
    """Which holdout rows the champion was not trained on, shape (n,).

    A row is known where the champion's training rows hold one with the same features, target, entity and time (those of the
    candidate's schema that both frames have). Where the schema names an entity and no time, every row of an entity that the champion
    trained on is known as well: nothing else tells one observation of it from another.
    """
    columns = [name for name in identifying(schema) if name in candidate_holdout.columns and name in champion_train.columns]
    if not len(champion_train) or not columns:
        return np.ones(len(candidate_holdout), dtype=np.bool_)
    known = np.isin(row_hashes(candidate_holdout, columns, schema), row_hashes(champion_train, columns, schema))
    if schema.entity is not None and schema.time is None and schema.entity in columns:
        entities = as_text(candidate_holdout[schema.entity])
        known |= (entities.isin(as_text(champion_train[schema.entity])) & candidate_holdout[schema.entity].notna()).to_numpy()
    return ~known


def identifying(schema: Schema) -> list[str]:
    """The columns that tell one row from another: features, target, entity and time."""
    return [*schema.features, schema.target, *(name for name in (schema.entity, schema.time) if name is not None)]


def row_hashes(frame: pd.DataFrame, columns: list[str], schema: Schema) -> npt.NDArray[np.uint64]:
    """64 bits for each row; equal rows have equal ones whatever the types that two snapshots hold the same values in."""
    numeric = {*schema.named(ColumnKind.NUMERIC), *((schema.target,) if schema.task is Task.REGRESSION else ())}
    normal = pd.DataFrame({name: _numbers(frame[name]) if name in numeric else as_text(frame[name]) for name in columns})
    return np.asarray(pd.util.hash_pandas_object(normal, index=False), dtype=np.uint64)


def _numbers(column: "pd.Series[Any]") -> "pd.Series[Any]":
    # Adding zero turns -0.0 into 0.0, which has other bits.
    return pd.to_numeric(column, errors="coerce").astype(np.float64) + 0.0


def as_text(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """The column as texts that are equal where two snapshots hold the same values in different types; missing values as ""."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.astype("datetime64[ns]").astype(np.int64)
    return column.astype(object).map(str, na_action="ignore").fillna("").astype(object)


def compare(
    candidate_outputs: Floats,
    champion_outputs: Floats,
    y: Floats | Ints,
    schema: Schema,
    *,
    champion: int,
    excluded: int,
    entities: Any = None,
    ordered: bool = False,
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """The mean of the paired loss difference (candidate - champion) with one-sided bounds.

    Both outputs are for the same rows in the same order, with the columns of `schema.classes` (`losses.align`). `entities`: who each
    row is about. `ordered`: the rows are in the order of time. `excluded`: rows left out before. What is resampled is chosen by
    `bounds.mean_bounds`. No bounds on fewer than two rows, or where an output is NaN; on no rows the losses are NaN.
    """
    candidate = losses.per_row_loss(candidate_outputs, y, schema)
    rival = losses.per_row_loss(champion_outputs, y, schema)
    groups = grouping(len(candidate), entities)
    if len(candidate):
        difference, units, count = mean_bounds(candidate - rival, confidence, seed, groups, ordered=ordered)
    else:
        difference, units, count = Estimate(float("nan")), groups.units, 0
    return Comparison(
        champion=champion,
        loss=losses.loss_name(schema),
        rows=len(candidate),
        excluded=excluded,
        candidate_loss=float(candidate.mean()) if len(candidate) else float("nan"),
        champion_loss=float(rival.mean()) if len(rival) else float("nan"),
        difference=difference,
        confidence=confidence,
        units=units,
        groups=count,
        seed=seed,
    )
