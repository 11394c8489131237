"""The shipper: what the outbox holds goes to the object store and to SQL, each at its own pace."""

from collections.abc import Callable

from driftgate.lifecycle.errors import StoreUnavailable
from driftgate.payloads.objects import ObjectStore
from driftgate.payloads.outbox import Outbox, Range
from driftgate.payloads.parts import parts
from driftgate.payloads.sql_log import SqlLog

SQL = "sql"
OBJECTS = "objects"
SINKS = (SQL, OBJECTS)
BATCH = 5000


class Shipper:
    """Moves payloads in order of arrival. Every step may be repeated, by any process, and after a crash at any point."""

    def __init__(self, outbox: Outbox, sql: SqlLog, store: ObjectStore, batch: int = BATCH) -> None:
        self._outbox, self._sql, self._store, self._batch = outbox, sql, store, batch

    def ship(self) -> int:
        """The number of payloads that both sinks have now and did not have before; those that arrive meanwhile may wait.

        Raises StoreUnavailable naming each sink that did not answer, after the other one was served.
        """
        before, until = self._outbox.taken(), self._outbox.head()
        failures = []
        for step, sink in ((self._to_sql, SQL), (self._to_objects, OBJECTS)):
            try:
                self._drain(step, until)
            except StoreUnavailable as error:
                failures.append(f"{sink}: {error.message}")
        self._outbox.trim()
        if failures:
            raise StoreUnavailable("payloads wait in the outbox: " + "; ".join(failures))
        return self._outbox.taken() - before

    def _drain(self, step: Callable[[], Range | None], until: int) -> None:
        shipped = step()
        while shipped is not None and shipped.to < until:
            shipped = step()

    def _to_sql(self) -> Range | None:
        found = self._outbox.waiting(SQL, self._batch)
        if found is not None:
            self._sql.insert(self._outbox.rows(found), self._outbox.id, found.to)
            self._outbox.advance(SQL, found.to)
        return found

    def _to_objects(self) -> Range | None:
        found = self._outbox.frozen(OBJECTS, self._batch)
        if found is not None:
            for key, data in parts(self._outbox.rows(found), f"{self._outbox.id}-{found.after + 1}-{found.to}"):
                self._store.put(key, data)
            self._outbox.advance(OBJECTS, found.to)
        return found
