"""The outbox: the first place a payload is durable, one SQLite file per host."""

import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

from driftgate.lifecycle.errors import StoreUnavailable
from driftgate.lifecycle.payloads import Payload
from driftgate.payloads.rows import Row, clean, decoded, encoded, micros, moment
from driftgate.payloads.wal import write_ahead

ROW_LIMIT = 1_000_000
KEPT = timedelta(hours=24)
BUSY_SECONDS = 10.0

TABLES = """
CREATE TABLE IF NOT EXISTS entries (
    position INTEGER PRIMARY KEY AUTOINCREMENT, prediction_id TEXT NOT NULL UNIQUE, model TEXT NOT NULL, version INTEGER NOT NULL,
    arm TEXT NOT NULL, entity_id TEXT, features TEXT NOT NULL, output TEXT NOT NULL, event_time INTEGER NOT NULL,
    arrival_time INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS sinks (name TEXT PRIMARY KEY, position INTEGER NOT NULL, frozen INTEGER);
CREATE TABLE IF NOT EXISTS settled (position INTEGER PRIMARY KEY, at INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS identity (only INTEGER PRIMARY KEY CHECK (only = 1), id TEXT NOT NULL);
"""
COLUMNS = ", ".join(Row._fields)


class Range(NamedTuple):
    """The entries after position `after`, up to and with `to`."""

    after: int
    to: int


class Outbox:
    """Payloads in order of arrival, shared by the processes of a host.

    Positions count up from 1 without gaps, in the order of commits. `sinks` are the names of those that must have taken an
    entry before it counts as shipped; a shipped entry is kept for `kept`, so that its id still finds the first answer.
    `limit` bounds the entries that some sink has not taken.
    """

    def __init__(
        self,
        path: str | Path,
        sinks: Sequence[str],
        *,
        limit: int = ROW_LIMIT,
        kept: timedelta = KEPT,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._path, self._limit, self._kept, self._now = Path(path), limit, kept, now
        self._lock = RLock()
        with self._answering():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            write_ahead(self._connection, BUSY_SECONDS)
        with self._transaction():
            for statement in TABLES.strip().split(";")[:-1]:
                self._connection.execute(statement)
            self._connection.execute("INSERT OR IGNORE INTO identity VALUES (1, ?)", (uuid.uuid4().hex,))
            self._connection.executemany("INSERT OR IGNORE INTO sinks VALUES (?, 0, NULL)", [(name,) for name in sinks])
        self.id = str(self._value("SELECT id FROM identity"))

    def append(self, payloads: Sequence[Payload]) -> Sequence[Payload]:
        """The payloads as logged, in order, after one durable transaction; a known id gives the payload first logged under it.

        Raises StoreUnavailable, and logs none of them, where the outbox is full or the file cannot be written; InvalidData
        where a payload cannot be stored.
        """
        cleaned = [clean(payload) for payload in payloads]
        with self._transaction():
            logged = [self._find(payload.prediction_id) or self._add(payload) for payload in cleaned]
            if self._head() - self._taken() > self._limit and any(new is given for new, given in zip(logged, cleaned, strict=True)):
                raise StoreUnavailable(
                    f"the outbox {self._path} holds {self._limit} payloads that were not shipped, and takes no more: "
                    "bring the database or the object store back"
                )
        return logged

    def backlog(self) -> int:
        """The number of payloads that some sink has not taken."""
        with self._answering():
            return self._head() - self._taken()

    def head(self) -> int:
        """The position of the last payload; 0 in a new outbox."""
        with self._answering():
            return self._head()

    def taken(self) -> int:
        """The position up to which every sink has everything."""
        with self._answering():
            return self._taken()

    def waiting(self, sink: str, limit: int) -> Range | None:
        """The next entries for the sink, at most `limit` of them; None where there are none."""
        with self._answering():
            position, _ = self._sink(sink)
            to = min(self._head(), position + limit)
            return Range(position, to) if to > position else None

    def frozen(self, sink: str, limit: int) -> Range | None:
        """Like `waiting`, but the answer stays the same, also after a crash, until the sink advances past it."""
        with self._transaction():
            position, frozen = self._sink(sink)
            to = frozen or min(self._head(), position + limit)
            if to <= position:
                return None
            self._connection.execute("UPDATE sinks SET frozen = ? WHERE name = ?", (to, sink))
            return Range(position, to)

    def rows(self, wanted: Range) -> Sequence[Row]:
        """The entries of the range, in order of arrival."""
        query = f"SELECT {COLUMNS} FROM entries WHERE position > ? AND position <= ? ORDER BY position"  # noqa: S608 - names of our own
        with self._answering():
            return [_row(found) for found in self._connection.execute(query, wanted)]

    def advance(self, sink: str, position: int) -> None:
        """The sink has everything up to the position. Never moves back."""
        with self._transaction():
            before = self._taken()
            self._connection.execute(
                "UPDATE sinks SET position = ?, frozen = NULL WHERE name = ? AND position < ?", (position, sink, position)
            )
            if self._taken() > before:
                self._connection.execute("INSERT OR IGNORE INTO settled VALUES (?, ?)", (self._taken(), micros(self._now())))

    def trim(self) -> int:
        """The number of entries dropped: those that every sink took longer ago than entries are kept."""
        with self._transaction():
            expired = micros(self._now() - self._kept)
            (last,) = self._connection.execute("SELECT max(position) FROM settled WHERE at <= ?", (expired,)).fetchone()
            if last is None:
                return 0
            self._connection.execute("DELETE FROM settled WHERE position <= ?", (last,))
            return int(self._connection.execute("DELETE FROM entries WHERE position <= ?", (last,)).rowcount)

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            self._connection.close()

    def _find(self, prediction_id: str) -> Payload | None:
        query = f"SELECT {COLUMNS} FROM entries WHERE prediction_id = ?"  # noqa: S608 - names of our own
        found = self._connection.execute(query, (prediction_id,)).fetchone()
        return None if found is None else decoded(_row(found))

    def _add(self, payload: Payload) -> Payload:
        row = encoded(payload)
        values = (*row[:-2], micros(row.event_time), micros(row.arrival_time))
        self._connection.execute(f"INSERT INTO entries ({COLUMNS}) VALUES ({', '.join('?' * len(values))})", values)  # noqa: S608 - the same
        return payload

    def _head(self) -> int:
        # Not the last row's position: the last row may have been trimmed.
        return int(self._value("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'entries'"))

    def _taken(self) -> int:
        return int(self._value("SELECT min(position) FROM sinks"))

    def _sink(self, name: str) -> tuple[int, int | None]:
        position, frozen = self._connection.execute("SELECT position, frozen FROM sinks WHERE name = ?", (name,)).fetchone()
        return position, frozen

    def _value(self, query: str) -> Any:
        return self._connection.execute(query).fetchone()[0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._answering():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def _answering(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except (sqlite3.Error, OSError) as error:
                raise StoreUnavailable(f"the outbox {self._path} cannot be used: {error}") from error


def _row(found: tuple[Any, ...]) -> Row:
    return Row._make((*found[:-2], moment(found[-2]), moment(found[-1])))
