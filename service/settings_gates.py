"""The table `[models.NAME.gates]` of driftgate.toml, and what a metric may be limited to."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from driftgate.lifecycle.gates import SMALLER_IS_BETTER
from driftgate.lifecycle.policy import Standard
from driftgate.lifecycle.promotion_times import minutes
from driftgate.service.settings_tables import FilePath, Table, refuse

CLASSIFICATION_METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss", "brier", "ece", "probability_lift")
REGRESSION_METRICS = ("mae", "rmse", "r2")
LIVE_METRICS = (*CLASSIFICATION_METRICS, *REGRESSION_METRICS, "bias")
"""What can be limited on live traffic; `bias`, the mean error, in either direction."""
UNBOUNDED_METRICS = frozenset({"log_loss", "probability_lift", "mae", "rmse", "bias"})


def suggestion(name: str, allowed: tuple[str, ...]) -> str:
    """`; did you mean "x"?` for the closest allowed name, or nothing."""
    close = get_close_matches(name, allowed, n=1)
    return f'; did you mean "{close[0]}"?' if close else ""


def _window(text: str) -> str:
    minutes([text])
    return text


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError("must be a time zone such as Europe/Berlin or UTC") from None
    return name


class GatesTable(Table):
    """The limits of the gates, and the user's own tests."""

    standard: Standard = Standard.SUPERIOR
    margin: Annotated[float, Field(ge=0, lt=1)] = 0.01
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    best_of: Annotated[int, Field(ge=0, le=20)] = 5
    minimum_rows: Annotated[int, Field(ge=1)] = 200
    floors: dict[str, float] = Field(default_factory=dict)
    growth_limit: Annotated[float, Field(gt=0)] = 0.10
    growth_margin: Annotated[float, Field(ge=0)] = 0.05
    forgive_growth: bool = True
    gated_magnitude: Annotated[float, Field(gt=1)] = 1.05
    gated_scenarios: tuple[str, ...] = ("moderate",)
    test_seconds: Annotated[float, Field(gt=0, le=86_400)] = 300.0
    approval: bool = False
    off: tuple[Literal["data_quality", "calibration", "slices", "degradation", "freshness", "replay", "cost"], ...] = ()
    refusal_level: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    slice_margin: Annotated[float, Field(ge=0)] = 0.05
    slice_rows: Annotated[int, Field(ge=30)] = 100
    calibration_intercept: Annotated[float, Field(gt=0)] = 0.5
    calibration_slope: Annotated[float, Field(gt=0)] = 0.5
    recent_rows: Annotated[int, Field(ge=1, le=100_000)] = 2_000
    freshness_auc: Annotated[float, Field(ge=0.5, le=1)] = 0.9
    missing_growth: Annotated[float, Field(ge=0, le=1)] = 0.25
    duplicate_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    overlap_share: Annotated[float, Field(ge=0, le=1)] = 0.25
    leak_limit: Annotated[float, Field(gt=0.9, le=1)] = 0.99
    label_change: Annotated[float, Field(ge=0, le=1)] = 0.4
    exchange_limit: Annotated[float, Field(ge=0, le=1)] = 0.3
    replay_errors: Annotated[float, Field(ge=0, le=1)] = 0.0
    changed_answers: Annotated[float, Field(ge=0, le=1)] = 1.0
    latency_ms: Annotated[float, Field(gt=0)] = 2_000.0
    artifact_mb: Annotated[float, Field(gt=0)] = 1_000.0
    memory_mb: Annotated[float, Field(gt=0)] = 4_000.0
    cost_ratio: Annotated[float, Field(ge=1)] = 10.0
    approval_days: Annotated[float, Field(gt=0, le=3650)] | None = None
    cooldown_days: Annotated[float, Field(ge=0, le=3650)] = 0.0
    promotion_windows: tuple[Annotated[str, AfterValidator(_window)], ...] = ()
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "UTC"
    spend_level: bool = True
    tests: tuple[FilePath, ...] = ()
    rollout_stages: tuple[Annotated[float, Field(gt=0, le=1)], ...] = ()
    rollout_minutes: Annotated[float, Field(ge=0, le=525_600)] = 60.0
    rollout_rows: Annotated[int, Field(ge=1)] = 500
    rollout_level: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    rollout_errors: Annotated[float, Field(ge=0, lt=1)] = 0.01
    rollout_latency: Annotated[float, Field(ge=1)] = 2.0
    rollout_outputs: Annotated[float, Field(ge=0, le=1)] = 0.2
    rollout_patience_hours: Annotated[float, Field(gt=0, le=8_760)] = 72.0
    rollout_watch_hours: Annotated[float, Field(ge=0, le=8_760)] = 24.0

    @model_validator(mode="after")
    def _rising_stages(self) -> "GatesTable":
        stages = self.rollout_stages
        if stages and (stages[-1] != 1 or list(stages) != sorted(set(stages))):
            words = ", ".join(f"{share:g}" for share in stages)
            refuse([("rollout_stages", f"must rise and end with 1.0, such as [0.05, 0.25, 1.0], got [{words}]")])
        if len(stages) == 1:
            refuse([("rollout_stages", "must have a stage before the last one, such as [0.05, 1.0]; leave it out to promote all at once")])
        return self

    @model_validator(mode="after")
    def _possible_floors(self) -> "GatesTable":
        problems = limit_problems("floors", self.floors, (*CLASSIFICATION_METRICS, *REGRESSION_METRICS))
        if problems:
            refuse(problems)
        return self


def limit_problems(table: str, limits: Mapping[str, float], metrics: tuple[str, ...]) -> list[tuple[str, str]]:
    """Limits of what is no metric, and limits that a metric is always or never within."""
    problems = []
    for name, limit in limits.items():
        key = f"{table}.{name}"
        if name not in metrics:
            problems.append((key, f"is not a metric; metrics are {', '.join(metrics)}{suggestion(name, metrics)}"))
        elif name not in UNBOUNDED_METRICS and limit > 1:
            problems.append((key, f"must be at most 1, got {limit:g}: {name} is never larger"))
        elif limit < 0 and (name in SMALLER_IS_BETTER or name != "r2"):
            problems.append((key, f"must be at least 0, got {limit:g}: {name} is never smaller"))
    return problems
