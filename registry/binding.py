"""The digest table: which run, artifact and snapshot each version is bound to. It is the authority; MLflow tags are copies."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from driftgate.lifecycle.canonical import canonical
from driftgate.lifecycle.errors import Conflict, StoreUnavailable, VersionNotFound
from driftgate.lifecycle.schema_json import from_json, to_json
from driftgate.lifecycle.versions import Snapshot, Version
from driftgate.registry.tables import digests


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction, committed at the end. Raises StoreUnavailable where the database does not answer."""
    try:
        with engine.begin() as connection:
            yield connection
    except IntegrityError:
        raise
    except DBAPIError as error:
        raise _unavailable(engine, error) from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that only reads, and so waits for no writer. Raises StoreUnavailable where the database does not answer."""
    try:
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            yield connection
    except DBAPIError as error:
        raise _unavailable(engine, error) from error


def _unavailable(engine: Engine, error: DBAPIError) -> StoreUnavailable:
    address = engine.url.render_as_string(hide_password=True)
    return StoreUnavailable(f"the database {address} did not answer: {error.orig}; check storage and its migrations")


@dataclass(frozen=True, slots=True)
class Bindings:
    """Reads and adds rows of the digest table; nothing in it is ever updated. Knows nothing of MLflow."""

    engine: Engine

    def version(self, model: str, number: int) -> Version:
        """The bound version, without aliases. Raises VersionNotFound."""
        found = self.find(model, number)
        if found is None:
            known = ", ".join(str(version.number) for version in self.versions(model)) or "none"
            raise VersionNotFound(f"{model} has no version {number} that Driftgate knows (known: {known})", field="version")
        return found

    def find(self, model: str, number: int) -> Version | None:
        """The bound version, without aliases, or None."""
        with reading(self.engine) as connection:
            row = connection.execute(select(digests).where(digests.c.model == model, digests.c.version == number)).one_or_none()
        return None if row is None else _version(row)

    def keyed(self, model: str, key: str) -> Version | None:
        """The version that was bound under the request key, without aliases, or None."""
        with reading(self.engine) as connection:
            row = connection.execute(select(digests).where(digests.c.model == model, digests.c.request_key == key)).one_or_none()
        return None if row is None else _version(row)

    def request_key(self, model: str, number: int) -> str | None:
        """The request key that the version was bound under; None where it is not bound."""
        query = select(digests.c.request_key).where(digests.c.model == model, digests.c.version == number)
        with reading(self.engine) as connection:
            return connection.execute(query).scalar_one_or_none()

    def versions(self, model: str) -> Sequence[Version]:
        """Every bound version of the model, oldest first, without aliases."""
        with reading(self.engine) as connection:
            rows = connection.execute(select(digests).where(digests.c.model == model).order_by(digests.c.version)).all()
        return [_version(row) for row in rows]

    def keep(self, version: Version, key: str) -> Version:
        """The binding as stored. Where another process bound the key first, that binding.

        Raises Conflict where the version is bound under another key.
        """
        try:
            with transaction(self.engine) as connection:
                connection.execute(insert(digests).values(**_values(version), request_key=key))
        except IntegrityError as error:
            first = self.keyed(version.model, key)
            if first is None:
                raise Conflict(f"{version.model} version {version.number} is bound to a snapshot already") from error
            return first
        return self.version(version.model, version.number)


def adoption_key(number: int) -> str:
    """The request key that an adopted version of that number is bound under, and no other."""
    return f"adopt:{number}"


def as_json(version: Version) -> str:
    """The binding as JSON text, without aliases."""
    values = _values(version)
    return canonical({**values, "schema": json.loads(values["schema"]), "metrics": json.loads(values["metrics"])})


def from_text(text: str) -> Version:
    """The binding that `as_json` wrote."""
    data: dict[str, Any] = json.loads(text)
    return Version(
        model=data["model"],
        number=data["version"],
        run_id=data["run_id"],
        schema=from_json(json.dumps(data["schema"])),
        snapshot=Snapshot(data["snapshot_sha256"], data["train_sha256"], data["holdout_sha256"], data["train_rows"], data["holdout_rows"]),
        artifact_sha256=data["artifact_sha256"],
        flavour=data["flavour"],
        threshold=data["threshold"],
        created=datetime.fromisoformat(data["created"]),
        metrics=data["metrics"],
    )


def _values(version: Version) -> dict[str, Any]:
    return {
        "model": version.model,
        "version": version.number,
        "run_id": version.run_id,
        "artifact_sha256": version.artifact_sha256,
        "snapshot_sha256": version.snapshot.sha256,
        "train_sha256": version.snapshot.train_sha256,
        "holdout_sha256": version.snapshot.holdout_sha256,
        "train_rows": version.snapshot.train_rows,
        "holdout_rows": version.snapshot.holdout_rows,
        "flavour": version.flavour,
        "threshold": version.threshold,
        "schema": to_json(version.schema),
        "metrics": canonical(version.metrics),
        "created": version.created,
    }


def _version(row: Row[Any]) -> Version:
    return Version(
        model=row.model,
        number=row.version,
        run_id=row.run_id,
        schema=from_json(row.schema),
        snapshot=Snapshot(row.snapshot_sha256, row.train_sha256, row.holdout_sha256, row.train_rows, row.holdout_rows),
        artifact_sha256=row.artifact_sha256,
        flavour=row.flavour,
        threshold=row.threshold,
        created=row.created,
        metrics=json.loads(row.metrics),
    )
