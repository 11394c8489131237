"""The payload log: outbox, object store and SQL behind one port."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import Literal

from sqlalchemy import Engine

from driftgate.lifecycle.errors import Overloaded
from driftgate.lifecycle.payloads import Outcome, Payload, Recorded, Window
from driftgate.lifecycle.ports import PayloadLog
from driftgate.payloads.objects import ObjectStore
from driftgate.payloads.outbox import ROW_LIMIT, Lag, Outbox, Range
from driftgate.payloads.redaction import Redaction
from driftgate.payloads.rows import clean, decoded
from driftgate.payloads.shipper import SINKS, Shipper
from driftgate.payloads.sql_log import SqlLog


class DurablePayloadLog(PayloadLog):
    """The port. Appending needs the outbox's disk only; database and object store may be down. `horizons`: see `SqlLog`.

    `sinks`: which of `sql` and `objects` payloads go to; all processes of a host name the same. `when_full`: whether an outbox
    or disk that is full refuses payloads, or lets them pass unlogged and counts them. `redactions`: by model, what of the features
    is not to be logged.
    """

    def __init__(
        self,
        outbox_path: str | Path,
        engine: Engine,
        store: ObjectStore,
        *,
        outbox_rows: int = ROW_LIMIT,
        sinks: Sequence[str] = SINKS,
        when_full: Literal["refuse", "unlogged"] = "refuse",
        horizons: Mapping[str, timedelta] | None = None,
        redactions: Mapping[str, Redaction] | None = None,
    ) -> None:
        self._outbox = Outbox(outbox_path, sinks, limit=outbox_rows)
        # A connection of its own, so that reading thousands of rows for a part does not hold up a prediction.
        self._shipped = Outbox(outbox_path, sinks, limit=outbox_rows)
        self._sql = SqlLog(engine, horizons=horizons)
        self._shipper = Shipper(self._shipped, self._sql, store, sinks=sinks, locks=Path(outbox_path))
        self._redactions = dict(redactions or {})
        self.sinks = tuple(sinks)
        self._when_full = when_full
        self._unlogged, self._counting = 0, Lock()

    def append(self, payloads: Sequence[Payload]) -> Sequence[Payload]:
        """See the port and `Outbox.append`; where payloads may pass unlogged, a full outbox gives them back as they are."""
        payloads = [self._redacted(payload) for payload in payloads] if self._redactions else payloads
        try:
            return self._outbox.append(payloads)
        except Overloaded:
            if self._when_full == "refuse":
                raise
        known = self._outbox.known([payload.prediction_id for payload in payloads])
        answered = [known.get(payload.prediction_id) or clean(payload) for payload in payloads]
        with self._counting:
            self._unlogged += sum(payload.prediction_id not in known for payload in payloads)
        return answered

    def _redacted(self, payload: Payload) -> Payload:
        redaction = self._redactions.get(payload.model)
        features = payload.features if redaction is None else redaction.applied(payload.features)
        return payload if features is payload.features else replace(payload, features=features)

    def unlogged(self) -> int:
        """The number of payloads that this process let pass unlogged because the outbox was full."""
        return self._unlogged

    def ship(self) -> int:
        """See the port and `Shipper.ship`."""
        return self._shipper.ship()

    def ship_to(self, sink: str) -> int:
        """One sink's share of `ship`: see `Shipper.ship_to`. A thread for each keeps one that hangs from delaying another."""
        return self._shipper.ship_to(sink)

    def read(
        self, model: str, window: Window, version: int | None = None, *, shadows: bool = False, bare: bool = False
    ) -> Sequence[Payload]:
        """See the port."""
        return self._sql.read(model, window, version, shadows=shadows, bare=bare)

    def stream(self, model: str, window: Window, version: int | None = None, *, shadows: bool = False) -> Iterator[Sequence[Payload]]:
        """See the port and `SqlLog.stream`."""
        return self._sql.stream(model, window, version, shadows=shadows)

    def told(self, model: str, window: Window) -> Mapping[str, str | float]:
        """See the port."""
        return self._sql.told(model, window)

    def latest(self, model: str, window: Window, tolerance: timedelta) -> datetime | None:
        """See the port."""
        return self._sql.latest(model, window, tolerance)

    def ahead(self, model: str, window: Window, tolerance: timedelta) -> int:
        """See the port."""
        return self._sql.ahead(model, window, tolerance)

    def recent(self, model: str, limit: int) -> Sequence[Payload]:
        """See the port."""
        return self._sql.recent(model, limit)

    def record(self, outcomes: Sequence[Outcome]) -> Recorded:
        """See the port and `SqlOutcomes.record`."""
        return self._sql.record(outcomes)

    def joined(
        self, model: str, window: Window, version: int | None = None, *, shadows: bool = False, bare: bool = False
    ) -> Sequence[tuple[Payload, Outcome]]:
        """The payloads of the window whose outcome is known: see `SqlLog.joined`."""
        return self._sql.joined(model, window, version, shadows=shadows, bare=bare)

    def backlog(self) -> int:
        """The number of payloads that the database or the object store has not taken."""
        return self._shipped.backlog()

    def age(self) -> float:
        """The seconds that the oldest payload of the backlog has waited; 0 where there is none."""
        return self._shipped.age()

    def lag(self, sink: str) -> Lag:
        """What one sink has not taken."""
        return self._shipped.lag(sink)

    def refused(self, sink: str) -> int:
        """The number of payloads that the sink refused for what they hold; they are kept in the outbox's table `refused`."""
        return self._shipped.refused(sink)

    @property
    def identity(self) -> str:
        """The id of this host's outbox, to which positions belong."""
        return self._shipped.id

    def head(self) -> int:
        """The position of the last payload that was appended on this host; 0 before the first."""
        return self._shipped.head()

    def appended(self, after: int, limit: int) -> tuple[Sequence[Payload], int]:
        """The payloads after a position, in order of arrival, and the position up to which they go; what was trimmed is missing."""
        to = min(self._shipped.head(), after + limit)
        return [decoded(row) for row in self._shipped.rows(Range(after, to))] if to > after else (), max(to, after)

    def close(self) -> None:
        """Lets go of the outbox."""
        self._outbox.close()
        self._shipped.close()
