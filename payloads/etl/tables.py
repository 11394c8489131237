"""What was loaded into SQL: objects by source, and how far each source was searched."""

from sqlalchemy import Column, Index, Integer, MetaData, String, Table

from driftgate.payloads.tables import LONG, MYSQL, NAMES, Instant

metadata = MetaData(naming_convention=NAMES)

etl_objects = Table(
    "etl_objects",
    metadata,
    # The digest of source and key: S3's keys are longer than what MySQL can index.
    Column("id", String(64), primary_key=True),
    Column("source", String(64), nullable=False),
    Column("object_key", LONG, nullable=False),
    Column("state", String(8), nullable=False),
    Column("payloads", Integer, nullable=False),
    Column("problem", LONG),
    Column("at", Instant, nullable=False),
    Index(None, "source", "state"),
    **MYSQL,
)

etl_marks = Table(
    "etl_marks",
    metadata,
    Column("scope", String(64), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("value", LONG, nullable=False),
    **MYSQL,
)
