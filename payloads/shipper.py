"""The shipper: what the outbox holds goes to the object store and to SQL, each at its own pace."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from driftgate.lifecycle.errors import InvalidData, StoreUnavailable
from driftgate.payloads.manifests import Manifest, Part
from driftgate.payloads.objects import ObjectStore
from driftgate.payloads.outbox import Outbox, Range
from driftgate.payloads.parts import parts
from driftgate.payloads.rows import Row

SQL = "sql"
OBJECTS = "objects"
SINKS = (SQL, OBJECTS)
BATCH = 5000
CHECKPOINT_SECONDS = 2.0
PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.05


class RowSink(Protocol):
    """A database that takes payloads."""

    def insert(self, rows: Sequence[Row], outbox: str, position: int) -> None:
        """All of the rows, durably, and that the outbox was shipped up to the position; known ids are left as they are.

        Raises StoreUnavailable where the database does not answer; InvalidData, and has stored none, where it refuses a row for
        what the row holds.
        """
        ...


class Shipper:
    """Moves payloads in order of arrival. Every step may be repeated, by any process, and after a crash at any point.

    `sinks` are the names of those that are shipped to. `locks` begins the names of the files by which one process of a host at
    a time ships to a sink. `patience`: the seconds that `ship` waits for that other process.
    """

    def __init__(
        self,
        outbox: Outbox,
        sql: RowSink,
        store: ObjectStore,
        batch: int = BATCH,
        *,
        sinks: Sequence[str] = SINKS,
        locks: Path | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._patience = patience
        self._outbox, self._sql, self._store, self._batch, self._locks = outbox, sql, store, batch, locks
        steps: Mapping[str, Callable[[], Range | None]] = {SQL: self._to_sql, OBJECTS: self._to_objects}
        self._next_checkpoint = 0.0
        self._steps = {sink: steps[sink] for sink in sinks}

    def ship(self) -> int:
        """The number of payloads that all sinks have now and did not have before; those that arrive meanwhile may wait.

        What another process is shipping is waited for. Raises StoreUnavailable naming each sink that did not answer, or did not
        get everything in time, after the others were served.
        """
        before, until = self._outbox.taken(), self._outbox.head()
        failures = []
        for sink in self._steps:
            try:
                self._carry(sink, until)
            except StoreUnavailable as error:
                failures.append(f"{sink}: {error.message}")
        if failures:
            raise StoreUnavailable("payloads wait in the outbox: " + "; ".join(failures))
        return self._outbox.taken() - before

    def ship_to(self, sink: str) -> int:
        """The number of payloads that the sink took now: all that waited when it began. 0 where another process ships to it.

        Raises StoreUnavailable where the sink does not answer. Different sinks may be shipped to at once, in threads.
        """
        moved = 0
        with self._alone(sink) as alone:
            until = self._outbox.head()
            shipped = self._steps[sink]() if alone else None
            while shipped is not None:
                moved += shipped.to - shipped.after
                self._outbox.trim()
                self._checkpoint_now_and_then()
                shipped = self._steps[sink]() if shipped.to < until else None
        return moved

    def _carry(self, sink: str, until: int) -> None:
        deadline = time.monotonic() + self._patience
        self.ship_to(sink)
        while (waiting := self._outbox.waiting(sink, 1)) is not None and waiting.after < until:
            if time.monotonic() > deadline:
                raise StoreUnavailable("another process ships to it and has not finished: try again when it has")
            time.sleep(PAUSE_SECONDS)
            self.ship_to(sink)

    def _to_sql(self) -> Range | None:
        found = self._outbox.waiting(SQL, self._batch)
        if found is not None:
            rows = self._outbox.rows(found)
            try:
                self._sql.insert(rows, self._outbox.id, found.to)
            except InvalidData:
                self._insert_what_fits(rows, found)
            self._outbox.advance(SQL, found.to)
        return found

    def _insert_what_fits(self, rows: Sequence[Row], within: Range) -> None:
        """All rows inserted but those that the database refuses, which are set aside: found by halving."""
        waiting = [(0, len(rows))]
        taken: Row | None = None
        while waiting:
            start, end = waiting.pop()
            try:
                self._sql.insert(rows[start:end], self._outbox.id, within.after + end)
                taken = rows[end - 1]
            except InvalidData as error:
                if end - start == 1:
                    self._outbox.set_aside(SQL, rows[start].prediction_id, error.message)
                    continue
                middle = (start + end) // 2
                # The earlier half is taken first: the database's mark of how far it was shipped is then true at every moment.
                waiting += [(middle, end), (start, middle)]
        if taken is not None:
            self._sql.insert([taken], self._outbox.id, within.to)

    def _to_objects(self) -> Range | None:
        found = self._outbox.frozen(OBJECTS, self._batch)
        if found is not None:
            # None are left where all of them were forgotten while payloads did not go to a store.
            if rows := self._outbox.rows(found):
                self._put(rows, found)
            self._outbox.advance(OBJECTS, found.to)
        return found

    def _put(self, rows: Sequence[Row], found: Range) -> None:
        put = []
        for upload in parts(rows, f"{self._outbox.id}-{found.after + 1}-{found.to}"):
            self._store.put(upload.key, upload.data)
            put.append(Part(upload.key, upload.rows))
        arrivals = [row.arrival_time for row in rows]
        manifest = Manifest(self._outbox.id, found.after, found.to, min(arrivals), max(arrivals), put)
        self._store.put(manifest.key, manifest.encoded())

    def _checkpoint_now_and_then(self) -> None:
        # Each costs two syncs of the disk that predictions wait for.
        if time.monotonic() >= self._next_checkpoint:
            self._next_checkpoint = time.monotonic() + CHECKPOINT_SECONDS
            self._outbox.checkpoint()

    @contextmanager
    def _alone(self, sink: str) -> Iterator[bool]:
        """Whether this is the only shipper to the sink on this host while the block runs. The lock of a dead process is free."""
        if self._locks is None:
            yield True
            return
        from filelock import FileLock, Timeout

        lock = FileLock(f"{self._locks}-{sink}-shipping", blocking=False)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        except OSError as error:
            raise StoreUnavailable(f"the file {lock.lock_file} cannot be locked: {error}") from error
        try:
            yield True
        finally:
            lock.release()
