"""Reports that are one JSON document are kept in the table itself.

Column types are spelled out here and not imported: a step must go on doing what it did when it was released.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"

LONG = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def upgrade() -> None:
    """The column; what was kept before has its files in MLflow."""
    op.add_column("reports", sa.Column("document", LONG))


def downgrade() -> None:
    """Without it, and without the reports that were kept in it alone."""
    op.execute("DELETE FROM reports WHERE document IS NOT NULL")
    op.drop_column("reports", "document")
