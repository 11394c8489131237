"""Shipped payloads and outcomes in SQL."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, and_, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.dml import Insert

from driftgate.lifecycle.canonical import sha256
from driftgate.lifecycle.errors import InvalidRequest, StoreUnavailable
from driftgate.lifecycle.payloads import Outcome, Payload, Window
from driftgate.payloads.rows import ID_LENGTH, MODEL_LENGTH, Row, decoded, instant, storable, to_json
from driftgate.payloads.tables import outcomes, payloads, watermarks

LOOKUP = 500
"""Ids in one query: SQLite and Postgres bound the parameters of a statement."""


class SqlLog:
    """Payloads and outcomes in one database."""

    def __init__(self, engine: Engine, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._readers = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._now = now

    def insert(self, rows: Sequence[Row], outbox: str, position: int) -> None:
        """Stored, with the outbox's watermark, in one transaction; rows whose id is known are left as they are."""
        mark = {"outbox": outbox, "position": position, "arrival_time": rows[-1].arrival_time}
        with _answering(), self._engine.begin() as connection:
            # By key, so that two shippers with rows in common wait for each other and do not deadlock.
            ordered = sorted(rows, key=lambda row: row.prediction_id)
            connection.execute(_ignoring(connection, payloads), [row._asdict() for row in ordered])
            connection.execute(_ignoring(connection, watermarks), [mark])
            behind = and_(watermarks.c.outbox == outbox, watermarks.c.position < position)
            connection.execute(watermarks.update().where(behind).values(mark))

    def read(self, model: str, window: Window, version: int | None = None) -> Sequence[Payload]:
        """The payloads of the window, by event time, then id."""
        query = select(payloads).where(_within(model, window, version))
        with _answering(), self._readers.connect() as connection:
            found = [_payload(row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - SQLAlchemy's public name
        # Here and not in SQL: databases order text in their own ways.
        return sorted(found, key=lambda payload: (payload.event_time, payload.prediction_id))

    def record(self, given: Sequence[Outcome]) -> int:
        """The number of outcomes that were new. One of the same prediction, or of the same entity and time, is not.

        Raises InvalidRequest where an outcome names neither a prediction nor an entity, or has no value.
        """
        known_at = self._now()
        rows = {row["id"]: row for row in (_outcome_row(outcome, known_at) for outcome in reversed(given))}
        with _answering(), self._engine.begin() as connection:
            known = _known(connection, sorted(rows))
            new = [rows[key] for key in sorted(rows) if key not in known]
            if new:
                connection.execute(_ignoring(connection, outcomes), new)
        return len(new)

    def joined(self, model: str, window: Window, version: int | None = None) -> Sequence[tuple[Payload, Outcome]]:
        """The payloads of the window whose outcome is known, each with it.

        An outcome belongs to the payload it names, or else to its entity's nearest payload at or before it. Where several
        belong to one payload, the one that names it wins, then the one observed first.
        """
        found = {payload.prediction_id: payload for payload in self.read(model, window, version)}
        earlier = payloads.alias()
        nearest = (
            select(earlier.c.prediction_id)
            .where(earlier.c.model == model, earlier.c.entity_id == outcomes.c.entity_id, earlier.c.event_time <= outcomes.c.observed_at)
            .order_by(earlier.c.event_time.desc(), earlier.c.prediction_id.desc())
            .limit(1)
            .scalar_subquery()
        )
        by_entity = select(outcomes, nearest.label("belongs_to")).where(
            outcomes.c.model == model, outcomes.c.prediction_id.is_(None), outcomes.c.observed_at >= window.start
        )
        by_name = (
            select(outcomes, outcomes.c.prediction_id.label("belongs_to"))
            .join(payloads, payloads.c.prediction_id == outcomes.c.prediction_id)
            .where(outcomes.c.model == model, _within(model, window, version))
        )
        truths: dict[str, Outcome] = {}
        with _answering(), self._readers.connect() as connection:
            for query in (by_name, by_entity):
                for row in connection.execute(query.order_by(outcomes.c.observed_at, outcomes.c.id)):
                    truths.setdefault(row.belongs_to, _outcome(row._mapping))  # noqa: SLF001 - SQLAlchemy's public name
        return [(payload, truths[name]) for name, payload in found.items() if name in truths]


def _within(model: str, window: Window, version: int | None) -> Any:
    condition = and_(payloads.c.model == model, payloads.c.event_time >= window.start, payloads.c.event_time < window.end)
    return condition if version is None else and_(condition, payloads.c.version == version)


def _payload(row: Mapping[Any, Any]) -> Payload:
    return decoded(Row(**{name: row[name] for name in Row._fields}))


def _outcome(row: Mapping[Any, Any]) -> Outcome:
    return Outcome(row["model"], json.loads(row["value"]), row["observed_at"], row["prediction_id"], row["entity_id"])


def _outcome_row(outcome: Outcome, recorded_at: datetime) -> dict[str, Any]:
    storable("model", outcome.model, MODEL_LENGTH)
    for field, name in (("prediction_id", outcome.prediction_id), ("entity_id", outcome.entity_id)):
        if name is not None:
            storable(field, name, ID_LENGTH)
    if outcome.prediction_id is None and outcome.entity_id is None:
        raise InvalidRequest("an outcome needs the prediction_id it belongs to, or an entity_id and the time", field="prediction_id")
    value: Any = outcome.value.item() if hasattr(outcome.value, "item") else outcome.value
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise InvalidRequest(f"the outcome {value!r} is not a label or a finite number", field="value")
    observed = instant("observed_at", outcome.observed_at)
    named = outcome.prediction_id is not None
    identity = [outcome.model, "prediction", outcome.prediction_id] if named else [outcome.model, "entity", outcome.entity_id, observed]
    return {
        "id": sha256(identity), "model": outcome.model, "prediction_id": outcome.prediction_id, "entity_id": outcome.entity_id,
        "value": to_json(value), "observed_at": observed, "recorded_at": recorded_at,
    }  # fmt: skip


def _known(connection: Connection, ids: Sequence[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(ids), LOOKUP):
        found = connection.execute(select(outcomes.c.id).where(outcomes.c.id.in_(ids[start : start + LOOKUP])))
        known.update(found.scalars())
    return known


def _ignoring(connection: Connection, table: Table) -> Insert:
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


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the payload database did not answer: {getattr(error, 'orig', None) or error}") from error
