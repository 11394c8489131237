"""What Alembic runs: every step over the connection that `service/database.py` hands in."""

from alembic import context

from driftgate.service.database import VERSION_TABLE, target

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=target(),
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
