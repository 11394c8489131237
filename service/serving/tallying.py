"""How the rows of a version that is rolled out fare, counted in each serving process and written down every few seconds."""

import logging
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from driftgate.lifecycle.errors import DriftgateError
from driftgate.lifecycle.tallies import Tally
from driftgate.reports.rollout.times import bucket

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
LONGEST = timedelta(seconds=10)
"""Where nothing failed, what was counted is written down this often; a failure within a second."""

MOST_WAITING = 1_000
"""Tallies that wait for a database that does not answer. The oldest go first: the guards wait for rows, and never miss a failure by it."""


class Counting(Protocol):
    """Who is told how rows fare."""

    def count(self, model: str, version: int, *, rows: int, failed: int, turned_away: int, seconds: float) -> None:
        """Rows that the version answered in that time, failed, or turned away."""
        ...


class Book(Protocol):
    """Where tallies are kept."""

    def record(self, counted: Sequence[Tally]) -> None:
        """Stored, once each."""
        ...


@dataclass(slots=True)
class _Count:
    since: datetime
    rows: int = 0
    failed: int = 0
    turned_away: int = 0
    times: Counter[int] = field(default_factory=Counter)


class Tallying:
    """The counts of one process. Without a book it only counts. A process that is killed loses what it counted in the last seconds."""

    def __init__(self, book: Book | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._book, self._now = book, now
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, int], _Count] = {}
        self._waiting: list[Tally] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="tallies", daemon=True)

    def start(self) -> None:
        """Begins to write down."""
        self._thread.start()

    def stop(self) -> None:
        """Writes down what is left, and ends."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)
        self.write(everything=True)

    def count(self, model: str, version: int, *, rows: int = 0, failed: int = 0, turned_away: int = 0, seconds: float = 0.0) -> None:
        """Counts rows of the version; `seconds`: from the request to the answers of these rows."""
        with self._lock:
            found = self._counts.get((model, version))
            if found is None:
                found = self._counts[model, version] = _Count(self._now())
            found.rows, found.failed, found.turned_away = found.rows + rows, found.failed + failed, found.turned_away + turned_away
            if rows:
                found.times[bucket(seconds)] += rows

    def write(self, *, everything: bool = False) -> int:
        """The number of tallies that were written down: those with failures or old enough, or `everything`.

        Where the book does not answer they wait; what happens then is told to the log.
        """
        now = self._now()
        with self._lock:
            due = [key for key, each in self._counts.items() if everything or _due(each, now)]
            found = [(key, self._counts.pop(key)) for key in due]
        self._waiting += [
            Tally(str(uuid.uuid4()), model, version, each.since, now, each.rows, each.failed, each.turned_away, dict(each.times))
            for (model, version), each in found
        ]
        if not self._waiting or self._book is None:
            self._waiting.clear()
            return 0
        try:
            self._book.record(self._waiting)
        except DriftgateError as error:
            logger.warning("how versions fare cannot be written down: %s", error.message)
            self._waiting = self._waiting[-MOST_WAITING:]
            return 0
        written = len(self._waiting)
        self._waiting = []
        return written

    def _keep(self) -> None:
        while not self._stop.wait(POLL_SECONDS):
            try:
                self.write()
            except Exception:
                logger.exception("how versions fare could not be written down")


def _due(count: _Count, now: datetime) -> bool:
    return bool(count.failed or count.turned_away) or now - count.since >= LONGEST
