"""The tables below `[models.NAME]` of driftgate.toml."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from driftgate.lifecycle.plan import ROW_ORDER, Goal, Recalibration
from driftgate.lifecycle.schema import ColumnKind, Task
from driftgate.service.settings_gates import (
    CLASSIFICATION_METRICS,
    LIVE_METRICS,
    REGRESSION_METRICS,
    GatesTable,
    limit_problems,
    suggestion,
)
from driftgate.service.settings_monitoring import MonitoringTable, TriggersTable
from driftgate.service.settings_reports import STANDARD_SCENARIOS, CardTable, DriftTable, Seed, Share, SimulationTable
from driftgate.service.settings_secrets import without_password
from driftgate.service.settings_tables import FilePath, Table, refuse
from driftgate.service.settings_traffic import ArmsTable, HeuristicTable, OutcomesTable, PayloadsTable

ESTIMATORS = ("logistic", "linear", "random_forest", "hist_gradient_boosting", "xgboost")
RESERVED_NAMES = frozenset({"latest", "candidate", "champion", "challenger", "heuristic"})
"""Aliases and arms: as a model's name they would read like a version."""

_FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


def model_name(name: str) -> str:
    """The name, where it can be a model's. Raises ValueError saying what it must be."""
    if not _NAME.fullmatch(name):
        raise ValueError("must be a name of at most 63 small letters, digits, _ and -, beginning with a letter or digit")
    if name in RESERVED_NAMES:
        raise ValueError(f"must be another name: {', '.join(sorted(RESERVED_NAMES))} are reserved")
    return name


def _estimator_name(name: str) -> str:
    if name in ESTIMATORS or _FACTORY.fullmatch(name):
        return name
    raise ValueError(f"must be one of {', '.join(ESTIMATORS)}, or package.module:factory{suggestion(name, ESTIMATORS)}")


def _scalar(value: object) -> object:
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise ValueError("must be text, a number, true or false")


ModelName = Annotated[str, AfterValidator(model_name)]
ColumnName = Annotated[str, Field(min_length=1)]
Parameter = Annotated[Any, AfterValidator(_scalar)]


class SourceTable(Table):
    """Where the rows come from: `path`, or `url` and `query`. A reference in `url` is resolved where the rows are read, not before."""

    path: FilePath | None = None
    url: Annotated[str, Field(min_length=1), AfterValidator(without_password)] | None = None
    query: Annotated[str, Field(min_length=1)] | None = None
    separator: Annotated[str, Field(min_length=1, max_length=10)] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "SourceTable":
        problems = []
        if (self.path is None) == (self.url is None):
            problems.append(("", "must have exactly one of path (a CSV or Parquet file) and url (a database, with query)"))
        if (self.url is None) != (self.query is None):
            problems.append(("query", "url and query go together: give both or neither"))
        if self.separator is not None and self.path is None:
            problems.append(("separator", "is for a CSV file: it needs path"))
        if problems:
            refuse(problems)
        return self


class WindowTable(Table):
    """The newest part of the data that is trained on."""

    months: Annotated[int, Field(ge=1)] | None = None
    rows: Annotated[int, Field(ge=2)] | None = None

    @model_validator(mode="after")
    def _one_length(self) -> "WindowTable":
        if self.months is not None and self.rows is not None:
            refuse([("", "must have months or rows, not both")])
        return self


class EstimatorTable(Table):
    """The learner and its own parameters."""

    name: Annotated[str, AfterValidator(_estimator_name)] = "hist_gradient_boosting"
    params: dict[str, Parameter] = Field(default_factory=dict)


class ThresholdTable(Table):
    """The decision threshold of a binary model: fixed, or chosen on the holdout."""

    value: Share | None = None
    goal: Goal | None = None
    target: Share | None = None

    @model_validator(mode="after")
    def _fixed_or_chosen(self) -> "ThresholdTable":
        problems = []
        reaches = self.goal in (Goal.PRECISION, Goal.RECALL)
        if self.value is not None and self.goal is not None:
            problems.append(("", "must have value or goal, not both"))
        if reaches and self.target is None:
            problems.append(("target", f'is required where goal is "{self.goal}": the {self.goal} to reach, between 0 and 1'))
        if self.target is not None and not reaches:
            problems.append(("target", 'is only for goal = "precision" or "recall"'))
        if problems:
            refuse(problems)
        return self


class ModelTable(Table):
    """One model: its data, how it is made, and what it is held against."""

    source: SourceTable
    target: ColumnName
    task: Task | None = None
    positive: Annotated[str, Field(min_length=1)] | None = None
    entity: ColumnName | None = None
    time: ColumnName | None = None
    features: tuple[ColumnName, ...] = ()
    drop: tuple[ColumnName, ...] = ()
    kinds: dict[str, ColumnKind] = Field(default_factory=dict)
    holdout: Share = 0.25
    seed: Seed = 0
    window: WindowTable = Field(default_factory=WindowTable)
    estimator: EstimatorTable = Field(default_factory=EstimatorTable)
    threshold: ThresholdTable = Field(default_factory=ThresholdTable)
    recalibration: Recalibration = Recalibration.NONE
    gates: GatesTable = Field(default_factory=GatesTable)
    simulation: SimulationTable = Field(default_factory=SimulationTable)
    drift: DriftTable = Field(default_factory=DriftTable)
    arms: ArmsTable = Field(default_factory=ArmsTable)
    heuristic: HeuristicTable | None = None
    outcomes: OutcomesTable = Field(default_factory=OutcomesTable)
    payloads: PayloadsTable = Field(default_factory=PayloadsTable)
    monitoring: MonitoringTable = Field(default_factory=MonitoringTable)
    triggers: TriggersTable = Field(default_factory=TriggersTable)
    card: CardTable = Field(default_factory=CardTable)

    @model_validator(mode="after")
    def _makes_sense(self) -> "ModelTable":
        problems = [*_role_problems(self), *_task_problems(self), *_scenario_problems(self), *_watching_problems(self)]
        if self.arms.heuristic > 0 and self.heuristic is None:
            problems.append(("heuristic", "is needed where arms.heuristic gives it traffic: a constant, a column or a function"))
        if self.window.months is not None and self.time in (None, ROW_ORDER):
            problems.append(("window.months", "needs time to name a column with dates: use window.rows, or name the column"))
        if problems:
            refuse(problems)
        return self


def _role_problems(model: ModelTable) -> list[tuple[str, str]]:
    """One column, one role."""
    problems = []
    roles = {"target": model.target, "entity": model.entity, "time": None if model.time == ROW_ORDER else model.time}
    named = [(role, column) for role, column in roles.items() if column is not None]
    for place, (role, column) in enumerate(named):
        problems += [(role, f'"{column}" is the {other} already') for other, same in named[:place] if same == column]
        if column in model.features:
            problems.append(("features", f'must not name "{column}": it is the {role}, never a feature'))
        if column in model.drop:
            problems.append(("drop", f'must not name "{column}": it is the {role}'))
        if column in model.kinds:
            problems.append((f"kinds.{column}", f"is the {role}, not a feature: leave it out"))
    both = sorted(set(model.features) & set(model.drop))
    if both:
        problems.append(("drop", f"names columns that features names too: {', '.join(both)}"))
    for key, names in (("features", model.features), ("drop", model.drop)):
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            problems.append((key, f"names columns twice: {', '.join(repeated)}"))
    return problems


def _task_problems(model: ModelTable) -> list[tuple[str, str]]:
    """Keys that the declared task has no use for. Without a declared task, training finds out."""
    task = model.task
    if task is None:
        return []
    problems = []
    if task is not Task.BINARY:
        needless = {"positive": model.positive is not None, "threshold": model.threshold != ThresholdTable()}
        problems += [(key, f'is only for task = "binary", and task is "{task}"') for key, given in needless.items() if given]
    regression = task is Task.REGRESSION
    if regression and model.recalibration is not Recalibration.NONE:
        problems.append(("recalibration", 'recalibrates probabilities, and task is "regression"'))
    unfit = "logistic" if regression else "linear"
    if model.estimator.name == unfit:
        problems.append(("estimator.name", f'"{unfit}" does not do task = "{task}": use "{"linear" if regression else "logistic"}"'))
    metrics = REGRESSION_METRICS if regression else CLASSIFICATION_METRICS
    problems += _foreign("gates.floors", model.gates.floors, metrics, task)
    problems += _foreign("monitoring.limits", model.monitoring.limits, (*metrics, "bias") if regression else metrics, task)
    if regression and model.monitoring.favourable not in (None, "higher", "lower"):
        problems.append(("monitoring.favourable", f'must be "higher" or "lower" for task = "{task}"'))
    return problems


def _foreign(table: str, limits: Mapping[str, float], metrics: tuple[str, ...], task: Task) -> list[tuple[str, str]]:
    """Limits of metrics that the task does not have; what is no metric at all is told elsewhere."""
    words = f'does not exist for task = "{task}", which has {", ".join(metrics)}'
    return [(f"{table}.{name}", words) for name in limits if name in LIVE_METRICS and name not in metrics]


def _watching_problems(model: ModelTable) -> list[tuple[str, str]]:
    """Limits that mean nothing, and triggers that wait for what is not watched."""
    problems = limit_problems("monitoring.limits", model.monitoring.limits, LIVE_METRICS)
    waiting = [monitor for monitor in model.triggers.on if monitor in model.monitoring.off]
    return [*problems, *(("triggers.on", f'waits for "{monitor.value}", which monitoring.off takes out') for monitor in waiting)]


def _scenario_problems(model: ModelTable) -> list[tuple[str, str]]:
    """Gated scenarios that would never be simulated."""
    names = (*STANDARD_SCENARIOS, *model.simulation.scenarios)
    return [
        (
            "gates.gated_scenarios",
            f'names "{name}", which is not simulated: {", ".join(names)} may be, and "COLUMN x1.10"{suggestion(name, names)}',
        )
        for name in model.gates.gated_scenarios
        if not model.simulation.names(name)
    ]
