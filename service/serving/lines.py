"""Micro-batching: rows of concurrent requests share one call of the model, and one transaction of the log."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter

from driftgate.lifecycle.errors import Overloaded, StoreUnavailable
from driftgate.lifecycle.flows.predicting import Rule
from driftgate.lifecycle.instances import Instance
from driftgate.lifecycle.payloads import Output, Payload
from driftgate.lifecycle.ports import PayloadLog

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Rows of one request for one arm. Exactly one of `done` and `failed` is called, from the line's thread."""

    answering: Rule
    instances: Sequence[Instance]
    done: Callable[[Sequence[Output]], None]
    failed: Callable[[Exception], None]


class Line:
    """A thread that scores rows in order of arrival, as many in one call as wait when it becomes free.

    A row that comes while nothing waits is scored at once: batches grow by themselves under load, and nobody waits for a
    batch to fill. Rows of two versions never share a call. `observe(rows, seconds)` is told of every call.
    """

    def __init__(self, name: str, max_rows: int, max_waiting: int, observe: Callable[[int, float], None]) -> None:
        self._name, self._max_rows, self._max_waiting, self._observe = name, max_rows, max_waiting, observe
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        self._thread: threading.Thread | None = None

    def submit(self, task: Task) -> None:
        """Puts the task in line. Raises Overloaded where too many rows wait."""
        with self._lock:
            if self._waiting and self._waiting + len(task.instances) > self._max_waiting:
                raise Overloaded(
                    f"{self._waiting} rows wait to be scored, and {self._max_waiting} may (service.max_waiting_rows): "
                    "send fewer, or add workers"
                )
            self._waiting += len(task.instances)
            if self._thread is None:
                self._thread = threading.Thread(target=self._score, name=self._name, daemon=True)
                self._thread.start()
        self._tasks.put(task)

    def close(self) -> None:
        """Ends the thread once everything in line is scored."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            self._tasks.put(None)
            thread.join(timeout=30)

    def _score(self) -> None:
        left: Task | None = None
        while True:
            first = left or self._tasks.get()
            if first is None:
                return
            batch, left, ends = self._gathered(first)
            rows = sum(len(task.instances) for task in batch)
            self._answer(batch, rows)
            with self._lock:
                self._waiting -= rows
            if ends:
                return

    def _gathered(self, first: Task) -> tuple[list[Task], Task | None, bool]:
        """What is scored together with the first task, the task after that, and whether the line ends there."""
        batch, rows = [first], len(first.instances)
        while True:
            try:
                task = self._tasks.get_nowait()
            except queue.Empty:
                return batch, None, False
            if task is None:
                return batch, None, True
            rows += len(task.instances)
            if rows > self._max_rows or task.answering is not first.answering:
                return batch, task, False
            batch.append(task)

    def _answer(self, batch: Sequence[Task], rows: int) -> None:
        begun = perf_counter()
        instances = batch[0].instances if len(batch) == 1 else [instance for task in batch for instance in task.instances]
        try:
            outputs = batch[0].answering.outputs(instances)
        except Exception as error:  # noqa: BLE001 - whatever a model raises is told to those who asked, and to nobody else
            if len(batch) == 1:
                self._tell(batch[0].failed, error)
                return
            # One request's row must not fail the others.
            for task in batch:
                self._answer([task], len(task.instances))
            return
        seconds, start = perf_counter() - begun, 0
        for task in batch:
            self._tell(task.done, outputs[start : start + len(task.instances)])
            start += len(task.instances)
        self._tell(self._observe, rows, seconds)

    def _tell(self, who: Callable[..., None], *what: object) -> None:
        try:
            who(*what)
        except Exception:
            # The thread must live, or everybody who comes later waits for ever.
            logger.exception("somebody could not be told of rows that were scored")


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """The payloads of one request. Exactly one of `done` and `failed` is called, from the journal's thread."""

    payloads: Sequence[Payload]
    done: Callable[[Sequence[Payload]], None]
    failed: Callable[[Exception], None]


class Journal:
    """A thread that logs payloads: all that wait, in one durable transaction, while the next rows are being scored.

    `wake()` is called after the entries of a transaction have been told, so that waiters can be woken together;
    `after(payloads)` when that is done, off everybody's way.
    """

    def __init__(self, log: PayloadLog, wake: Callable[[], None], after: Callable[[Sequence[Payload]], None]) -> None:
        self._log, self._wake, self._after = log, wake, after
        self._entries: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, entry: Entry) -> None:
        """Puts the entry in line."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
                self._thread.start()
        self._entries.put(entry)

    def close(self) -> None:
        """Ends the thread once everything in line is logged."""
        with self._lock:
            thread = self._thread
        if thread is not None:
            self._entries.put(None)
            thread.join(timeout=30)

    def _write(self) -> None:
        while True:
            entry = self._entries.get()
            entries: list[Entry] = []
            while entry is not None:
                entries.append(entry)
                try:
                    entry = self._entries.get_nowait()
                except queue.Empty:
                    break
            if entries:
                logged = self._logged(entries)
                self._wake()
                self._observe(logged)
            if entry is None:
                return

    def _logged(self, entries: Sequence[Entry]) -> Sequence[Payload]:
        """What was logged of the entries, each of which has been told."""
        try:
            payloads = self._log.append([payload for entry in entries for payload in entry.payloads])
        except Exception as error:  # noqa: BLE001 - told to those who asked
            # A file that cannot be written fails all of them alike, and each may wait long for it.
            if len(entries) == 1 or isinstance(error, StoreUnavailable):
                for entry in entries:
                    entry.failed(error)
                return ()
            # One request's payload that cannot be stored must not fail the others.
            return [payload for entry in entries for payload in self._logged([entry])]
        start = 0
        for entry in entries:
            entry.done(payloads[start : start + len(entry.payloads)])
            start += len(entry.payloads)
        return payloads

    def _observe(self, payloads: Sequence[Payload]) -> None:
        try:
            self._after(payloads)
        except Exception:
            # Counting is a courtesy; the thread that logs must live.
            logger.exception("logged payloads could not be counted")
