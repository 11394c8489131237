"""The traffic of a window in the shapes that measurements take: rows, outputs and outcomes of the payload log, each once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import numpy as np

from driftgate.lifecycle.judging.traffic import CLOCK_TOLERANCE, Traffic
from driftgate.lifecycle.maturity import matured
from driftgate.lifecycle.payloads import Arm, Outcome, Payload, Window
from driftgate.lifecycle.ports import PayloadLog
from driftgate.lifecycle.schema import Schema, Task

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

FAR = timedelta(days=366)
"""How far ahead of the pass payloads with a wrong clock are looked for."""


class Log(PayloadLog, Protocol):
    """The payload log with its outcomes."""

    def joined(self, model: str, window: Window, version: int | None = None, *, shadows: bool = False) -> Sequence[tuple[Payload, Outcome]]:
        """The payloads of the window whose outcome is known, each with it."""
        ...


@dataclass(frozen=True, slots=True)
class Answers:
    """Payloads as arrays, one place each: features as they were logged (`raw`) and conformed (`rows`), outputs, entities and times.

    Both frames also hold the entity where the version's schema names one. `outputs`: shaped as a scorer's, NaN where null. `problems`:
    what was wrong with the rows, a sentence a column.
    """

    raw: "pd.DataFrame"
    rows: "pd.DataFrame"
    outputs: "npt.NDArray[np.float64]"
    entities: tuple[str, ...]
    times: tuple[datetime, ...]
    problems: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.entities)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a pass looks at.

    `schema`: the version's, without what the log hides. `inputs`: the champion arm's answers, whatever version gave them; `own`: those of
    them that the version gave. `judged`: the window whose payloads are mature, None where none are; `mature`: the version's answers in
    it whose outcome is known, and `truths`, those outcomes as they were told. `payloads` and `known`: every arm's and shadows too, for what
    compares arms.
    """

    schema: Schema
    traffic: Traffic
    inputs: Answers
    own: Answers
    mature: Answers
    truths: tuple[str | float, ...] = ()
    judged: Window | None = None
    payloads: tuple[Payload, ...] = ()
    known: tuple[tuple[Payload, Outcome], ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the log for one model. `hidden`: features that are not logged as they were; `apart`: columns that are no features."""

    log: Log
    hidden: frozenset[str] = frozenset()
    apart: frozenset[str] = frozenset()
    maturity: timedelta = timedelta()
    silence: timedelta | None = None

    def gather(self, model: str, number: int, schema: Schema, window: Window, at: datetime) -> Gathered:
        """The window's traffic, payloads with a wrong clock left out. Raises StoreUnavailable where the log does not answer."""
        self.log.ship()
        found = self.log.read(model, window, shadows=True)
        timely = tuple(payload for payload in found if not ahead(payload))
        answered = [payload for payload in timely if payload.shadow_of is None]
        asked = [payload for payload in answered if _answered(payload)]
        shown = replace(schema, columns=tuple(column for column in schema.columns if column.name not in self.hidden))
        # The latest window of the same length that is mature as a whole.
        judged = matured(Window(window.start - self.maturity, window.end), at, self.maturity)
        joined = () if judged is None else self.log.joined(model, judged, shadows=True)
        known = tuple((payload, outcome) for payload, outcome in joined if not ahead(payload))
        mine = [(payload, outcome) for payload, outcome in known if _answered(payload) and payload.version == number]
        return Gathered(
            schema=shown,
            traffic=Traffic(
                rows=len(answered),
                last=self._last(model, answered, window, at),
                ahead=len(found) - len(timely) + sum(map(ahead, self.log.read(model, Window(at, at + FAR)))),
                versions=Counter(payload.version for payload in asked if payload.version is not None),
            ),
            inputs=self.answers(asked, shown),
            own=self.answers([payload for payload in asked if payload.version == number], shown),
            mature=self.answers([payload for payload, _ in mine], shown),
            truths=tuple(outcome.value for _, outcome in mine),
            judged=judged,
            payloads=timely,
            known=known,
            problems=self._hidden(schema),
        )

    def answers(self, payloads: Sequence[Payload], schema: Schema) -> Answers:
        """The payloads as arrays."""
        import pandas as pd

        from driftgate.training.conform import conform_leniently

        raw = pd.DataFrame.from_records([dict(payload.features) for payload in payloads], index=range(len(payloads)))
        raw = raw.drop(columns=[name for name in raw.columns if name in self.hidden | self.apart])
        whom = entities(payloads)
        if schema.entity is not None:
            raw[schema.entity] = list(whom)
        rows, problems = conform_leniently(raw, schema)
        return Answers(
            raw=raw,
            rows=rows[[name for name in (*schema.features, schema.entity) if name in rows.columns]],
            outputs=outputs(payloads, schema),
            entities=whom,
            times=tuple(payload.event_time for payload in payloads),
            problems=problems if len(payloads) else (),
        )

    def _last(self, model: str, answered: Sequence[Payload], window: Window, at: datetime) -> datetime | None:
        if answered:
            return answered[-1].event_time
        if self.silence is None or at - self.silence >= window.start:
            return None
        before = [payload for payload in self.log.read(model, Window(at - self.silence, window.start)) if not ahead(payload)]
        return before[-1].event_time if before else None

    def _hidden(self, schema: Schema) -> tuple[str, ...]:
        hidden = [name for name in schema.features if name in self.hidden]
        return (f"{', '.join(hidden)}: not watched, because the log does not hold them as they are",) if hidden else ()


def ahead(payload: Payload) -> bool:
    """Whether it was asked for later than it arrived, which only a wrong clock can bring about."""
    return payload.event_time > payload.arrival_time + CLOCK_TOLERANCE


def _answered(payload: Payload) -> bool:
    return payload.shadow_of is None and payload.arm is Arm.CHAMPION


def outputs(payloads: Sequence[Payload], schema: Schema) -> "npt.NDArray[np.float64]":
    """What was answered, as a scorer's outputs: probabilities (rows, classes) or numbers (rows,); NaN where there is no such answer."""
    if schema.task is Task.REGRESSION:
        return np.array([_number(payload.output.prediction) for payload in payloads], dtype=np.float64)
    nothing = (float("nan"),) * len(schema.classes)
    found = [payload.output.probabilities for payload in payloads]
    rows = [given if len(given) == len(nothing) else nothing for given in found]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(nothing))


def _number(prediction: str | float) -> float:
    return float("nan") if isinstance(prediction, str) else float(prediction)


def entities(payloads: Sequence[Payload]) -> tuple[str, ...]:
    """Whose each payload is; one without an entity is somebody of its own."""
    return tuple(f"payload {payload.prediction_id}" if payload.entity_id is None else payload.entity_id for payload in payloads)


def encoded(told: Sequence[str | float], schema: Schema) -> Sequence[float | int | None]:
    """Outcomes as the truths of rows: positions of their classes, or finite numbers; None where one fits the task in no way."""
    if schema.task is Task.REGRESSION:
        numbers = [float("nan") if isinstance(value, str | bool) else float(value) for value in told]
        return [number if np.isfinite(number) else None for number in numbers]
    import pandas as pd

    from driftgate.training import values

    place = {label: position for position, label in enumerate(schema.classes)}
    return [place.get(label) for label in values.labels(pd.Series(list(told), dtype=object))]
