"""Shipped payloads in SQL, and their outcomes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, Table, and_, literal_column, or_, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.sql.dml import Insert

from driftgate.lifecycle.payloads import Outcome, Payload, Recorded, Revision, Window
from driftgate.payloads.answering import answering
from driftgate.payloads.outcomes import LOOKUP, SqlOutcomes
from driftgate.payloads.rows import Row, decoded_all
from driftgate.payloads.tables import payloads, watermarks

CHUNK = 5000
ROW = [payloads.c[name] for name in Row._fields]
"""The columns of a row, in its order."""

BARE = [literal_column("'{}'").label("features") if column is payloads.c.features else column for column in ROW]
"""The same without features, which are most of a row."""


class SqlLog:
    """Payloads and outcomes in one database.

    `horizons`: by model, how far before an outcome of an entity its payload may lie; a model without one has no bound.
    """

    def __init__(
        self, engine: Engine, now: Callable[[], datetime] = lambda: datetime.now(UTC), horizons: Mapping[str, timedelta] | None = None
    ) -> None:
        self._engine = engine
        self._readers = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._outcomes = SqlOutcomes(engine, now)
        self._horizons = dict(horizons or {})

    def insert(self, rows: Sequence[Row], outbox: str, position: int) -> None:
        """Stored, with the outbox's watermark, in one transaction; rows whose id is known are left as they are."""
        mark = {"outbox": outbox, "position": position, "arrival_time": rows[-1].arrival_time}
        with answering(), self._engine.begin() as connection:
            # By key, so that two shippers with rows in common wait for each other and do not deadlock.
            ordered = sorted(rows, key=lambda row: row.prediction_id)
            connection.execute(ignoring(connection, payloads), [row._asdict() for row in ordered])
            connection.execute(ignoring(connection, watermarks), [mark])
            behind = and_(watermarks.c.outbox == outbox, watermarks.c.position < position)
            connection.execute(watermarks.update().where(behind).values(mark))

    def read(
        self, model: str, window: Window, version: int | None = None, *, shadows: bool = False, bare: bool = False
    ) -> Sequence[Payload]:
        """The payloads of the window, by event time, then id; of one version where one is asked, shadow payloads only with `shadows`.

        `bare`: without their features, in a fraction of the time and memory.
        """
        query = select(*(BARE if bare else ROW)).where(_within(model, window, version, shadows=shadows))
        with answering(), self._readers.connect() as connection:
            parts = connection.execute(query).partitions(CHUNK)
            found = [payload for part in parts for payload in decoded_all([Row._make(row) for row in part])]
        # Here and not in SQL: databases order text in their own ways.
        return sorted(found, key=lambda payload: (payload.event_time, payload.prediction_id))

    def recent(self, model: str, limit: int) -> Sequence[Payload]:
        """The newest answers of versions, at most so many, by event time, then id; of the very same time any, where not all fit."""
        wanted = and_(payloads.c.model == model, payloads.c.shadow_of.is_(None), payloads.c.version.is_not(None))
        query = select(*ROW).where(wanted).order_by(payloads.c.event_time.desc(), payloads.c.prediction_id.desc()).limit(limit)
        with answering(), self._readers.connect() as connection:
            found = decoded_all([Row._make(row) for row in connection.execute(query)])
        return sorted(found, key=lambda payload: (payload.event_time, payload.prediction_id))

    def stream(
        self, model: str, window: Window, version: int | None = None, *, shadows: bool = False, chunk: int = CHUNK
    ) -> Iterator[Sequence[Payload]]:
        """What `read` gives, in pieces of at most `chunk`, by event time; payloads of the very same time come in the database's order.

        Each piece is a query of its own after the last payload of the one before, so that memory stays flat and no transaction
        stays open. What arrives meanwhile is in, where it lies ahead.
        """
        wanted = _within(model, window, version, shadows=shadows)
        query = select(*ROW).order_by(payloads.c.event_time, payloads.c.prediction_id).limit(chunk)
        while True:
            with answering(), self._readers.connect() as connection:
                found = decoded_all([Row._make(row) for row in connection.execute(query.where(wanted))])
            if found:
                yield found
            if len(found) < chunk:
                return
            last = found[-1]
            ahead = or_(payloads.c.event_time > last.event_time, payloads.c.prediction_id > last.prediction_id)
            wanted = and_(_within(model, Window(last.event_time, window.end), version, shadows=shadows), ahead)

    def known(self, prediction_ids: Sequence[str]) -> set[str]:
        """Those of the ids under which a payload is kept, of whatever model."""
        found: set[str] = set()
        with answering(), self._readers.connect() as connection:
            for start in range(0, len(prediction_ids), LOOKUP):
                some = payloads.c.prediction_id.in_(prediction_ids[start : start + LOOKUP])
                found.update(connection.execute(select(payloads.c.prediction_id).where(some)).scalars())
        return found

    def record(self, given: Sequence[Outcome]) -> Recorded:
        """See `SqlOutcomes.record`."""
        return self._outcomes.record(given)

    def history(self, model: str, prediction_id: str) -> Sequence[Revision]:
        """See `SqlOutcomes.history`."""
        return self._outcomes.history(model, prediction_id)

    def joined(
        self, model: str, window: Window, version: int | None = None, *, shadows: bool = False, bare: bool = False
    ) -> Sequence[tuple[Payload, Outcome]]:
        """The payloads of the window whose outcome is known, each with it. These are the labels so far: see `matured`.

        An outcome belongs to the answer it names, or else to its entity's nearest answer at or before it, if that is within
        the model's horizon. Where several belong to one payload, the one that names it wins, then the one observed first. Of
        a corrected outcome the last revision counts. A shadow payload has no outcome of its own: with `shadows` it comes with
        that of the answer it stands beside.
        """
        truths = self._outcomes.truths(model, window, self._horizons.get(model))
        found = self.read(model, window, version, shadows=shadows, bare=bare)
        named = ((payload, payload.shadow_of or payload.prediction_id) for payload in found)
        return [(payload, truths[name]) for payload, name in named if name in truths]

    def told(self, model: str, window: Window) -> Mapping[str, str | float]:
        """By prediction id, the outcome of each answer of the window that has one: the values of `joined`."""
        return self._outcomes.values(model, window, self._horizons.get(model))

    def latest(self, model: str, window: Window, tolerance: timedelta) -> datetime | None:
        """When the newest answer of the window was asked for, of those that `ahead` does not count; None where there is none."""
        answers, times = _within(model, window, None, shadows=False), (payloads.c.event_time, payloads.c.arrival_time)
        surely = select(payloads.c.event_time).where(answers, payloads.c.event_time <= payloads.c.arrival_time)
        hasty = select(*times).where(answers, payloads.c.event_time > payloads.c.arrival_time)
        with answering(), self._readers.connect() as connection:
            found = connection.execute(surely.order_by(payloads.c.event_time.desc()).limit(1)).scalar_one_or_none()
            later = hasty if found is None else hasty.where(payloads.c.event_time > found)
            # The difference of two instants is written in as many ways as there are databases; these rows are few.
            within = [row.event_time for row in connection.execute(later) if row.event_time <= row.arrival_time + tolerance]
        return max(within, default=found)

    def ahead(self, model: str, window: Window, tolerance: timedelta) -> int:
        """How many answers of the window were asked for later than they arrived, by more than the tolerance."""
        early = payloads.c.event_time > payloads.c.arrival_time
        query = select(payloads.c.event_time, payloads.c.arrival_time).where(_within(model, window, None, shadows=False), early)
        with answering(), self._readers.connect() as connection:
            # The difference of two instants is written in as many ways as there are databases; these rows are few.
            return sum(row.event_time > row.arrival_time + tolerance for row in connection.execute(query))


def _within(model: str, window: Window, version: int | None, *, shadows: bool) -> ColumnElement[bool]:
    conditions = [payloads.c.model == model, payloads.c.event_time >= window.start, payloads.c.event_time < window.end]
    if version is not None:
        conditions.append(payloads.c.version == version)
    if not shadows:
        conditions.append(payloads.c.shadow_of.is_(None))
    return and_(*conditions)


def ignoring(connection: Connection, table: Table) -> Insert:
    """An insert that leaves rows whose key exists as they are."""
    match connection.dialect.name:
        case "postgresql":
            return postgresql.insert(table).on_conflict_do_nothing()
        case "sqlite":
            return sqlite.insert(table).on_conflict_do_nothing()
        case _:
            # Not INSERT IGNORE, which also swallows values that do not fit.
            key = next(iter(table.primary_key.columns))
            return mysql.insert(table).on_duplicate_key_update({key.name: key})
