"""The registry's tables: ledger, digests, reports and profiles, the same over SQLite, Postgres and MySQL or MariaDB."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, Double, Index, Integer, MetaData, String, Table, Text, TypeDecorator, UniqueConstraint
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
"""Constraint names that do not depend on the database, so that migrations can name them."""

MYSQL: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
"""MySQL compares text without regard to case unless told to: `a` and `A` are two ids here."""

LONG = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
"""Text without a limit; MySQL's TEXT ends at 64 KB."""


class Instant(TypeDecorator[datetime]):
    """A UTC instant to the microsecond. Takes aware datetimes only and returns them aware, in UTC."""

    impl = DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant as the database takes it: aware for Postgres, naive UTC elsewhere."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value.isoformat()} has no time zone: give an aware datetime")
        instant = value.astimezone(UTC)
        return instant if dialect.name == "postgresql" else instant.replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The stored instant, aware, in UTC."""
        del dialect
        if value is None:
            return None
        stored: datetime = value
        return stored.replace(tzinfo=UTC) if stored.tzinfo is None else stored.astimezone(UTC)


metadata = MetaData(naming_convention=NAMES)

MODEL = String(128)

ledger = Table(
    "ledger",
    metadata,
    # Not autoincrement: the writer names the number after the head it read, and the key makes that a compare-and-swap.
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("model", MODEL, nullable=False),
    Column("subject", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("actor", String(255), nullable=False),
    Column("body", LONG, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("subject", "kind"),
    Index(None, "model", "kind", "sequence"),
    **MYSQL,
)

digests = Table(
    "digests",
    metadata,
    Column("model", MODEL, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("run_id", String(64), nullable=False),
    Column("request_key", String(255), nullable=False),
    Column("artifact_sha256", String(64), nullable=False),
    Column("snapshot_sha256", String(64), nullable=False),
    Column("train_sha256", String(64), nullable=False),
    Column("holdout_sha256", String(64), nullable=False),
    Column("train_rows", BigInteger, nullable=False),
    Column("holdout_rows", BigInteger, nullable=False),
    Column("flavour", String(32), nullable=False),
    Column("threshold", Double),
    Column("schema", LONG, nullable=False),
    Column("metrics", LONG, nullable=False),
    Column("created", Instant, nullable=False),
    UniqueConstraint("model", "request_key"),
    **MYSQL,
)

reports = Table(
    "reports",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("model", MODEL, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", String(32), nullable=False),
    Column("created", Instant, nullable=False),
    Column("verdict", String(32), nullable=False),
    Column("summary", LONG, nullable=False),
    Column("files", LONG, nullable=False),
    Column("document", LONG),
    Index(None, "model", "created"),
    **MYSQL,
)

profiles = Table(
    "profiles",
    metadata,
    Column("model", MODEL, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("snapshot_sha256", String(64), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("created", Instant, nullable=False),
    **MYSQL,
)
