"""The rows that a retrain uses: known target, in time order, inside the training window."""

from dataclasses import dataclass

import pandas as pd

from driftgate.lifecycle.errors import InvalidConfiguration, InvalidData
from driftgate.lifecycle.plan import ModelPlan
from driftgate.training import target, times
from driftgate.training.schema import require_named, time_column

FEWEST_ROWS = 10
"""With fewer rows no split leaves anything to learn from or to judge by."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The chosen rows, oldest first where time is known, and what was left out."""

    frame: pd.DataFrame
    warnings: tuple[str, ...] = ()


def choose(frame: pd.DataFrame, plan: ModelPlan) -> Rows:
    """The rows of the frame that the plan trains and judges on; a named time column is parsed.

    Rows without a target or a time are left out with a warning. Rows of equal time keep their order. The window counts back
    from the newest row, months before rows. Raises InvalidData where fewer than `FEWEST_ROWS` are left.
    """
    require_named(frame, plan)
    absent = [name for name in plan.drop if name not in frame.columns]
    warnings = [f"drop names {name!r}, which the data does not have" for name in absent]
    unlabelled = target.missing(frame[plan.target])
    if unlabelled.all():
        raise InvalidData(f"target {plan.target!r} has no value in any of {len(frame)} rows", field=plan.target)
    if unlabelled.any():
        warnings.append(f"{int(unlabelled.sum())} of {len(frame)} rows were left out: target {plan.target!r} is missing")
    timed, undated = _in_time_order(frame[~unlabelled], plan)
    if undated:
        warnings.append(f"{undated} rows were left out: time {plan.time!r} is missing")
    chosen = _windowed(timed, plan).reset_index(drop=True)
    if len(chosen) < FEWEST_ROWS:
        raise InvalidData(f"there are {len(chosen)} usable rows: at least {FEWEST_ROWS} are needed, and hundreds to judge anything")
    return Rows(chosen, tuple(warnings))


def _in_time_order(frame: pd.DataFrame, plan: ModelPlan) -> tuple[pd.DataFrame, int]:
    name = time_column(plan)
    if name is None:
        return frame, 0
    timed = frame.assign(**{name: times.parse(frame[name])})
    dated = timed[timed[name].notna()]
    return dated.sort_values(name, kind="stable"), len(timed) - len(dated)


def _windowed(frame: pd.DataFrame, plan: ModelPlan) -> pd.DataFrame:
    name = time_column(plan)
    if plan.window.months is not None:
        if name is None:
            raise InvalidConfiguration("window.months needs a time column: name one as time, or use window.rows", field="window.months")
        newest = frame[name].max()
        frame = frame[frame[name] > newest - pd.DateOffset(months=plan.window.months)]
    return frame if plan.window.rows is None else frame.tail(plan.window.rows)
