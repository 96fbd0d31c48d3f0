"""When a commit was written, and the subject that an imported one had where it comes from."""

import sqlalchemy as sa
from alembic import op

from registry.adapters.sql.column_types import WORDS

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes one revision forward."""
    op.add_column("commits", sa.Column("authored_at", sa.BigInteger(), nullable=True))
    op.add_column("commits", sa.Column("imported_subject", WORDS, nullable=True))
