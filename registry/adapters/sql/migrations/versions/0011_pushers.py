"""Who pushed a commit, which Git does not know."""

import sqlalchemy as sa
from alembic import op

from registry.adapters.sql.column_types import WORDS

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes one revision forward."""
    op.create_table(
        "pushers",
        sa.Column("repository", WORDS, nullable=False),
        sa.Column("commit", WORDS, nullable=False),
        sa.Column("user", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("repository", "commit", name=op.f("pk_pushers")),
        sqlite_with_rowid=False,
    )
