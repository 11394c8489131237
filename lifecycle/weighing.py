"""Considerations of a retrain that take a while: what they are about, and who makes them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Tick:
    """A tick of a model's schedule of retrains, UTC."""

    model: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Weighing:
    """A consideration that takes a trial refit, and is made by a job of its own."""

    job_id: str
