"""One run: objects are found, read side by side, and handed to the target in the order in which they were found."""

import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from driftgate.lifecycle.errors import InvalidData, InvalidRequest, NotFound, StoreUnavailable
from driftgate.payloads.etl.found import Batch, Found, Loaded, Mark, Problem, Step, Target
from driftgate.payloads.etl.reading import Content

ROWS = 2_000
"""Payloads that are handed over together; more only where one object holds more."""

OBJECTS = 1_000
SHOWN = 100
ATTEMPTS = 4
FIRST_PAUSE = 0.2

Read = Callable[[Found], Content]
Tell = Callable[[int, int], None]


@dataclass
class _Run:
    target: Target
    tell: Tell
    batch: Batch = field(default_factory=Batch)
    objects: int = 0
    payloads: int = 0
    new: int = 0
    waiting: int = 0
    skipped: int = 0
    problems: list[Problem] = field(default_factory=list)

    def follow(self, step: Step, content: Content | Problem | None) -> None:
        """The step is settled, with what was read of it, where it is an object. None: the object is gone."""
        if isinstance(step, Mark):
            self.batch.marks[step.name] = step.value
        elif isinstance(step, Problem):
            self._note(step)
        else:
            self._add(step.key, content)
        if self.waiting >= ROWS or len(self.batch.loaded) >= OBJECTS:
            self.hand_over()

    def hand_over(self) -> None:
        """Everything settled so far is the target's."""
        if not self.batch:
            return
        try:
            self._take(self.batch)
        except InvalidData:
            self._take_apart(self.batch)
        self.batch, self.waiting = Batch(), 0
        self.tell(self.objects, self.payloads)

    def _take_apart(self, batch: Batch) -> None:
        """The objects one by one, so that what the target refuses costs its own object only; then the rest of the batch."""
        failed = dict(batch.failed)
        for key, rows in batch.loaded.items():
            try:
                self._take(Batch(loaded={key: rows}))
            except InvalidData as error:
                failed[key] = error.message
                self._note(Problem(key, error.message))
        self._take(Batch(failed=failed, marks=batch.marks))

    def _take(self, batch: Batch) -> None:
        taken = self.target.take(batch)
        self.objects += len(batch.loaded)
        self.payloads += sum(map(len, batch.loaded.values()))
        self.new += taken.new
        for problem in taken.refused:
            self._note(problem)

    def _add(self, key: str, content: Content | Problem | None) -> None:
        try:
            rows = () if content is None or isinstance(content, Problem) else content.rows()
            failure = content if isinstance(content, Problem) else None
        except InvalidData as error:
            rows, failure = (), Problem(key, error.message)
        if failure is not None:
            self.batch.failed[key] = failure.why
            self._note(failure)
            return
        self.batch.loaded[key] = rows
        self.waiting += len(rows)

    def _note(self, problem: Problem) -> None:
        self.skipped += 1
        if len(self.problems) < SHOWN:
            self.problems.append(problem)


def load(steps: Iterator[Step], read: Read, target: Target, workers: int, tell: Tell = lambda _objects, _payloads: None) -> Loaded:
    """What the run came to, after the last step.

    At most `workers` objects are read at once, and at most twice as many wait to be handed over, however many there are. What
    cannot be read is reported and left out; the target is told, so that a later run tries again. A run that dies at any point
    is taken up by the next. Raises StoreUnavailable where the store or the target does not answer.
    """
    started = time.monotonic()
    run = _Run(target, tell)
    for step, content in _in_order(steps, read, workers):
        run.follow(step, content)
    run.hand_over()
    return Loaded(run.objects, run.payloads, run.new, run.skipped, tuple(run.problems), time.monotonic() - started)


def _in_order(steps: Iterator[Step], read: Read, workers: int) -> Iterator[tuple[Step, Content | Problem | None]]:
    waiting: deque[tuple[Step, Future[Content | Problem | None] | None]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="etl") as pool:
        try:
            for step in steps:
                waiting.append((step, pool.submit(_read, read, step) if isinstance(step, Found) else None))
                if len(waiting) > 2 * workers:
                    yield _settled(*waiting.popleft())
            while waiting:
                yield _settled(*waiting.popleft())
        finally:
            for _, future in waiting:
                if future is not None:
                    future.cancel()


def _settled(step: Step, future: "Future[Content | Problem | None] | None") -> tuple[Step, Content | Problem | None]:
    return step, None if future is None else future.result()


def _read(read: Read, found: Found) -> Content | Problem | None:
    """The content; the problem where the object cannot be read; None where it was deleted since it was found."""
    for attempt in range(ATTEMPTS):
        try:
            return read(found)
        except NotFound:
            return None
        except (InvalidData, InvalidRequest) as error:
            return Problem(found.key, error.message)
        except StoreUnavailable:
            # A store that stumbles under many readers is not down.
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(FIRST_PAUSE * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, hides nothing
    raise AssertionError("the last attempt returns or raises")
