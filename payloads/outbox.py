"""The outbox: the first place a payload is durable, one SQLite file per host."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

from driftgate.lifecycle.errors import Overloaded
from driftgate.lifecycle.payloads import Payload
from driftgate.payloads.outbox_file import BUSY_SECONDS, COLUMNS, answering, checkpoint, opened, room_for_more, transaction
from driftgate.payloads.rows import Row, decoded, logged, micros, moment
from driftgate.payloads.turns import Turns
from driftgate.payloads.uptime import Uptime

ROW_LIMIT = 1_000_000
KEPT = timedelta(hours=24)
RANGE_CHARACTERS = 16 * 2**20
"""The most text of a range of several entries, so that a few long ones do not fill the memory."""

MINUTE = 60_000_000
TRIMMED = 2_000
"""Entries dropped in one transaction: appending waits for no more than that."""

INSERTED = tuple(2**power for power in range(6, -1, -1))
"""Rows of one INSERT. SQLite gives up Python's lock at each statement, and gets it back behind busy threads: few statements are fast."""
ROW_MARKS = f"({', '.join('?' * len(Row._fields))})"


class Range(NamedTuple):
    """The entries after position `after`, up to and with `to`."""

    after: int
    to: int


class Lag(NamedTuple):
    """Payloads that a sink has not taken, and the seconds that the oldest of them has waited; 0 where there are none."""

    payloads: int
    seconds: float


class Outbox:
    """Payloads in order of arrival, shared by the processes of a host.

    Positions count up from 1 without gaps, in the order of commits. `sinks` are the names of those that must have taken an
    entry before it counts as shipped; a shipped entry is kept for `kept`, so that its id still finds the first answer. That
    time is counted by the machine's uptime and not by its clock, which may be set: a restart makes it longer, never shorter.
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
        uptime: Uptime | None = None,
    ) -> None:
        self._path, self._sinks, self._limit, self._kept = Path(path), tuple(sinks), limit, kept
        self._now, self._uptime = now, uptime or Uptime()
        self._lock = RLock()
        with self._answering():
            self._connection = opened(self._path, self._sinks)
            self._turns = Turns(self._path.with_name(f"{self._path.name}-turn"))
            self.id = str(self._value("SELECT id FROM identity"))

    def append(self, payloads: Sequence[Payload]) -> Sequence[Payload]:
        """The payloads as logged, in order, after one durable transaction; a known id gives the payload first logged under it.

        Raises Overloaded, and logs none of them, where the outbox or its disk is full; StoreUnavailable where the file cannot be
        written; InvalidData where a payload cannot be stored.
        """
        given = [logged(payload) for payload in payloads]
        if not given:
            return ()
        with room_for_more(self._path), self._transaction():
            first = self._known([row.prediction_id for _, row in given])
            new: list[Row] = []
            for payload, row in given:
                if row.prediction_id not in first:
                    first[row.prediction_id] = payload
                    new.append(row)
            if new:
                self._refuse_beyond_limit(len(new))
                self._insert(new)
        return [first[row.prediction_id] for _, row in given]

    def known(self, prediction_ids: Sequence[str]) -> Mapping[str, Payload]:
        """The payloads first logged under those of the ids that are known."""
        with self._answering():
            return self._known(prediction_ids)

    def backlog(self) -> int:
        """The number of payloads that some sink has not taken."""
        with self._answering():
            head, taken = self._bounds()
            return head - taken

    def lag(self, sink: str) -> Lag:
        """What the sink has not taken."""
        with self._answering():
            head, position = self._head(), self._sink(sink)[0]
            found = self._connection.execute("SELECT arrival_time FROM entries WHERE position = ?", (position + 1,)).fetchone()
            # The clock may have been set back since.
            return Lag(head - position, 0.0 if found is None else max(0.0, (micros(self._now()) - found[0]) / 1e6))

    def age(self) -> float:
        """The seconds that the oldest payload that some sink has not taken has waited; 0 where there is none."""
        return max(self.lag(sink).seconds for sink in self._sinks)

    def head(self) -> int:
        """The position of the last payload; 0 in a new outbox."""
        with self._answering():
            return self._head()

    def taken(self) -> int:
        """The position up to which every sink has everything."""
        with self._answering():
            return self._bounds()[1]

    def waiting(self, sink: str, limit: int) -> Range | None:
        """The next entries for the sink, at most `limit` of them and less where they are long; None where there are none."""
        with self._answering():
            return self._next(self._sink(sink)[0], limit)

    def frozen(self, sink: str, limit: int) -> Range | None:
        """Like `waiting`, but the answer stays the same, also after a crash, until the sink advances past it."""
        with self._answering():
            position, frozen = self._sink(sink)
            if frozen is None and self._next(position, limit) is None:
                return None
        with self._transaction():
            position, frozen = self._sink(sink)
            if frozen is None:
                found = self._next(position, limit)
                if found is None:
                    return None
                frozen = found.to
                self._connection.execute("UPDATE sinks SET frozen = ? WHERE name = ?", (frozen, sink))
            # From the sink's own position, also where the first entries after it are gone: the same after a crash.
            return Range(position, frozen)

    def rows(self, wanted: Range) -> Sequence[Row]:
        """The entries of the range, in order of arrival."""
        query = f"SELECT {COLUMNS} FROM entries WHERE position > ? AND position <= ? ORDER BY position"  # noqa: S608 - names of our own
        with self._answering():
            return [_row(found) for found in self._connection.execute(query, wanted).fetchall()]

    def advance(self, sink: str, position: int) -> None:
        """The sink has everything up to the position. Never moves back."""
        with self._transaction():
            before = self._bounds()[1]
            self._connection.execute(
                "UPDATE sinks SET position = ?, frozen = NULL WHERE name = ? AND position < ?", (position, sink, position)
            )
            taken = self._bounds()[1]
            if taken > before:
                self._settle(taken)

    def set_aside(self, sink: str, prediction_id: str, reason: str) -> None:
        """The entry is kept, with the reason, as one that the sink refuses for what it is; nobody drops it."""
        with self._transaction():
            self._connection.execute(
                f"INSERT OR IGNORE INTO refused (sink, position, reason, {COLUMNS}) "  # noqa: S608 - names of our own
                f"SELECT ?, position, ?, {COLUMNS} FROM entries WHERE prediction_id = ?",
                (sink, reason, prediction_id),
            )

    def refused(self, sink: str) -> int:
        """The number of entries that were set aside because the sink refused them."""
        with self._answering():
            (count,) = self._connection.execute("SELECT count(*) FROM refused WHERE sink = ?", (sink,)).fetchone()
            return int(count)

    def trim(self) -> int:
        """The number of entries dropped: those that every sink took longer ago than entries are kept."""
        with self._answering():
            elapsed, boot, ticks = self._connection.execute("SELECT elapsed, boot, ticks FROM clock").fetchone()
            expired = elapsed + self._uptime.passed(boot, ticks) - self._kept // timedelta(microseconds=1)
            last = self._connection.execute("SELECT max(position) FROM settled WHERE at <= ?", (expired,)).fetchone()[0]
        dropped, batch = 0, TRIMMED
        while last is not None and batch == TRIMMED:
            with self._transaction():
                oldest = "SELECT position FROM entries WHERE position <= ? ORDER BY position LIMIT ?"
                batch = self._connection.execute(f"DELETE FROM entries WHERE position IN ({oldest})", (last, TRIMMED)).rowcount  # noqa: S608 - our own
                if batch < TRIMMED:
                    self._connection.execute("DELETE FROM settled WHERE position <= ?", (last,))
            dropped += batch
        return dropped

    def forget(self, model: str, entity_id: str) -> int:
        """The number of the entity's entries dropped: of those that every sink took, and of those that one refused."""
        with self._answering():
            # Else the file keeps the bytes until something is written over them.
            self._connection.execute("PRAGMA secure_delete = ON")
        with self._transaction():
            mine = (model, entity_id)
            taken = self._bounds()[1]
            dropped = self._connection.execute("DELETE FROM entries WHERE model = ? AND entity_id = ? AND position <= ?", (*mine, taken))
            refused = self._connection.execute("DELETE FROM refused WHERE model = ? AND entity_id = ?", mine)
        self.checkpoint()
        return dropped.rowcount + refused.rowcount

    def checkpoint(self) -> None:
        """The write-ahead log is moved into the file: for the shipper to do, so that no prediction has to wait for it."""
        with self._answering():
            checkpoint(self._connection)

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            self._connection.close()
            self._turns.close()

    def _known(self, prediction_ids: Sequence[str]) -> dict[str, Payload]:
        query = f"SELECT {COLUMNS} FROM entries WHERE prediction_id IN (SELECT value FROM json_each(?))"  # noqa: S608 - names of our own
        found = self._connection.execute(query, (json.dumps(prediction_ids),)).fetchall()
        return {payload.prediction_id: payload for payload in map(decoded, map(_row, found))}

    def _insert(self, rows: Sequence[Row]) -> None:
        start = 0
        for size in INSERTED:
            statement = f"INSERT INTO entries ({COLUMNS}) VALUES {', '.join([ROW_MARKS] * size)}"  # noqa: S608 - names of our own
            while start + size <= len(rows):
                values: list[Any] = []
                for row in rows[start : start + size]:
                    values += row[:-2]
                    values += (micros(row.event_time), micros(row.arrival_time))
                self._connection.execute(statement, values)
                start += size

    def _refuse_beyond_limit(self, more: int) -> None:
        head, taken = self._bounds()
        if head + more - taken > self._limit:
            raise Overloaded(
                f"the outbox {self._path} holds {head - taken} payloads that were not shipped, and takes no more than {self._limit}: "
                "bring the database or the object store back, or raise storage.outbox_rows"
            )

    def _next(self, position: int, limit: int) -> Range | None:
        query = """
            SELECT max(position), max(CASE WHEN total <= ? THEN position END), min(position) FROM (
                SELECT position, sum(length(features) + length(output)) OVER (ORDER BY position) AS total FROM (
                    SELECT position, features, output FROM entries WHERE position > ? ORDER BY position LIMIT ?))
        """
        last, within, first = self._connection.execute(query, (RANGE_CHARACTERS, position, limit)).fetchone()
        return None if last is None else Range(first - 1, within or first)

    def _settle(self, position: int) -> None:
        elapsed, boot, ticks = self._connection.execute("SELECT elapsed, boot, ticks FROM clock").fetchone()
        elapsed += self._uptime.passed(boot, ticks)
        self._connection.execute("UPDATE clock SET elapsed = ?, boot = ?, ticks = ?", (elapsed, self._uptime.boot(), self._uptime.ticks()))
        # One mark a minute is enough.
        self._connection.execute("DELETE FROM settled WHERE at >= ?", (elapsed - elapsed % MINUTE,))
        self._connection.execute("INSERT OR REPLACE INTO settled VALUES (?, ?)", (position, elapsed))

    def _bounds(self) -> tuple[int, int]:
        # Not the last row's position: the last row may have been trimmed.
        marks = ", ".join("?" * len(self._sinks))
        query = (
            "SELECT (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'entries'), "  # noqa: S608 - marks only
            f"(SELECT min(position) FROM sinks WHERE name IN ({marks}))"
        )
        head, taken = self._connection.execute(query, self._sinks).fetchone()
        return head, taken

    def _head(self) -> int:
        return self._bounds()[0]

    def _sink(self, name: str) -> tuple[int, int | None]:
        position, frozen = self._connection.execute("SELECT position, frozen FROM sinks WHERE name = ?", (name,)).fetchone()
        return position, frozen

    def _value(self, query: str) -> Any:
        return self._connection.execute(query).fetchone()[0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._answering(), self._turns.turn(BUSY_SECONDS / 2), transaction(self._connection):
            yield

    @contextmanager
    def _answering(self) -> Iterator[None]:
        with self._lock, answering(self._path):
            yield


def _row(found: tuple[Any, ...]) -> Row:
    return Row._make((*found[:-2], moment(found[-2]), moment(found[-1])))
