"""The payload log: outbox, object store and SQL behind one port."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from driftgate.lifecycle.payloads import Outcome, Payload, Window
from driftgate.lifecycle.ports import PayloadLog
from driftgate.payloads.objects import ObjectStore
from driftgate.payloads.outbox import ROW_LIMIT, Outbox
from driftgate.payloads.shipper import SINKS, Shipper
from driftgate.payloads.sql_log import SqlLog


class DurablePayloadLog(PayloadLog):
    """The port. Appending needs the outbox's disk only; database and object store may be down."""

    def __init__(self, outbox_path: str | Path, engine: Engine, store: ObjectStore, *, outbox_rows: int = ROW_LIMIT) -> None:
        self._outbox = Outbox(outbox_path, SINKS, limit=outbox_rows)
        # A connection of its own, so that reading thousands of rows for a part does not hold up a prediction.
        self._shipped = Outbox(outbox_path, SINKS, limit=outbox_rows)
        self._sql = SqlLog(engine)
        self._shipper = Shipper(self._shipped, self._sql, store)

    def append(self, payloads: Sequence[Payload]) -> Sequence[Payload]:
        """See the port and `Outbox.append`."""
        return self._outbox.append(payloads)

    def ship(self) -> int:
        """See the port and `Shipper.ship`."""
        return self._shipper.ship()

    def read(self, model: str, window: Window, version: int | None = None) -> Sequence[Payload]:
        """See the port."""
        return self._sql.read(model, window, version)

    def record(self, outcomes: Sequence[Outcome]) -> int:
        """See the port and `SqlLog.record`."""
        return self._sql.record(outcomes)

    def joined(self, model: str, window: Window, version: int | None = None) -> Sequence[tuple[Payload, Outcome]]:
        """The payloads of the window whose outcome is known: see `SqlLog.joined`."""
        return self._sql.joined(model, window, version)

    def backlog(self) -> int:
        """The number of payloads that the database or the object store has not taken."""
        return self._outbox.backlog()

    def close(self) -> None:
        """Lets go of the outbox."""
        self._outbox.close()
        self._shipped.close()
