"""What `driftgate etl sql` has loaded: objects by source, and how far each source was searched.

Column types are spelled out here and not imported: a step must go on doing what it did when it was released.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"

INSTANT = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
MYSQL: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    """Both tables."""
    op.create_table(
        "etl_objects",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("object_key", LONG, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("payloads", sa.Integer, nullable=False),
        sa.Column("problem", LONG),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_etl_objects")),
        **MYSQL,
    )
    op.create_index(op.f("ix_etl_objects_source_state"), "etl_objects", ["source", "state"])
    op.create_table(
        "etl_marks",
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("value", LONG, nullable=False),
        sa.PrimaryKeyConstraint("scope", "name", name=op.f("pk_etl_marks")),
        **MYSQL,
    )


def downgrade() -> None:
    """Without them: the next release up loads every object again, and stores no payload twice."""
    op.drop_table("etl_marks")
    op.drop_table("etl_objects")
