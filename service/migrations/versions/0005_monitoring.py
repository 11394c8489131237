"""What monitoring finds, tells and starts: passes, findings, alarms, messages and triggers.

Column types are spelled out here and not imported: a step must go on doing what it did when it was released.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0005"
down_revision = "0004"

INSTANT = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
MYSQL: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
TABLES = ("passes", "findings", "alarms", "alarm_marks", "notices", "triggers")


def upgrade() -> None:
    """All six tables."""
    _found()
    _alarms()
    _told()
    _triggers()


def downgrade() -> None:
    """Without them: what was found, told and started is forgotten."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _text(name: str, length: int = 128, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=null)


def _long(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, LONG, nullable=null)


def _instant(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, INSTANT, nullable=null)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _number(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Double)


def _version() -> sa.Column[Any]:
    return sa.Column("version", sa.Integer)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def _found() -> None:
    op.create_table(
        "passes",
        _text("id"), _text("model"), _version(), _instant("at"), _instant("window_start"), _instant("window_end"), _count("payloads"),
        sa.Column("alarms", sa.Integer, nullable=False), _text("report", 64, null=True), _long("document"), _key("passes", "id"), **MYSQL,
    )  # fmt: skip
    _index("passes", "model", "at")
    op.create_table(
        "findings",
        _text("pass_id"), sa.Column("place", sa.Integer, autoincrement=False, nullable=False), _text("model"), _version(), _instant("at"),
        _text("monitor", 32), _text("name", 255), _text("verdict", 16), _number("value"), _number("limit_value"), _number("lower_bound"),
        _number("upper_bound"), _count("row_count"), _long("document"), _key("findings", "pass_id", "place"), **MYSQL,
    )  # fmt: skip
    _index("findings", "model", "monitor", "name", "at")
    _index("findings", "model", "at")
    _index("findings", "at")


def _alarms() -> None:
    op.create_table(
        "alarms",
        _text("model"), _text("subject_sha256", 64), _long("subject"), sa.Column("firing", sa.Boolean, nullable=False), _version(),
        _instant("since"), _instant("last"), _instant("told"), _instant("ended", null=True), _text("pass_id"), _long("words"),
        _long("document"), _key("alarms", "model", "subject_sha256"), **MYSQL,
    )  # fmt: skip
    op.create_table(
        "alarm_marks",
        _text("model"), _count("revision"), _instant("at"), _text("pass_id"), _version(), _key("alarm_marks", "model"), **MYSQL,
    )  # fmt: skip


def _told() -> None:
    op.create_table(
        "notices",
        _text("id"), _text("model", null=True), _text("pass_id", null=True), _long("channel"), _long("title"), _long("body"),
        _instant("at"), _instant("due"), _text("sending", 16), sa.Column("attempts", sa.Integer, nullable=False),
        _long("problem", null=True), _instant("ended", null=True), _key("notices", "id"), **MYSQL,
    )  # fmt: skip
    _index("notices", "sending", "due")
    _index("notices", "model", "at")
    _index("notices", "at")


def _triggers() -> None:
    op.create_table(
        "triggers",
        _text("id"), _text("model"), _count("sequence"), _instant("at"), sa.Column("fired", sa.Boolean, nullable=False),
        _text("cause", 32), _version(), _text("pass_id", null=True), _text("job_id", null=True), _long("document"),
        _key("triggers", "id"), sa.UniqueConstraint("model", "sequence", name=op.f("uq_triggers_model_sequence")), **MYSQL,
    )  # fmt: skip
    _index("triggers", "model", "at")
