"""What serving counts of versions that are rolled out.

Column types are spelled out here and not imported: a step must go on doing what it did when it was released.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0009"
down_revision = "0008"

INSTANT = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
MYSQL: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    """The table of tallies."""
    op.create_table(
        "tallies",
        sa.Column("id", sa.String(36), nullable=False), sa.Column("model", sa.String(128), nullable=False),
        sa.Column("version", sa.Integer, nullable=False), sa.Column("since", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=False), sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False), sa.Column("turned_away", sa.BigInteger, nullable=False),
        sa.Column("times", LONG, nullable=False), sa.PrimaryKeyConstraint("id", name=op.f("pk_tallies")),
        **MYSQL,
    )  # fmt: skip
    op.create_index(op.f("ix_tallies_model_since"), "tallies", ["model", "since"])


def downgrade() -> None:
    """Without it."""
    op.drop_table("tallies")
