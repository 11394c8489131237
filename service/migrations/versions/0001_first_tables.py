"""The first tables, and triggers that refuse to change or delete a ledger row.

Column types are spelled out here and not imported: a step must go on doing what it did when it was released.
"""

import logging
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
MYSQL: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
TABLES = ("ledger", "digests", "reports", "payloads", "outcomes", "watermarks", "tokens", "workers")
NO_TRIGGER_RIGHT = 1419
"""MySQL's error where binary logging keeps a user without SUPER from creating triggers."""

_LOG = logging.getLogger(__name__)


def upgrade() -> None:
    """Every table of the first release."""
    _registry_tables()
    _payload_tables()
    _service_tables()
    _guard_ledger()


def downgrade() -> None:
    """An empty database. The ledger goes with it."""
    for table in reversed(TABLES):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION driftgate_ledger_is_append_only()")


def _text(name: str, length: int, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=null)


def _long(name: str) -> sa.Column[str]:
    return sa.Column(name, LONG, nullable=False)


def _instant(name: str, *, null: bool = False) -> sa.Column[Any]:
    return sa.Column(name, INSTANT, nullable=null)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=op.f(f"uq_{table}_{'_'.join(columns)}"))


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def _registry_tables() -> None:
    op.create_table(
        "ledger",
        sa.Column("sequence", sa.BigInteger, autoincrement=False, nullable=False), _instant("at"), _text("model", 128),
        _text("subject", 128), _text("kind", 32), _text("actor", 255), _long("body"), _text("previous", 64), _text("hash", 64),
        _key("ledger", "sequence"), _unique("ledger", "subject", "kind"), **MYSQL,
    )  # fmt: skip
    _index("ledger", "model", "kind", "sequence")
    op.create_table(
        "digests",
        _text("model", 128), sa.Column("version", sa.Integer, autoincrement=False, nullable=False), _text("run_id", 64),
        _text("request_key", 255), _text("artifact_sha256", 64), _text("snapshot_sha256", 64), _text("train_sha256", 64),
        _text("holdout_sha256", 64), sa.Column("train_rows", sa.BigInteger, nullable=False),
        sa.Column("holdout_rows", sa.BigInteger, nullable=False), _text("flavour", 32), sa.Column("threshold", sa.Double),
        _long("schema"), _long("metrics"), _instant("created"),
        _key("digests", "model", "version"), _unique("digests", "model", "request_key"), **MYSQL,
    )  # fmt: skip
    op.create_table(
        "reports",
        _text("id", 64), _text("model", 128), sa.Column("version", sa.Integer, nullable=False), _text("kind", 32),
        _instant("created"), _text("verdict", 32), _long("summary"), _long("files"), _key("reports", "id"), **MYSQL,
    )  # fmt: skip
    _index("reports", "model", "created")


def _payload_tables() -> None:
    op.create_table(
        "payloads",
        _text("prediction_id", 255), _text("model", 128), sa.Column("version", sa.Integer, nullable=False), _text("arm", 16),
        _text("entity_id", 255, null=True), _long("features"), _long("output"), _instant("event_time"), _instant("arrival_time"),
        _key("payloads", "prediction_id"), **MYSQL,
    )  # fmt: skip
    _index("payloads", "model", "event_time")
    _index("payloads", "model", "entity_id", "event_time")
    op.create_table(
        "outcomes",
        _text("id", 64), _text("model", 128), _text("prediction_id", 255, null=True), _text("entity_id", 255, null=True),
        _long("value"), _instant("observed_at"), _instant("recorded_at"), _key("outcomes", "id"), **MYSQL,
    )  # fmt: skip
    _index("outcomes", "prediction_id")
    _index("outcomes", "model", "observed_at")
    op.create_table(
        "watermarks",
        _text("outbox", 64), sa.Column("position", sa.BigInteger, nullable=False), _instant("arrival_time"),
        _key("watermarks", "outbox"), **MYSQL,
    )  # fmt: skip


def _service_tables() -> None:
    op.create_table(
        "tokens",
        _text("name", 128), _text("sha256", 64), _text("role", 32), _instant("created"), _instant("expires", null=True),
        _instant("revoked", null=True), _instant("last_used", null=True),
        _key("tokens", "name"), _unique("tokens", "sha256"), **MYSQL,
    )  # fmt: skip
    op.create_table(
        "workers",
        _text("executor_id", 128), _text("host", 255), sa.Column("pid", sa.Integer, nullable=False),
        _text("application_version", 64), _instant("started"), _instant("heartbeat"), _key("workers", "executor_id"), **MYSQL,
    )  # fmt: skip


def _guard_ledger() -> None:
    dialect = op.get_bind().dialect.name
    if dialect == "postgresql":
        op.execute(
            "CREATE FUNCTION driftgate_ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
        )
        op.execute(
            "CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger "
            "FOR EACH STATEMENT EXECUTE FUNCTION driftgate_ledger_is_append_only()"
        )
        return
    refusal = (
        "SELECT RAISE(ABORT, 'the ledger is append-only');"
        if dialect == "sqlite"
        else "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the ledger is append-only';"
    )
    try:
        for verb in ("UPDATE", "DELETE"):
            op.execute(f"CREATE TRIGGER ledger_refuses_{verb.lower()} BEFORE {verb} ON ledger FOR EACH ROW BEGIN {refusal} END")
    except sa.exc.DBAPIError as error:
        if error.orig is None or error.orig.args[:1] != (NO_TRIGGER_RIGHT,):
            raise
        _LOG.warning(
            "This user may not create triggers, so the database itself does not refuse changes of the ledger; "
            "`driftgate audit verify` still finds them. Set log_bin_trust_function_creators=1 before the first start to have both."
        )
