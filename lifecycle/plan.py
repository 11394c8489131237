"""How a model is trained and judged, as declared under `[models.NAME]`: plain frozen values, no files, no defaults hidden elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from driftgate.lifecycle.schema import ColumnKind, Task

Scalar: TypeAlias = str | int | float | bool | None

ROW_ORDER = "row_order"
"""The value of `time` that says: the order of the rows is their order in time."""


class Goal(StrEnum):
    """What a threshold chosen on the holdout maximises or reaches."""

    F1 = "f1"
    ACCURACY = "accuracy"
    PRECISION = "precision"
    RECALL = "recall"


class Recalibration(StrEnum):
    """How probabilities are recalibrated, by cross-validation inside the training rows."""

    NONE = "none"
    SIGMOID = "sigmoid"
    ISOTONIC = "isotonic"


@dataclass(frozen=True, slots=True)
class Source:
    """Where rows come from: a CSV or Parquet file, or a SQL query. Exactly one of `path` and `url` (with `query`) is set."""

    path: str | None = None
    url: str | None = None
    query: str | None = None
    separator: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The newest part of the data that is trained on: the last `months` (by the time column) or the last `rows`; both None: all."""

    months: int | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """The probability from which the positive class is predicted (binary only).

    With `goal` None, `value` is used as it is. Else it is chosen on the holdout: F1 and accuracy are maximised;
    for precision or recall the threshold is the one that reaches `target` with the best of the other.
    """

    value: float = 0.5
    goal: Goal | None = None
    target: float | None = None


@dataclass(frozen=True, slots=True)
class Estimator:
    """The learner: `logistic`, `linear`, `random_forest`, `hist_gradient_boosting`, `xgboost`, or `package.module:factory`."""

    name: str = "hist_gradient_boosting"
    params: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """Everything that decides how a version of one model is made.

    `features` empty: every column that is not the target, the entity, the time or in `drop`. `kinds` overrides what
    inference would say about a column. `holdout`: share of rows (by time: the newest) kept for judging, in (0, 1).
    """

    model: str
    source: Source
    target: str
    task: Task | None = None
    positive: str | None = None
    entity: str | None = None
    time: str | None = None
    features: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    kinds: Mapping[str, ColumnKind] = field(default_factory=dict)
    holdout: float = 0.25
    window: Window = Window()
    estimator: Estimator = Estimator()
    threshold: Threshold = Threshold()
    recalibration: Recalibration = Recalibration.NONE
    seed: int = 0
