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
    """One logged prediction. Times are UTC; `event_time` is when it was asked for, `arrival_time` when it reached the log.

    `version`: None where no version answered, as for the heuristic. `shadow_of`: the id of the payload whose row a challenger
    scored beside the one that answered; None for an answer that somebody was given.
    """

    prediction_id: str
    model: str
    version: int | None
    arm: Arm
    entity_id: str | None
    features: Mapping[str, Scalar]
    output: Output
    event_time: datetime
    arrival_time: datetime
    shadow_of: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A late truth: of a payload by its id, or of an entity at a time (then it belongs to the nearest earlier payload)."""

    model: str
    value: str | float
    observed_at: datetime
    prediction_id: str | None = None
    entity_id: str | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """One of the values that were told of a subject, numbered from 1 in order of arrival. The last one is in force."""

    revision: int
    outcome: Outcome
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of outcomes: `new` were of something nothing was known of, `corrected` changed what was known, the rest said it again."""

    new: int = 0
    corrected: int = 0
    repeated: int = 0

    def __add__(self, other: "Recorded") -> "Recorded":
        return Recorded(self.new + other.new, self.corrected + other.corrected, self.repeated + other.repeated)


@dataclass(frozen=True, slots=True)
class Window:
    """The payloads between two instants: `start` inclusive, `end` exclusive, UTC."""

    start: datetime
    end: datetime
