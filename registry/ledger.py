"""The ledger in SQL: one table that only grows, each row chained to the one before it."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, ScalarSelect, Select, func, insert, select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import IntegrityError as KeyTaken

from driftgate.lifecycle import ledger as rules
from driftgate.lifecycle.attempts import JUDGING, attempted
from driftgate.lifecycle.canonical import canonical, plain
from driftgate.lifecycle.errors import InvalidRequest, LedgerBroken, StoreUnavailable
from driftgate.lifecycle.ledger import GENESIS, SEATING, Challenge, Event, Expected, Kind, NewEvent, Serving, chained
from driftgate.lifecycle.ports import Ledger
from driftgate.registry.tables import ledger as table

PATIENCE_SECONDS = 30.0
"""How long an append tries again after losing races before it gives up."""

LONGEST_PAUSE_SECONDS = 0.25
PAGE = 1000
LENGTHS = {"model": 128, "subject": 128, "actor": 255}


class SqlLedger(Ledger):
    """The port over one SQL table, on SQLite, Postgres, MySQL or MariaDB.

    Sequence numbers are given by the writer: head + 1. Two writers that read the same head name the same number, and the
    primary key lets one of them in; the other reads the new head and judges again.
    """

    def __init__(self, engine: Engine, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._readers = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._now = now

    def append(self, event: NewEvent, expect: Expected | None = None) -> Event:
        """The event as stored: see the port. Raises StoreUnavailable where the database does not answer or stays busy."""
        wanted = _storable(event)
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause = 0.002
        while True:
            try:
                with self._engine.begin() as connection:
                    return self._appended(connection, wanted, expect)
            except DBAPIError as error:
                if not _lost_race(error) or time.monotonic() > deadline:
                    raise _unavailable(error) from error
            time.sleep(random.uniform(0, pause))  # noqa: S311 - spreads retries, decides nothing
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    def events(self, model: str | None = None, subject: str | None = None) -> Sequence[Event]:
        """Events in order, of all or of one model or subject. Raises LedgerBroken where a row cannot be read."""
        return list(self._stream(model, subject))

    def head(self) -> Event | None:
        """The newest event; None while there is none."""
        return next(map(_event, self._page(select(table).order_by(table.c.sequence.desc()).limit(1))), None)

    def latest(self, model: str, kind: Kind) -> Event | None:
        """The newest event of that kind of the model; None while there is none."""
        return next(map(_event, self._page(select(table).where(table.c.sequence == _last(model, kind)))), None)

    def attempts(self, model: str, holdout_sha256: str, champion: int | None) -> frozenset[int]:
        """The versions of the model that were judged on that holdout against that champion."""
        kinds = [kind.value for kind in JUDGING]
        query = select(table).where(table.c.model == model, table.c.kind.in_(kinds), table.c.body.contains(holdout_sha256, autoescape=True))
        return attempted(map(_event, self._page(query)), model, holdout_sha256, champion)

    def now(self) -> datetime:
        """The instant that an event appended now would carry."""
        return self._now().astimezone(UTC)

    def champion(self, model: str) -> int | None:
        """The version that the ledger names champion; None before the first decision."""
        try:
            with self._readers.connect() as connection:
                return _champion(connection, model)
        except SQLAlchemyError as error:
            raise _unavailable(error) from error

    def challenger(self, model: str) -> Challenge | None:
        """The version that the ledger names challenger; None where nobody challenges."""
        return self.serving(model).challenger

    def serving(self, model: str) -> Serving:
        """Champion and challenger, from one statement that reads a few index entries and rows however long the ledger is."""
        return rules.serving(map(_event, self._page(_seating(model))), model)

    def verify(self) -> int:
        """The number of events of an unbroken chain. Raises LedgerBroken naming the first row that was changed, removed or moved.

        Rows taken off the *end* leave a shorter chain that holds: the anchors find that (`lifecycle/anchors.py`).
        """
        return rules.verify(self._stream())

    def export(self) -> Iterator[dict[str, Any]]:
        """Every event in order as a JSON-ready object, `at` in ISO 8601: one line each makes JSON Lines."""
        for event in self._stream():
            yield plain(event)

    def _appended(self, connection: Connection, event: NewEvent, expect: Expected | None) -> Event:
        known = select(table).where(table.c.subject == event.subject, table.c.kind == event.kind.value)
        stored = connection.execute(known).first()
        if stored is not None:
            return _event(stored)
        head = connection.execute(select(table.c.sequence, table.c.hash).order_by(table.c.sequence.desc()).limit(1)).first()
        sequence, previous = (0, GENESIS) if head is None else (int(head.sequence), str(head.hash))
        if expect is not None:
            # As of the head: were a later event to change the answer, it would hold the number that this one needs.
            seated = rules.serving(map(_event, connection.execute(_seating(event.model, sequence)).all()), event.model)
            rules.check(expect, seated, event.model)
        new = chained(event, sequence + 1, self.now(), previous)
        connection.execute(insert(table).values(_row(new)))
        return new

    def _stream(self, model: str | None = None, subject: str | None = None) -> Iterator[Event]:
        query = select(table).order_by(table.c.sequence).limit(PAGE)
        if model is not None:
            query = query.where(table.c.model == model)
        if subject is not None:
            query = query.where(table.c.subject == subject)
        page = self._page(query)
        while page:
            yield from map(_event, page)
            page = self._page(query.where(table.c.sequence > page[-1].sequence)) if len(page) == PAGE else []

    def _page(self, query: Select[Any]) -> Sequence[Row[Any]]:
        try:
            with self._readers.connect() as connection:
                return connection.execute(query).all()
        except SQLAlchemyError as error:
            raise _unavailable(error) from error


def _storable(event: NewEvent) -> NewEvent:
    """The event with its body as JSON gives it back, so that what is hashed is what will be read."""
    for name, limit in LENGTHS.items():
        value = getattr(event, name)
        # MySQL takes "a" and "a " for the same key.
        if not value or len(value) > limit or "\0" in value or value.endswith(" "):
            raise InvalidRequest(f"{name} {value[:40]!r} must have 1 to {limit} characters, no NUL and no space at its end", field=name)
    try:
        text = canonical(event.body)
        (text + event.model + event.subject + event.actor).encode()
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"the details of {event.kind} of {event.subject} cannot be written as JSON: {error}", field="body") from error
    return NewEvent(event.model, event.subject, event.kind, event.actor, json.loads(text))


def _row(event: Event) -> Mapping[str, Any]:
    return {
        "sequence": event.sequence, "at": event.at, "model": event.model, "subject": event.subject, "kind": event.kind.value,
        "actor": event.actor, "body": canonical(event.body), "previous": event.previous, "hash": event.hash,
    }  # fmt: skip


def _event(row: Row[Any]) -> Event:
    try:
        body = json.loads(row.body)
        event = Event(
            int(row.sequence), row.at, row.model, row.subject, Kind(row.kind), row.actor, body, row.previous, row.hash
        )  # fmt: skip
    except (TypeError, ValueError, AttributeError) as error:
        raise LedgerBroken(f"ledger row {row.sequence} cannot be read, so it was changed: {error}") from error
    if not isinstance(body, dict) or canonical(body) != row.body:
        raise LedgerBroken(f"ledger row {row.sequence} is not written as it was appended, so it was changed")
    return event


def _champion(connection: Connection, model: str) -> int | None:
    query = select(table).where(table.c.model == model, table.c.kind == Kind.DECIDED.value).order_by(table.c.sequence.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else rules.champion([_event(row)], model)


def _last(model: str, kind: Kind, head: int | None = None) -> ScalarSelect[Any]:
    query = select(func.max(table.c.sequence)).where(table.c.model == model, table.c.kind == kind.value)
    return (query if head is None else query.where(table.c.sequence <= head)).scalar_subquery()


def _seating(model: str, head: int | None = None) -> Select[Any]:
    """The last event of each kind that says who serves, in order; as of the row `head` where one is given."""
    last = [_last(model, kind, head) for kind in SEATING]
    return select(table).where(table.c.sequence.in_(last)).order_by(table.c.sequence)


def _lost_race(error: DBAPIError) -> bool:
    """Whether another writer was in the way, so that a new attempt can succeed."""
    if isinstance(error, KeyTaken):
        return True
    state = getattr(error.orig, "sqlstate", None)
    number = error.orig.args[0] if error.orig is not None and error.orig.args else None
    # Postgres: serialization failure, deadlock. MySQL: lock wait timeout, deadlock, row changed since read.
    busy = isinstance(number, str) and ("database is locked" in number or "database table is locked" in number)
    return state in ("40001", "40P01") or number in (1205, 1213, 1020) or busy


def _unavailable(error: SQLAlchemyError) -> StoreUnavailable:
    return StoreUnavailable(f"the ledger's database did not answer: {getattr(error, 'orig', None) or error}")
