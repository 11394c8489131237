"""Logged predictions and the truths that arrive later."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from driftgate.lifecycle.plan import Scalar


class Arm(StrEnum):
    """A branch of live traffic."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    HEURISTIC = "heuristic"


@dataclass(frozen=True, slots=True)
class Output:
    """What a version answered: a class label or a number, and for classification the probability of each class, in schema order."""

    prediction: str | float
    probabilities: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Payload:
    """One logged prediction. Times are UTC; `event_time` is when it was asked for, `arrival_time` when it reached the log."""

    prediction_id: str
    model: str
    version: int
    arm: Arm
    entity_id: str | None
    features: Mapping[str, Scalar]
    output: Output
    event_time: datetime
    arrival_time: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """A late truth: of a payload by its id, or of an entity at a time (then it belongs to the nearest earlier payload)."""

    model: str
    value: str | float
    observed_at: datetime
    prediction_id: str | None = None
    entity_id: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The payloads between two instants: `start` inclusive, `end` exclusive, UTC."""

    start: datetime
    end: datetime
