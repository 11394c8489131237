"""The schema of a version, inferred once from its rows."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from driftgate.lifecycle.errors import InvalidConfiguration, InvalidData
from driftgate.lifecycle.plan import ROW_ORDER, ModelPlan
from driftgate.lifecycle.schema import Column, ColumnKind, Schema
from driftgate.training import kinds, target, values
from driftgate.training.conform import conform, conform_leniently
from driftgate.training.kinds import Unusable
from driftgate.training.values import Cells, Mask

__all__ = ["Inference", "conform", "conform_leniently", "infer", "require_named", "time_column"]

_WHY = {
    Unusable.MISSING: "it has no value in the training rows",
    Unusable.CONSTANT: "it has one value in the training rows (if a blank means something, write it as a value)",
    Unusable.DATE: "it holds dates (name it as time, or derive numbers from it)",
    Unusable.IDENTIFIER: "its values identify rows (name it as entity if they are entities)",
}


@dataclass(frozen=True, slots=True)
class Inference:
    """An inferred schema, and what was left out or guessed on the way."""

    schema: Schema
    warnings: tuple[str, ...] = ()


def infer(frame: pd.DataFrame, plan: ModelPlan, trained: Mask | None = None, *, keep_all: bool = False) -> Inference:
    """The schema of the rows: kinds, levels and ranges as seen in all of them.

    `trained` marks the rows that a fit sees (None: all): features constant or all missing there are left out with a warning,
    as are dates and identifiers that the plan does not list. `keep_all` leaves nothing out, for a model that somebody else fitted.
    Raises InvalidData where the target cannot be used, no feature is left, or a numeric feature holds text or infinities.
    """
    require_named(frame, plan)
    found = target.resolve(frame[plan.target][~target.missing(frame[plan.target])], plan)
    fitted = frame if trained is None else frame[trained]
    columns, warnings = [], list(found.warnings)
    for name in feature_names(frame, plan):
        reason = None if keep_all else _left_out(fitted[name], plan)
        if reason is None:
            columns.append(_described(frame[name], plan.kinds.get(name)))
        else:
            warnings.append(f"column {name!r} was left out: {_WHY[reason]}")
    if not columns:
        raise InvalidData("no usable feature column is left: " + "; ".join(warnings or ["the data holds nothing beside the target"]))
    schema = Schema(found.task, plan.target, tuple(columns), found.classes, plan.entity, time_column(plan))
    return Inference(schema, tuple(warnings))


def time_column(plan: ModelPlan) -> str | None:
    """The name of the time column; None where there is none or the order of the rows is the time."""
    return None if plan.time == ROW_ORDER else plan.time


def feature_names(frame: pd.DataFrame, plan: ModelPlan) -> tuple[str, ...]:
    """The columns that the plan lists, or all but target, entity, time and dropped ones; none of them judged yet."""
    apart = {plan.target, plan.entity, time_column(plan)}
    if plan.features:
        clash = sorted(set(plan.features) & {name for name in apart if name})
        if clash:
            raise InvalidConfiguration(f"features lists {', '.join(clash)}, which is the target, entity or time", field="features")
        return tuple(name for name in plan.features if name not in plan.drop)
    return tuple(str(name) for name in frame.columns if name not in apart and name not in plan.drop)


def require_named(frame: pd.DataFrame, plan: ModelPlan) -> None:
    """Nothing where every column that the plan names is there. Raises InvalidData with the nearest names."""
    wanted = [("target", plan.target), ("entity", plan.entity), ("time", time_column(plan))]
    wanted += [("features", name) for name in plan.features] + [("kinds", name) for name in plan.kinds]
    for role, name in wanted:
        if name is not None and name not in frame.columns:
            raise InvalidData(f"{role} names column {name!r}, which the data does not have{_nearest(name, frame.columns)}", field=name)


def _nearest(name: str, available: Iterable[object]) -> str:
    near = difflib.get_close_matches(name, [str(each) for each in available], n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(repr(each) for each in near)}?" if near else ""


def _left_out(column: Cells, plan: ModelPlan) -> Unusable | None:
    declared = plan.kinds.get(str(column.name))
    seen = kinds.look(column, declared)
    reason = kinds.unusable(column, seen)
    wanted = declared is not None or str(column.name) in plan.features
    return None if wanted and reason in (Unusable.DATE, Unusable.IDENTIFIER) else reason


def _described(column: Cells, declared: ColumnKind | None) -> Column:
    name = str(column.name)
    seen = kinds.look(column, declared)
    base = Column(name, seen.kind, nullable=seen.present < len(column))
    if seen.kind is ColumnKind.CATEGORICAL:
        return replace(base, levels=tuple(sorted(str(level) for level in values.text(column).dropna().unique())))
    kinds.require_numbers(column, seen.bad)
    found, _ = values.numbers(column)
    finite = found[np.isfinite(found)]
    return replace(base, low=float(finite.min()), high=float(finite.max())) if len(finite) else base
