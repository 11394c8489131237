"""The traffic of a window in the shapes that measurements take: rows, outputs and outcomes of the payload log, each once."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np

from driftgate.lifecycle.judging.traffic import CLOCK_TOLERANCE, Traffic
from driftgate.lifecycle.maturity import matured
from driftgate.lifecycle.payloads import Arm, Payload, Window
from driftgate.lifecycle.ports import PayloadLog
from driftgate.lifecycle.schema import Schema, Task
from driftgate.service.monitoring.columns import Answers, Columns

FAR = timedelta(days=366)
"""How far ahead of the pass payloads with a wrong clock are looked for."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What a pass looks at.

    `schema`: the version's, without what the log hides. `inputs`: the champion arm's answers, whatever version gave them; `own`: those of
    them that the version gave. `judged`: the window whose payloads are mature, None where none are; `mature`: the version's answers in
    it whose outcome is known, and `truths`, those outcomes as they were told. `arms`: how many payloads of the window each arm answered.
    """

    schema: Schema
    traffic: Traffic
    inputs: Answers
    own: Answers
    mature: Answers
    truths: tuple[str | float, ...] = ()
    judged: Window | None = None
    arms: Mapping[Arm, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the log for one model. `hidden`: features that are not logged as they were; `apart`: columns that are no features."""

    log: PayloadLog
    hidden: frozenset[str] = frozenset()
    apart: frozenset[str] = frozenset()
    maturity: timedelta = timedelta()
    silence: timedelta | None = None

    def gather(self, model: str, number: int, schema: Schema, window: Window, at: datetime) -> Gathered:
        """The window's traffic, payloads with a wrong clock left out. Raises StoreUnavailable where the log does not answer."""
        self.log.ship()
        shown = replace(schema, columns=tuple(column for column in schema.columns if column.name not in self.hidden))
        # The latest window of the same length that is mature as a whole.
        judged = matured(Window(window.start - self.maturity, window.end), at, self.maturity)
        told = {} if judged is None else self.log.told(model, judged)
        seen = _Seen(number, window, judged, told, Columns(shown, self.hidden | self.apart))
        for span in _spans(window, judged):
            for some in self.log.stream(model, span):
                for payload in some:
                    seen.take_in(payload)
        return Gathered(
            schema=shown,
            traffic=Traffic(
                rows=seen.rows,
                last=seen.last or self._last(model, window, at),
                ahead=seen.ahead + self.log.ahead(model, Window(at, at + FAR), CLOCK_TOLERANCE),
                versions=seen.versions,
            ),
            inputs=(inputs := seen.columns.answers(np.array(seen.inside, dtype=np.bool_))),
            own=inputs.those(np.array(seen.own, dtype=np.bool_)),
            mature=seen.columns.answers(np.array(seen.mature, dtype=np.bool_)),
            truths=tuple(seen.truths),
            judged=judged,
            arms=seen.arms,
            problems=self._hidden(schema),
        )

    def _last(self, model: str, window: Window, at: datetime) -> datetime | None:
        if self.silence is None or at - self.silence >= window.start:
            return None
        return self.log.latest(model, Window(at - self.silence, window.start), CLOCK_TOLERANCE)

    def _hidden(self, schema: Schema) -> tuple[str, ...]:
        hidden = [name for name in schema.features if name in self.hidden]
        return (f"{', '.join(hidden)}: not watched, because the log does not hold them as they are",) if hidden else ()


def ahead(payload: Payload) -> bool:
    """Whether it was asked for later than it arrived, which only a wrong clock can bring about."""
    return payload.event_time > payload.arrival_time + CLOCK_TOLERANCE


@dataclass(slots=True)
class _Seen:
    """Payloads as they are read: counts of the window, and the champion arm's answers of window and judged window in columns.

    `inside` and `mature`: for each place of the columns whether it belongs to the window, and to the version's mature answers; `own`: for
    each that is inside, whether the version gave it.
    """

    number: int
    window: Window
    judged: Window | None
    told: Mapping[str, str | float]
    columns: Columns
    rows: int = 0
    ahead: int = 0
    last: datetime | None = None
    versions: Counter[int] = field(default_factory=Counter)
    arms: Counter[Arm] = field(default_factory=Counter)
    inside: list[bool] = field(default_factory=list)
    own: list[bool] = field(default_factory=list)
    mature: list[bool] = field(default_factory=list)
    truths: list[str | float] = field(default_factory=list)

    def take_in(self, payload: Payload) -> None:
        """Counts the payload, and keeps what measurements need of it."""
        inside = self.window.start <= payload.event_time < self.window.end
        if ahead(payload):
            self.ahead += inside
            return
        if inside:
            self.rows, self.last = self.rows + 1, payload.event_time
            self.arms[payload.arm] += 1
        if payload.arm is not Arm.CHAMPION:
            return
        mine = payload.version == self.number
        # What is told is of the judged window only.
        truth = self.told.get(payload.prediction_id) if mine else None
        if inside:
            self.own.append(mine)
            if payload.version is not None:
                self.versions[payload.version] += 1
        if truth is not None:
            self.truths.append(truth)
        if inside or truth is not None:
            self.columns.add(payload)
            self.inside.append(inside)
            self.mature.append(truth is not None)


def _spans(window: Window, judged: Window | None) -> Sequence[Window]:
    """What is to be read, in order, nothing twice: the judged window never ends after the other."""
    if judged is None:
        return (window,)
    if judged.end < window.start:
        return judged, window
    return (Window(min(judged.start, window.start), window.end),)


def encoded(told: Sequence[str | float], schema: Schema) -> Sequence[float | int | None]:
    """Outcomes as the truths of rows: positions of their classes, or finite numbers; None where one fits the task in no way."""
    if schema.task is Task.REGRESSION:
        numbers = [float("nan") if isinstance(value, str | bool) else float(value) for value in told]
        return [number if np.isfinite(number) else None for number in numbers]
    import pandas as pd

    from driftgate.training import values

    place = {label: position for position, label in enumerate(schema.classes)}
    return [place.get(label) for label in values.labels(pd.Series(list(told), dtype=object))]
