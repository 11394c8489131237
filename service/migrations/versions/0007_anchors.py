"""How far the ledger is anchored outside of this database, and the last ways to change a row of the ledger are refused.

Column types are spelled out here and not imported: a step must go on doing what it did when it was released.
"""

import logging
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"

INSTANT = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
MYSQL: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
NO_TRIGGER_RIGHT = 1419
VERBS = ("UPDATE", "DELETE")

_LOG = logging.getLogger(__name__)


def upgrade() -> None:
    """The table of anchors. On SQLite a REPLACE is refused too; on MySQL, triggers that could not be made before are tried again."""
    op.create_table(
        "anchored",
        sa.Column("place", sa.String(255), nullable=False), sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("at", INSTANT, nullable=False), sa.Column("problem", LONG), sa.PrimaryKeyConstraint("place", name=op.f("pk_anchored")),
        **MYSQL,
    )  # fmt: skip
    dialect = op.get_bind().dialect.name
    if dialect == "sqlite":
        # SQLite replaces a row without asking the trigger that refuses to delete it.
        op.execute(
            "CREATE TRIGGER ledger_refuses_replace BEFORE INSERT ON ledger FOR EACH ROW WHEN EXISTS (SELECT 1 FROM ledger WHERE "
            "sequence = NEW.sequence OR (subject = NEW.subject AND kind = NEW.kind)) "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )
    if dialect in ("mysql", "mariadb"):
        _missing_triggers()


def downgrade() -> None:
    """Without both; what is kept in the places themselves stays there."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER ledger_refuses_replace")
    op.drop_table("anchored")


def _missing_triggers() -> None:
    query = "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()"
    known = {str(name).lower() for name in op.get_bind().execute(sa.text(query)).scalars()}
    refusal = "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the ledger is append-only';"
    try:
        for verb in VERBS:
            if f"ledger_refuses_{verb.lower()}" not in known:
                op.execute(f"CREATE TRIGGER ledger_refuses_{verb.lower()} BEFORE {verb} ON ledger FOR EACH ROW BEGIN {refusal} END")
    except sa.exc.DBAPIError as error:
        if error.orig is None or error.orig.args[:1] != (NO_TRIGGER_RIGHT,):
            raise
        _LOG.warning(
            "This user may not create triggers, so the database itself does not refuse changes of the ledger; audits still find them."
        )
