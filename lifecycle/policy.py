"""The limits in force when a version is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from driftgate.lifecycle.canonical import sha256


class Standard(StrEnum):
    """What a candidate must show against the champion."""

    SUPERIOR = "superior"
    NON_INFERIOR = "non_inferior"


@dataclass(frozen=True, slots=True)
class Policy:
    """Limits of the gates of one model.

    `margin`: share of the champion's loss that a non-inferior candidate may lose. `confidence`: of every one-sided bound.
    `minimum_rows`: fewer judged rows are `undecided`. `floors`: least (or for losses, largest) value of a metric.
    `growth_limit`: largest tolerated relative loss growth at the gated scenarios; `growth_margin`: how much more than
    the champion's. `gated_magnitude`: univariate scale factors up to this one are gated, larger ones reported.
    `test_seconds`: time limit of the user's tests. `approval`: a person must approve before anything serves, within `approval_days`
    of the judgement (None: for ever). `cooldown_days`: least time between two decisions. `promotion_windows`: when a version may be
    promoted, such as `Mon-Fri 09:00-17:00` in `time_zone`; none: always. `spend_level`: every other version that was judged on the same
    holdout against the same champion halves what chance of error is left. `tests`: the user's tests, as paths below the project.

    Every field has its rule in `lifecycle/policy_changes.py`, which says in which direction it is looser.
    """

    standard: Standard = Standard.SUPERIOR
    margin: float = 0.01
    confidence: float = 0.95
    minimum_rows: int = 200
    floors: Mapping[str, float] = field(default_factory=dict)
    growth_limit: float = 0.10
    growth_margin: float = 0.05
    gated_magnitude: float = 1.05
    gated_scenarios: tuple[str, ...] = ("moderate",)
    test_seconds: float = 300.0
    approval: bool = False
    approval_days: float | None = None
    cooldown_days: float = 0.0
    promotion_windows: tuple[str, ...] = ()
    time_zone: str = "UTC"
    spend_level: bool = True
    tests: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Hash of every limit; it is in every decision."""
        return sha256(self)
