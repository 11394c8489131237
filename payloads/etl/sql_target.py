"""SQL as the target: payloads, and beside them which objects were loaded and how far."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, Connection, Engine, Table, select
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.sql.dml import Insert

from driftgate.lifecycle.canonical import sha256
from driftgate.payloads.answering import answering
from driftgate.payloads.etl.found import Batch, Taken, Target
from driftgate.payloads.etl.tables import etl_marks, etl_objects
from driftgate.payloads.sql_log import ignoring
from driftgate.payloads.tables import payloads

LOOKUP = 500
LOADED, FAILED = "loaded", "failed"


class SqlTarget(Target):
    """The port over a database. `source` is the store's address; `scope` says what of it is loaded, and has marks of its own."""

    def __init__(self, engine: Engine, source: str, scope: str = "") -> None:
        self._engine, self._source, self._scope = engine, sha256([source]), sha256([source, scope])
        self._readers = engine.execution_options(isolation_level="AUTOCOMMIT")

    def marks(self) -> Mapping[str, str]:
        """See the port."""
        query = select(etl_marks.c.name, etl_marks.c.value).where(etl_marks.c.scope == self._scope)
        with answering(), self._readers.connect() as connection:
            return {row.name: row.value for row in connection.execute(query)}

    def failed(self) -> Sequence[str]:
        """See the port."""
        query = select(etl_objects.c.object_key).where(etl_objects.c.source == self._source, etl_objects.c.state == FAILED)
        with answering(), self._readers.connect() as connection:
            return sorted(connection.execute(query).scalars())

    def unknown(self, keys: Sequence[str]) -> Sequence[str]:
        """See the port. A key that could not be read is known: `failed` names it."""
        by_id = {self._id(key): key for key in keys}
        with answering(), self._readers.connect() as connection:
            known = _found(connection, etl_objects.c.id, sorted(by_id))
        return [key for name, key in by_id.items() if name not in known]

    def take(self, batch: Batch) -> Taken:
        """See the port: one transaction."""
        # By key, so that two loaders with rows in common wait for each other and do not deadlock. The first of an id counts.
        rows = {row.prediction_id: row for row in reversed(list(batch.rows()))}
        ids = sorted(rows)
        with answering(), self._engine.begin() as connection:
            known = _found(connection, payloads.c.prediction_id, ids)
            new = [rows[name]._asdict() for name in ids if name not in known]
            if new:
                connection.execute(ignoring(connection, payloads), new)
            if objects := sorted(self._objects(batch), key=lambda row: str(row["id"])):
                connection.execute(_replacing(connection, etl_objects), objects)
            self._move(connection, batch.marks)
        return Taken(len(new))

    def _objects(self, batch: Batch) -> Iterator[Mapping[str, Any]]:
        at = datetime.now(UTC)
        for key, held in batch.loaded.items():
            yield self._object(key, LOADED, len(held), None, at)
        for key, why in batch.failed.items():
            yield self._object(key, FAILED, 0, why, at)

    def _object(self, key: str, state: str, count: int, problem: str | None, at: datetime) -> Mapping[str, Any]:
        return {
            "id": self._id(key), "source": self._source, "object_key": key, "state": state, "payloads": count,
            "problem": problem, "at": at,
        }  # fmt: skip

    def _move(self, connection: Connection, marks: Mapping[str, str]) -> None:
        if held := [{"scope": self._scope, "name": name, "value": value} for name, value in sorted(marks.items()) if value]:
            connection.execute(_replacing(connection, etl_marks), held)
        for name in sorted(name for name, value in marks.items() if not value):
            connection.execute(etl_marks.delete().where(etl_marks.c.scope == self._scope, etl_marks.c.name == name))

    def _id(self, key: str) -> str:
        return sha256([self._source, key])


def _found(connection: Connection, column: "Column[str]", values: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(values), LOOKUP):
        found.update(connection.execute(select(column).where(column.in_(values[start : start + LOOKUP]))).scalars())
    return found


def _replacing(connection: Connection, table: Table) -> Insert:
    """An insert that overwrites the row whose key exists."""
    keys = [column.name for column in table.primary_key.columns]
    others = [column.name for column in table.columns if column.name not in keys]
    match connection.dialect.name:
        case "postgresql":
            upsert = postgresql.insert(table)
            return upsert.on_conflict_do_update(index_elements=keys, set_={name: upsert.excluded[name] for name in others})
        case "sqlite":
            insert = sqlite.insert(table)
            return insert.on_conflict_do_update(index_elements=keys, set_={name: insert.excluded[name] for name in others})
        case _:
            given = mysql.insert(table)
            return given.on_duplicate_key_update({name: given.inserted[name] for name in others})
