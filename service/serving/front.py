"""The front desk of predictions: a request goes to the lines of its arms, then to the journal, then back to who asked."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Protocol

from uuid_utils import uuid7

from driftgate.lifecycle.errors import DriftgateError, InvalidRequest, Overloaded
from driftgate.lifecycle.flows.predicting import Lineup, Stamp, placed
from driftgate.lifecycle.instances import Instance
from driftgate.lifecycle.payloads import Arm, Output, Payload
from driftgate.lifecycle.ports import PayloadLog
from driftgate.service.serving.lines import Entry, Journal, Line, Task
from driftgate.service.serving.tallying import Counting, Tallying

Waiter = asyncio.Future[Sequence[Payload]]
STAMP = Stamp(lambda: datetime.now(UTC), lambda: str(uuid7()))


class Lineups(Protocol):
    """Who answers a model's arms now: the follower."""

    def lineup(self, model: str) -> Lineup:
        """The lineup. Raises NoChampion."""
        ...


class Observer(Protocol):
    """Who counts."""

    def scored(self, model: str, arm: Arm, rows: int, seconds: float) -> None:
        """A call of the model."""
        ...

    def fell_back(self, model: str, arm: Arm, rows: int) -> None:
        """Rows that an arm could not answer, and the champion did."""
        ...

    def logged(self, payloads: Sequence[Payload]) -> None:
        """Payloads that were logged."""
        ...


class Front:
    """Answers requests of every model of this process. `max_instances`, `max_rows`, `max_waiting`: see the settings of `[service]`."""

    def __init__(
        self,
        lineups: Lineups,
        log: PayloadLog,
        observer: Observer,
        *,
        max_instances: int = 10_000,
        max_rows: int = 512,
        max_waiting: int = 20_000,
        stamp: Stamp = STAMP,
        counting: Counting | None = None,
    ) -> None:
        self._lineups, self._observer, self._stamp = lineups, observer, stamp
        self._max_instances, self._max_rows, self._max_waiting = max_instances, max_rows, max_waiting
        self._counting = counting or Tallying()
        self._lines: dict[tuple[str, Arm], Line] = {}
        self._unanswered: dict[str, int] = {}
        self._answers: dict[asyncio.AbstractEventLoop, list[Callable[[], None]]] = {}
        self._answers_lock = threading.Lock()
        self._journal = Journal(log, self._wake, observer.logged)

    async def predict(self, model: str, instances: Sequence[Instance], lineup: Lineup | None = None) -> Sequence[Payload]:
        """The logged payloads, in the order of the instances; one whose id was answered before is the payload of then.

        `lineup`: who answers, where the rows were read for them already; by default who answers now. Raises InvalidRequest naming
        instance, field and reason, NoChampion, Overloaded, and what the log raised.
        """
        if len(instances) > self._max_instances:
            raise InvalidRequest(
                f"{len(instances)} instances are more than a request may hold, {self._max_instances} (service.max_instances)",
                field="instances",
            )
        lineup, waiting = lineup or self._lineups.lineup(model), self._unanswered.get(model, 0)
        if waiting and waiting + len(instances) > self._max_waiting:
            # Lines bound what waits for the model; this also bounds what was scored and waits for the disk.
            raise Overloaded(
                f"{waiting} rows of {model} wait for their answers, and {self._max_waiting} may (service.max_waiting_rows): "
                "send fewer, or add workers"
            )
        ask = _Ask(self, model, instances, lineup)
        self._unanswered[model] = waiting + len(instances)
        try:
            for arm, positions in placed(ask.arms).items():
                ask.send(arm, positions)
            return await ask.waiter
        finally:
            self._unanswered[model] -= len(instances)

    def close(self) -> None:
        """Ends the threads once what was asked is answered and logged."""
        # The champion's last: what the others cannot answer is left to it.
        for key in sorted(self._lines, key=lambda key: key[1] is Arm.CHAMPION):
            self._lines[key].close()
        self._journal.close()

    def line(self, model: str, arm: Arm) -> Line:
        """The line of a model's arm."""
        key = (model, arm)
        found = self._lines.get(key)
        if found is None:
            made = Line(f"{model}-{arm}", self._max_rows, self._max_waiting, lambda *call: self._observer.scored(model, arm, *call))
            # Two threads may ask at once (an arm that falls back asks from its own), and both must get the same one.
            found = self._lines.setdefault(key, made)
        return found

    def log(self, ask: "_Ask", outputs: Sequence[Output]) -> None:
        """Sends a scored request to the journal."""
        arrived_at = self._stamp.now()
        payloads = [
            self._stamp.payload(instance, ask.lineup, ask.arms[position], outputs[position], ask.asked_at, arrived_at)
            for position, instance in enumerate(ask.instances)
        ]
        self._journal.submit(Entry(payloads, ask.answered, ask.failed))

    def asked_at(self) -> datetime:
        """The time of now."""
        return self._stamp.now()

    def fell_back(self, model: str, arm: Arm, rows: int) -> None:
        """Counts rows that another arm left to the champion."""
        self._observer.fell_back(model, arm, rows)

    def count(self, lineup: Lineup, arm: Arm, *, rows: int = 0, failed: int = 0, turned_away: int = 0, seconds: float = 0.0) -> None:
        """Counts how rows of an arm fared, where a roll-out's guards want to know."""
        version = lineup.version(arm) if lineup.counted else None
        if version is not None:
            self._counting.count(lineup.champion.model, version, rows=rows, failed=failed, turned_away=turned_away, seconds=seconds)

    def tell(self, loop: asyncio.AbstractEventLoop, answer: Callable[[], None], *, now: bool) -> None:
        """Runs `answer` in the loop: at once, or together with the other answers of the journal's transaction."""
        if now:
            _call(loop, [answer])
            return
        with self._answers_lock:
            self._answers.setdefault(loop, []).append(answer)

    def _wake(self) -> None:
        with self._answers_lock:
            waiting, self._answers = self._answers, {}
        for loop, answers in waiting.items():
            _call(loop, answers)


class _Ask:
    """One request on its way through the lines."""

    def __init__(self, front: Front, model: str, instances: Sequence[Instance], lineup: Lineup) -> None:
        self.instances, self.lineup = instances, lineup
        self.arms = list(lineup.checked(instances))
        self.asked_at, self._begun = front.asked_at(), perf_counter()
        self._front, self._model = front, model
        if lineup.counted and (away := lineup.turned_away(instances, self.arms)):
            front.count(lineup, Arm.CHALLENGER, turned_away=away)
        self._loop = asyncio.get_running_loop()
        self.waiter: Waiter = self._loop.create_future()
        self._outputs: dict[int, Output] = {}
        self._lock = threading.Lock()

    def send(self, arm: Arm, positions: Sequence[int]) -> None:
        """Puts the instances at these positions in the arm's line."""
        rows = self.instances if len(positions) == len(self.instances) else [self.instances[position] for position in positions]
        task = Task(
            self.lineup.answering(arm),
            rows,
            lambda outputs: self._scored(arm, positions, outputs),
            lambda error: self._not_scored(arm, positions, error),
        )
        try:
            self._front.line(self._model, arm).submit(task)
        except Overloaded as full:
            if arm is Arm.CHAMPION:
                raise
            # The champion may have room.
            self._not_scored(arm, positions, full)

    def answered(self, payloads: Sequence[Payload]) -> None:
        """Everything is logged. Called by the journal, which wakes all of a transaction together."""
        self._front.tell(self._loop, lambda: self._resolve(payloads), now=False)

    def failed(self, error: Exception) -> None:
        """The request has no answer."""
        self._front.tell(self._loop, lambda: self._reject(error), now=True)

    def _scored(self, arm: Arm, positions: Sequence[int], outputs: Sequence[Output]) -> None:
        with self._lock:
            for position, output in zip(positions, outputs, strict=True):
                self._outputs[position], self.arms[position] = output, arm
            complete = len(self._outputs) == len(self.instances)
        self._front.count(self.lineup, arm, rows=len(positions), seconds=perf_counter() - self._begun)
        if complete:
            self._front.log(self, [self._outputs[position] for position in range(len(self.instances))])

    def _not_scored(self, arm: Arm, positions: Sequence[int], error: Exception) -> None:
        self._front.count(self.lineup, arm, failed=len(positions))
        if arm is Arm.CHAMPION:
            self.failed(error)
            return
        try:
            self.send(Arm.CHAMPION, positions)
        except DriftgateError as full:
            self.failed(full)
        self._front.fell_back(self._model, arm, len(positions))

    def _resolve(self, payloads: Sequence[Payload]) -> None:
        # Who asked may have gone: a cancelled waiter is done.
        if not self.waiter.done():
            self.waiter.set_result(payloads)

    def _reject(self, error: Exception) -> None:
        if not self.waiter.done():
            self.waiter.set_exception(error)


def _call(loop: asyncio.AbstractEventLoop, answers: Sequence[Callable[[], None]]) -> None:
    def run() -> None:
        for answer in answers:
            answer()

    # A loop that is closed has nobody left who waits.
    if not loop.is_closed():
        loop.call_soon_threadsafe(run)
