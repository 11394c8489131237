"""Answers of arms with their outcomes, whose true rates are known."""

import os
from datetime import datetime, timedelta

import numpy as np

from driftgate.lifecycle.payloads import Arm, Outcome, Output, Payload, Window
from driftgate.reports.impact.arms import Recorded, Terms
from driftgate.reports.impact.cases import Favour
from tests.builders import NOON, a_payload, an_outcome

DAY = timedelta(days=1)
GOOD = Favour("no", frozenset({"no", "yes"}))
TERMS = Terms(GOOD)
Pairs = list[tuple[Payload, Outcome]]


def arm_rows(
    arm: Arm,
    good: float,
    entities: int,
    *,
    version: int | None = 1,
    rows: int = 1,
    days: int = 30,
    start: datetime = NOON,
    seed: int = 0,
    prefix: str = "",
    chances: tuple[float, float] = (0.3, 0.7),
) -> Pairs:
    """`entities` of one arm, each with `rows` answers spread over the days; each outcome is favourable with chance `good`."""
    rng = np.random.default_rng([seed, *map(ord, f"{arm}{prefix}")])
    version = None if arm is Arm.HEURISTIC else version
    pairs = []
    for number in range(entities):
        for row, place in enumerate(sorted(rng.random(rows))):
            name = f"{prefix}{arm}-{number}"
            output = Output("yes") if arm is Arm.HEURISTIC else Output("yes", chances)
            payload = a_payload(
                f"{name}-{row}", arm=arm, version=version, entity_id=name, event_time=start + place * days * DAY, output=output
            )
            truth = "no" if rng.random() < good else "yes"
            pairs.append((payload, an_outcome(payload.prediction_id, truth)))
    return pairs


def recorded(*pairs: Pairs, start: datetime = NOON, days: int = 30, more: tuple[Payload, ...] = ()) -> Recorded:
    """All of it matured. `more`: answers without an outcome."""
    window = Window(start, start + days * DAY)
    known = [pair for some in pairs for pair in some]
    return Recorded(window, window, [*(payload for payload, _ in known if payload.shadow_of is None), *more], known)


def counted(*, full: int, reduced: int) -> int:
    """Repetitions of a simulation: the full count where the environment asks for soaking."""
    return full if os.environ.get("DRIFTGATE_SOAK") == "1" else reduced
