"""Heuristic and shadow payloads, features as JSON where the database has a type for it, and outcomes with their history.

Column types are spelled out here and not imported: a step must go on doing what it did when it was released.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql, postgresql

revision = "0002"
down_revision = "0001"

INSTANT = sa.DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
MYSQL: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
JSON_COLUMNS = ("features", "output")
KEPT = "model, prediction_id, entity_id, value, observed_at, recorded_at"


def upgrade() -> None:
    """Payloads without a version or beside an answer, by arrival; outcomes by subject and revision."""
    with op.batch_alter_table("payloads") as payloads:
        payloads.add_column(sa.Column("shadow_of", sa.String(255)))
        payloads.alter_column("version", existing_type=sa.Integer, existing_nullable=False, nullable=True)
    op.create_index(op.f("ix_payloads_model_arrival_time"), "payloads", ["model", "arrival_time"])
    _to_json()
    # What was the id is the digest of what an outcome is about: it stays, and counts up from revision 1.
    subject, number = sa.Column("subject", sa.String(64)), sa.Column("revision", sa.Integer, autoincrement=False)
    _outcomes_by(f"INSERT INTO outcomes_next (subject, revision, {KEPT}) SELECT id, 1, {KEPT} FROM outcomes", subject, number)  # noqa: S608 - names of our own
    op.create_index(op.f("ix_outcomes_model_prediction_id"), "outcomes", ["model", "prediction_id"])
    op.create_index(op.f("ix_outcomes_model_entity_id_observed_at"), "outcomes", ["model", "entity_id", "observed_at"])


def downgrade() -> None:
    """The first release's tables. They have no place for payloads of the heuristic or a shadow, nor for corrected outcomes."""
    identity = sa.Column("id", sa.String(64))
    _outcomes_by(f"INSERT INTO outcomes_next (id, {KEPT}) SELECT subject, {KEPT} FROM outcomes WHERE revision = 1", identity)  # noqa: S608 - the same
    op.create_index(op.f("ix_outcomes_prediction_id"), "outcomes", ["prediction_id"])
    _to_text()
    op.drop_index(op.f("ix_payloads_model_arrival_time"), "payloads")
    op.execute("DELETE FROM payloads WHERE version IS NULL OR shadow_of IS NOT NULL")
    with op.batch_alter_table("payloads") as payloads:
        payloads.alter_column("version", existing_type=sa.Integer, existing_nullable=True, nullable=False)
        payloads.drop_column("shadow_of")


def _outcomes_by(copy: str, *key: sa.Column[Any]) -> None:
    """Makes the table anew under another key, fills it, and lets it take the old one's place."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE outcomes RENAME CONSTRAINT pk_outcomes TO pk_outcomes_before")
    op.create_table(
        "outcomes_next",
        *key, sa.Column("model", sa.String(128), nullable=False), sa.Column("prediction_id", sa.String(255)),
        sa.Column("entity_id", sa.String(255)), sa.Column("value", LONG, nullable=False),
        sa.Column("observed_at", INSTANT, nullable=False), sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint(*(column.name for column in key), name=op.f("pk_outcomes")), **MYSQL,
    )  # fmt: skip
    op.execute(copy)
    op.drop_table("outcomes")
    op.rename_table("outcomes_next", "outcomes")
    op.create_index(op.f("ix_outcomes_model_observed_at"), "outcomes", ["model", "observed_at"])


def _to_json() -> None:
    """On Postgres only: MySQL's type rewrites numbers and keys, and it and MariaDB's refuse half of a surrogate pair."""
    if op.get_bind().dialect.name == "postgresql":
        for name in JSON_COLUMNS:
            op.alter_column(
                "payloads",
                name,
                existing_type=sa.Text(),
                type_=postgresql.JSON(),
                postgresql_using=f"{name}::json",
                existing_nullable=False,
            )


def _to_text() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name in JSON_COLUMNS:
            op.alter_column(
                "payloads",
                name,
                existing_type=postgresql.JSON(),
                type_=sa.Text(),
                postgresql_using=f"{name}::text",
                existing_nullable=False,
            )
