"""The history that is replayed: labelled rows in the order of time, and the settings that they are replayed under."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftgate.lifecycle.errors import InvalidRequest
from driftgate.lifecycle.plan import ROW_ORDER, ModelPlan, Window
from driftgate.lifecycle.schema import Task
from driftgate.service.settings import Settings, disclosed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd


@dataclass(frozen=True)
class History:
    """Rows with a target, oldest first, and the plan that versions are made of them by. `order`: the column of times, or `row_order`.

    `rows`: as they came, but for a named time, which is parsed. `truth`: their targets, shape (n,), as positions in `classes` or numbers.
    `times`: aware, in UTC; None where only the order counts. `sha256`: over all of it.
    """

    settings: Settings
    plan: ModelPlan
    order: str
    rows: "pd.DataFrame"
    truth: "npt.NDArray[np.float64] | npt.NDArray[np.int64]"
    task: Task
    classes: tuple[str, ...]
    times: tuple[datetime, ...] | None
    sha256: str
    warnings: tuple[str, ...]


def read(settings: Settings, model: str, data: Path | None, time: str | None) -> History:
    """The history in `data`, or in the model's own source; `time`: the column that orders it, or `row_order`; by default the model's.

    The order is that of the replay; how a version's own rows are split stays as the model's `time` says. A column that only orders is no
    feature. What kind of task it is, and which class is the positive one, is read off the whole history: that a target has two labels is
    known before the first row. Raises InvalidRequest where there is no order, InvalidData where the rows cannot be used.
    """
    from driftgate.training import rows, sources, target
    from driftgate.training.schema import time_column

    plan = settings.plan(model, data)
    order = time or plan.time
    if order is None:
        raise InvalidRequest(
            "a history has an order: name its time column with --time, or say --time row_order where the rows are in order", field="time"
        )
    ordering = replace(plan, time=order, window=Window())
    chosen = rows.choose(sources.read(disclosed(plan.source), settings.project), ordering)
    found = target.resolve(chosen.frame[plan.target], plan)
    apart = (order,) if order not in (ROW_ORDER, plan.time, *plan.features) else ()
    name = time_column(ordering)
    return History(
        settings=settings,
        plan=replace(plan, task=found.task, positive=found.classes[1] if found.task is Task.BINARY else None, drop=(*plan.drop, *apart)),
        order=order,
        rows=chosen.frame,
        truth=found.encoded(found.cells(chosen.frame[plan.target])),
        task=found.task,
        classes=found.classes,
        times=None if name is None else _times(chosen.frame[name]),
        sha256=_sha256(chosen.frame),
        warnings=(*chosen.warnings, *found.warnings),
    )


def _times(column: "pd.Series[Any]") -> tuple[datetime, ...]:
    return tuple(moment.replace(tzinfo=UTC) for moment in column.dt.to_pydatetime().tolist())


def _sha256(frame: "pd.DataFrame") -> str:
    """Over every cell and the names: a database's rows may change under the same query."""
    import pandas as pd

    digest = hashlib.sha256("\0".join(map(str, frame.columns)).encode())
    texts = frame.astype(object).map(str)
    digest.update(pd.util.hash_pandas_object(texts, index=False).to_numpy().tobytes())
    return digest.hexdigest()
