"""The book of monitoring in SQL: what was found, what was told of it, what it started."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, Table, delete, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.sql.elements import ColumnElement

from driftgate.lifecycle.alarms import Alarms
from driftgate.lifecycle.errors import StoreUnavailable
from driftgate.lifecycle.findings import Monitor, Pass
from driftgate.lifecycle.messages import Notice, Sending
from driftgate.lifecycle.ports_watching import Found, MonitoringBook
from driftgate.lifecycle.triggers import Trigger
from driftgate.service.monitoring import rows, stored, tables

LOOKUP = 500
"""Keys in one IN list."""

FINAL = (Sending.SENT.value, Sending.GATHERED.value, Sending.GIVEN_UP.value)


class SqlMonitoringBook(MonitoringBook):
    """The port over six tables, on SQLite, Postgres, MySQL or MariaDB. Raises StoreUnavailable where the database does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._readers = engine.execution_options(isolation_level="AUTOCOMMIT")

    def keep(self, found: Pass) -> Pass:
        """See the port. Raises InvalidRequest for an id that no database can keep apart from others."""
        rows.require_storable(found.id)
        try:
            with self._writing() as connection:
                connection.execute(insert(tables.passes).values(rows.pass_row(found)))
                if found.findings:
                    connection.execute(insert(tables.findings), [rows.finding_row(found, place) for place in range(len(found.findings))])
        except IntegrityError:
            return self.find(found.id) or found
        return found

    def find(self, pass_id: str) -> Pass | None:
        """See the port."""
        known = self._rows(select(tables.passes.c.document).where(tables.passes.c.id == pass_id))
        return stored.read(Pass, known[0].document) if known else None

    def passes(self, model: str, since: datetime | None = None, limit: int = 100) -> Sequence[Pass]:
        """See the port."""
        return [stored.read(Pass, row.document) for row in self._newest(tables.passes, tables.passes.c.id, limit, model, since)]

    def findings(
        self, model: str, since: datetime | None = None, monitor: Monitor | None = None, name: str | None = None, limit: int = 1_000
    ) -> Sequence[Found]:
        """See the port."""
        table, conditions = tables.findings, list[ColumnElement[bool]]()
        if monitor is not None:
            conditions.append(table.c.monitor == monitor.value)
        if name is not None:
            conditions.append(table.c.name == rows.clipped(name))
        found = map(rows.found_of, self._newest(table, table.c.pass_id, limit, model, since, conditions))
        # The column holds the beginning of a long name only.
        return [each for each in found if name in (None, each.finding.name)][::-1]

    def alarms(self, model: str) -> Alarms:
        """See the port."""
        mark, states = tables.alarm_marks, tables.alarms
        with self._reading() as connection:
            at = connection.execute(select(mark).where(mark.c.model == model)).one_or_none()
            held = connection.execute(select(states).where(states.c.model == model)).all()
        if at is None:
            return Alarms(model)
        found = sorted(map(rows.state_of, held), key=lambda state: state.subject)
        return Alarms(model, at.revision, at.at, at.pass_id, at.version, {state.subject: state for state in found})

    def settle(self, alarms: Alarms, notices: Sequence[Notice]) -> bool:
        """See the port."""
        states = tables.alarms
        try:
            with self._writing() as connection:
                if not _advanced(connection, alarms):
                    return False
                connection.execute(delete(states).where(states.c.model == alarms.model))
                if alarms.states:
                    connection.execute(insert(states), [rows.state_row(alarms.model, state) for state in alarms.states.values()])
                _add(connection, notices)
        except IntegrityError:
            return False
        return True

    def tell(self, notices: Sequence[Notice]) -> None:
        """See the port. Two who tell the same at once: the later one finds the ids taken, and looks again."""
        try:
            with self._writing() as connection:
                _add(connection, notices)
        except IntegrityError:
            with self._writing() as connection:
                _add(connection, notices)

    def notices(self, model: str | None = None, sending: Sending | None = None, limit: int = 100) -> Sequence[Notice]:
        """See the port."""
        table, conditions = tables.notices, list[ColumnElement[bool]]()
        if sending is not None:
            conditions.append(table.c.sending == sending.value)
        return list(map(rows.notice_of, self._newest(table, table.c.id, limit, model, None, conditions)))

    def gather(self, parts: Sequence[Notice], digest: Notice) -> bool:
        """See the port."""
        table, ids = tables.notices, [part.id for part in parts]
        try:
            with self._writing() as connection:
                for start in range(0, len(ids), LOOKUP):
                    some = ids[start : start + LOOKUP]
                    waiting = table.c.id.in_(some) & (table.c.sending == Sending.GATHERING.value)
                    done = connection.execute(update(table).where(waiting).values(sending=Sending.GATHERED.value, ended=digest.at))
                    _require(done.rowcount == len(some))
                _add(connection, [digest])
        except _Taken:
            return False
        return True

    def claim(self, now: datetime, until: datetime, limit: int = 100) -> Sequence[Notice]:
        """See the port."""
        table = tables.notices
        due = (table.c.sending == Sending.WAITING.value) & (table.c.due <= now)
        claimed = []
        for notice in map(rows.notice_of, self._rows(select(table).where(due).order_by(table.c.at, table.c.id).limit(limit))):
            mine = (table.c.id == notice.id) & (table.c.attempts == notice.attempts) & due
            with self._writing() as connection:
                done = connection.execute(update(table).where(mine).values(attempts=notice.attempts + 1, due=until))
            if done.rowcount:
                claimed.append(replace(notice, attempts=notice.attempts + 1, due=until))
        return claimed

    def attempted(self, notice: Notice) -> None:
        """See the port."""
        table = tables.notices
        mine = (table.c.id == notice.id) & (table.c.attempts == notice.attempts) & (table.c.sending == Sending.WAITING.value)
        with self._writing() as connection:
            connection.execute(
                update(table)
                .where(mine)
                .values(sending=notice.sending.value, due=notice.due, problem=rows.kept_text(notice.problem), ended=notice.ended)
            )

    def decided(self, trigger: Trigger) -> Trigger | None:
        """See the port."""
        table = tables.triggers
        try:
            with self._writing() as connection:
                connection.execute(insert(table).values(rows.trigger_row(trigger)))
        except IntegrityError:
            known = self._rows(select(table.c.document).where(table.c.id == trigger.id))
            return stored.read(Trigger, known[0].document) if known else None
        return trigger

    def triggers(self, model: str, since: datetime | None = None, limit: int = 100, fired: bool | None = None) -> Sequence[Trigger]:
        """See the port. By sequence: two may be of one instant."""
        table = tables.triggers
        query = select(table.c.document).where(table.c.model == model).order_by(table.c.sequence.desc()).limit(limit)
        if since is not None:
            query = query.where(table.c.at >= since)
        found = self._rows(query if fired is None else query.where(table.c.fired == fired))
        return [stored.read(Trigger, row.document) for row in found]

    def prune(self, before: datetime, model: str | None = None) -> int:
        """See the port. Messages that were sent, gathered or given up before go as well, digests whatever the model."""
        findings, notices = tables.findings, tables.notices
        old, over = findings.c.at < before, notices.c.sending.in_(FINAL) & (notices.c.at < before)
        if model is not None:
            old &= findings.c.model == model
            over &= (notices.c.model == model) | notices.c.model.is_(None)
        with self._writing() as connection:
            done = connection.execute(delete(findings).where(old))
            connection.execute(delete(notices).where(over))
        return int(done.rowcount)

    def _newest(
        self,
        table: Table,
        key: ColumnElement[Any],
        limit: int,
        model: str | None,
        since: datetime | None,
        conditions: Sequence[ColumnElement[bool]] = (),
    ) -> Sequence[Row[Any]]:
        query = select(table).where(*conditions).order_by(table.c.at.desc(), key.desc()).limit(limit)
        if "place" in table.c:
            query = query.order_by(table.c.place.desc())
        if model is not None:
            query = query.where(table.c.model == model)
        return self._rows(query if since is None else query.where(table.c.at >= since))

    def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        with self._reading() as connection:
            return connection.execute(query).all()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with _answering(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _answering(), self._readers.connect() as connection:
            yield connection


class _Taken(Exception):
    """Another process gathered one of the parts, so that the transaction must not be committed."""


def _require(untaken: bool) -> None:
    if not untaken:
        raise _Taken


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise StoreUnavailable(f"the database of monitoring did not answer: {error.orig}") from error


def _advanced(connection: Connection, alarms: Alarms) -> bool:
    """Whether the model's mark was one revision behind, and is no more. It is locked: a second writer waits, and then finds it moved."""
    table = tables.alarm_marks
    mark = {"revision": alarms.revision, "at": alarms.at, "pass_id": alarms.pass_id, "version": alarms.version}
    if alarms.revision == 1:
        connection.execute(insert(table).values(model=alarms.model, **mark))
        return True
    before = (table.c.model == alarms.model) & (table.c.revision == alarms.revision - 1)
    return bool(connection.execute(update(table).where(before).values(mark)).rowcount)


def _add(connection: Connection, notices: Sequence[Notice]) -> None:
    table = tables.notices
    known = set(connection.execute(select(table.c.id).where(table.c.id.in_([notice.id for notice in notices]))).scalars())
    fresh = [rows.notice_row(notice) for notice in notices if notice.id not in known]
    if fresh:
        connection.execute(insert(table), fresh)
