"""The history that is replayed: labelled rows in the order of time, and the settings that they are replayed under."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from driftgate.lifecycle.errors import InvalidRequest
from driftgate.lifecycle.plan import ModelPlan, Window
from driftgate.lifecycle.schema import Task
from driftgate.service.settings import Settings, disclosed

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd


@dataclass(frozen=True)
class History:
    """Rows with a target, oldest first, and the settings with the time that orders them.

    `rows`: as they came, but for a named time, which is parsed. `truth`: their targets, shape (n,), as positions in `classes` or numbers.
    `times`: aware, in UTC; None where only the order counts. `sha256`: over all of it.
    """

    settings: Settings
    plan: ModelPlan
    rows: "pd.DataFrame"
    truth: "npt.NDArray[np.float64] | npt.NDArray[np.int64]"
    task: Task
    classes: tuple[str, ...]
    times: tuple[datetime, ...] | None
    sha256: str
    warnings: tuple[str, ...]


def read(settings: Settings, model: str, data: Path | None, time: str | None) -> History:
    """The history in `data`, or in the model's own source; `time`: the column that orders it, or `row_order`; by default the model's.

    What kind of task it is, and which class is the positive one, is read off the whole history: that a target has two labels is known
    before the first row. Raises InvalidRequest where there is no order, InvalidData where the rows cannot be used.
    """
    from driftgate.training import rows, sources, target

    dated = _ordered_by(settings, model, time)
    plan = dated.plan(model, data)
    raw = sources.read(disclosed(plan.source), settings.project)
    chosen = rows.choose(raw, replace(plan, window=Window()))
    found = target.resolve(chosen.frame[plan.target], plan)
    positive = found.classes[1] if found.task is Task.BINARY else None
    cells = found.cells(chosen.frame[plan.target])
    return History(
        settings=dated,
        plan=replace(plan, task=found.task, positive=positive),
        rows=chosen.frame,
        truth=found.encoded(cells),
        task=found.task,
        classes=found.classes,
        times=_times(chosen.frame, plan),
        sha256=_sha256(chosen.frame),
        warnings=(*chosen.warnings, *found.warnings),
    )


def _ordered_by(settings: Settings, model: str, time: str | None) -> Settings:
    table = settings.models[settings.model(model)]
    if (time or table.time) is None:
        raise InvalidRequest(
            "a history has an order: name its time column with --time, or say --time row_order where the rows are in order", field="time"
        )
    changed = table if time is None else table.model_copy(update={"time": time})
    return replace(settings, models={**settings.models, model: changed})


def _times(frame: "pd.DataFrame", plan: ModelPlan) -> tuple[datetime, ...] | None:
    from driftgate.training.schema import time_column

    name = time_column(plan)
    if name is None:
        return None
    found: Sequence[Any] = frame[name].dt.to_pydatetime().tolist()
    return tuple(moment.replace(tzinfo=UTC) for moment in found)


def _sha256(frame: "pd.DataFrame") -> str:
    """Over every cell and the names: a database's rows may change under the same query."""
    import pandas as pd

    digest = hashlib.sha256("\0".join(map(str, frame.columns)).encode())
    texts = frame.astype(object).map(str)
    digest.update(pd.util.hash_pandas_object(texts, index=False).to_numpy().tobytes())
    return digest.hexdigest()
