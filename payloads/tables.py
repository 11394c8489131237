"""The payload log's tables: payloads, outcomes and watermarks, the same over SQLite, Postgres and MySQL or MariaDB."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, ColumnElement, DateTime, Index, Integer, MetaData, String, Table, Text, TypeDecorator, cast
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import UserDefinedType

# The registry has the same three: the folders stand side by side and import nothing from each other.
NAMES = {"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
MYSQL: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
LONG = Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


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


class JsonText(UserDefinedType[str]):
    """JSON as the text that was written, in a column that Postgres knows to be JSON, so that `features->>'age'` works there.

    Not JSONB, which refuses an escaped NUL and half a surrogate pair. Elsewhere long text, which JSON functions take as well:
    MySQL's JSON type rewrites large numbers, and that of MariaDB refuses half a surrogate pair too.
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name in Postgres."""
        return "JSON"

    def column_expression(self, colexpr: ColumnElement[Any]) -> ColumnElement[Any]:
        """The column as text: the driver would parse it."""
        return cast(colexpr, Text)


JSON_TEXT = LONG.with_variant(JsonText(), "postgresql")

metadata = MetaData(naming_convention=NAMES)

ID_LENGTH = 255
"""The most characters of a model's name, a prediction id or an entity id, so that all of them fit a MySQL index."""

payloads = Table(
    "payloads",
    metadata,
    Column("prediction_id", String(ID_LENGTH), primary_key=True),
    Column("model", String(128), nullable=False),
    Column("version", Integer),
    Column("arm", String(16), nullable=False),
    Column("entity_id", String(ID_LENGTH)),
    Column("shadow_of", String(ID_LENGTH)),
    Column("features", JSON_TEXT, nullable=False),
    Column("output", JSON_TEXT, nullable=False),
    Column("event_time", Instant, nullable=False),
    Column("arrival_time", Instant, nullable=False),
    Index(None, "model", "event_time"),
    Index(None, "model", "entity_id", "event_time"),
    # Whoever reads what is new goes by arrival: a late payload has an old event time.
    Index(None, "model", "arrival_time"),
    **MYSQL,
)

outcomes = Table(
    "outcomes",
    metadata,
    # The digest of what the outcome is about, a prediction or an entity at a time, and which of the values told of it this is.
    Column("subject", String(64), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("model", String(128), nullable=False),
    Column("prediction_id", String(ID_LENGTH)),
    Column("entity_id", String(ID_LENGTH)),
    Column("value", LONG, nullable=False),
    Column("observed_at", Instant, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index(None, "model", "prediction_id"),
    Index(None, "model", "observed_at"),
    Index(None, "model", "entity_id", "observed_at"),
    **MYSQL,
)

watermarks = Table(
    "watermarks",
    metadata,
    # How far each outbox has been shipped here: a window is complete once every outbox is past its end.
    Column("outbox", String(64), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("arrival_time", Instant, nullable=False),
    **MYSQL,
)

tallies = Table(
    "tallies",
    metadata,
    # What one serving process counted of one version in a short time: see `tallies.py`.
    Column("id", String(36), primary_key=True),
    Column("model", String(128), nullable=False),
    Column("version", Integer, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("turned_away", BigInteger, nullable=False),
    Column("times", LONG, nullable=False),
    Index(None, "model", "since"),
    **MYSQL,
)
