"""Sessions of browsers that signed in.

Column types are spelled out here and not imported: a step must go on doing what it did when it was released.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"

INSTANT = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
MYSQL: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    """The table of sessions."""
    op.create_table(
        "sessions",
        sa.Column("sha256", sa.String(64), nullable=False), sa.Column("name", sa.String(128), nullable=False),
        sa.Column("role", sa.String(32), nullable=False), sa.Column("token", sa.String(128)),
        sa.Column("created", INSTANT, nullable=False), sa.Column("expires", INSTANT, nullable=False),
        sa.Column("last_seen", INSTANT, nullable=False), sa.PrimaryKeyConstraint("sha256", name=op.f("pk_sessions")),
        **MYSQL,
    )  # fmt: skip
    op.create_index(op.f("ix_sessions_token"), "sessions", ["token"])


def downgrade() -> None:
    """Without it: everybody signs in again."""
    op.drop_table("sessions")
