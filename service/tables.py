"""The service's own tables: API tokens, sessions of browsers, living workers, and how far the ledger is anchored."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, UniqueConstraint

from driftgate.registry.tables import LONG, MYSQL, NAMES, Instant

metadata = MetaData(naming_convention=NAMES)

tokens = Table(
    "tokens",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("sha256", String(64), nullable=False),
    Column("role", String(32), nullable=False),
    Column("created", Instant, nullable=False),
    Column("expires", Instant),
    Column("revoked", Instant),
    Column("last_used", Instant),
    UniqueConstraint("sha256"),
    **MYSQL,
)

sessions = Table(
    "sessions",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("name", String(128), nullable=False),
    Column("role", String(32), nullable=False),
    Column("token", String(128), index=True),
    Column("created", Instant, nullable=False),
    Column("expires", Instant, nullable=False),
    Column("last_seen", Instant, nullable=False),
    **MYSQL,
)
"""Browsers that are signed in, by the hash of their cookie. `token`: the one they signed in with; null: through an identity provider."""

workers = Table(
    "workers",
    metadata,
    Column("executor_id", String(128), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("application_version", String(64), nullable=False),
    Column("started", Instant, nullable=False),
    Column("heartbeat", Instant, nullable=False),
    **MYSQL,
)

anchored = Table(
    "anchored",
    metadata,
    Column("place", String(255), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("problem", LONG),
    **MYSQL,
)
"""The last row of the ledger that each place took an anchor of, and why it takes no other. The anchors themselves are elsewhere."""
