"""Answers and their outcomes as arrays: whose, in which arm, when, and how good the outcome was."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from driftgate.lifecycle.errors import InvalidConfiguration
from driftgate.lifecycle.instances import as_text
from driftgate.lifecycle.payloads import Arm, Outcome, Payload, Window
from driftgate.lifecycle.schema import Schema, Task

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

ARMS = (Arm.CHAMPION, Arm.CHALLENGER, Arm.HEURISTIC)
HIGHER, LOWER = "higher", "lower"
FIELD = "monitoring.favourable"


@dataclass(frozen=True, slots=True)
class Favour:
    """What makes an outcome good: `label` (classification), else more of it, or less (`sign` -1). `assumed`: nobody said so."""

    label: str | None
    classes: frozenset[str] = frozenset()
    sign: float = 1.0
    assumed: bool = False

    @property
    def words(self) -> str:
        """What is good, in words."""
        return f"{'higher' if self.sign > 0 else 'lower'} outcomes" if self.label is None else f'the outcome "{self.label}"'

    def value(self, outcome: Outcome) -> float | None:
        """1 for the favourable label, 0 for another one; the number for regression. None for what the task does not know."""
        if self.label is None:
            number = outcome.value
            return float(number) if isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number) else None
        told = as_text(outcome.value)
        if self.classes and told not in self.classes:
            return None
        return float(told == self.label)


def favour(schema: Schema | None, wanted: str | None) -> Favour | str:
    """What counts as good, or why nobody can tell.

    `wanted`: the setting. Without it: the class that is not the positive one (binary: a model usually looks for what is to be
    prevented), or higher numbers (regression). Raises InvalidConfiguration where the setting names no class of the schema.
    """
    if schema is not None and schema.task is Task.REGRESSION:
        if wanted not in (None, HIGHER, LOWER):
            raise InvalidConfiguration(f'{FIELD}: "{wanted}" says nothing of a number: write "{HIGHER}" or "{LOWER}"', field=FIELD)
        return Favour(None, sign=-1.0 if wanted == LOWER else 1.0, assumed=wanted is None)
    if schema is None:
        return "no version tells which outcomes there are" if wanted is None else Favour(wanted)
    if wanted is not None and wanted not in schema.classes:
        raise InvalidConfiguration(f'{FIELD}: "{wanted}" is none of the classes {", ".join(schema.classes)}', field=FIELD)
    if wanted is None and schema.task is not Task.BINARY:
        return f"with more than two classes nobody can guess which outcome is good: name it in {FIELD}"
    return Favour(wanted or schema.classes[0], frozenset(schema.classes), assumed=wanted is None)


@dataclass(frozen=True, slots=True)
class Cases:
    """Answers of entities that kept their arm, by event time. One row each; arrays of one length.

    `entity`: a code; `arm`: its place in `ARMS`; `version`: -1 for the heuristic; `at`: microseconds since 1970; `value`: of the outcome,
    NaN where none can be used. `moved`: entities left out; `nameless`: answers left out; `strange`: unusable outcomes.
    """

    entity: Ints
    arm: Ints
    version: Ints
    at: Ints
    value: Floats
    moved: int = 0
    nameless: int = 0
    strange: int = 0

    def where(self, chosen: Mask) -> "Cases":
        """Those rows only."""
        return Cases(
            self.entity[chosen], self.arm[chosen], self.version[chosen], self.at[chosen], self.value[chosen],
            self.moved, self.nameless, self.strange,
        )  # fmt: skip

    def of(self, arm: Arm) -> Mask:
        """Which rows are of that arm."""
        return np.asarray(self.arm == ARMS.index(arm))

    def between(self, window: Window) -> Mask:
        """Which rows lie in the window."""
        return np.asarray((self.at >= micros(window.start)) & (self.at < micros(window.end)))


def cases(answers: Sequence[Payload], outcomes: Iterable[tuple[Payload, Outcome]], judged: Window | None, good: Favour) -> Cases:
    """The matured answers, with what became of them.

    `answers`: everything that was answered while an entity must have kept its arm; shadows are passed over. `outcomes`: those with a known
    outcome. `judged`: which answers have matured; None: none has.
    """
    given = [payload for payload in answers if payload.shadow_of is None]
    seen: dict[str, set[Arm]] = {}
    for payload in given:
        if payload.entity_id is not None:
            seen.setdefault(payload.entity_id, set()).add(payload.arm)
    moved = {entity for entity, arms in seen.items() if len(arms) > 1}
    ripe = [payload for payload in given if judged is not None and judged.start <= payload.event_time < judged.end]
    kept = [payload for payload in ripe if payload.entity_id is not None and payload.entity_id not in moved]
    truths = {payload.prediction_id: good.value(outcome) for payload, outcome in outcomes}
    values = [truths.get(payload.prediction_id) for payload in kept]
    strange = sum(payload.prediction_id in truths and value is None for payload, value in zip(kept, values, strict=True))
    return Cases(
        pd.factorize(np.array([payload.entity_id for payload in kept], dtype=object))[0].astype(np.int64),
        np.array([ARMS.index(payload.arm) for payload in kept], dtype=np.int64),
        np.array([-1 if payload.version is None else payload.version for payload in kept], dtype=np.int64),
        np.array([micros(payload.event_time) for payload in kept], dtype=np.int64),
        np.array([math.nan if value is None else value for value in values], dtype=np.float64),
        moved=len(moved),
        nameless=sum(payload.entity_id is None for payload in ripe),
        strange=strange,
    )


def entity_means(entity: Ints, value: Floats) -> tuple[Ints, Floats]:
    """The codes of the entities that occur, in order, and the mean of each one's values."""
    codes, inverse = np.unique(entity, return_inverse=True)
    return codes, np.bincount(inverse, weights=value) / np.bincount(inverse) if len(codes) else np.empty(0)


def micros(instant: datetime) -> int:
    """Microseconds since 1970, exact."""
    passed = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds
