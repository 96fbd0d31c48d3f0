"""Daily counts of reads."""

import sqlalchemy as sa
from alembic import op

from registry.adapters.sql.column_types import WORDS

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes one revision forward."""
    op.create_table(
        "read_counts",
        sa.Column("repository", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("label", WORDS, nullable=False),
        sa.Column("key_id", WORDS, nullable=False),
        sa.Column("reads", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("repository", "name", "day", "version", "label", "key_id", name=op.f("pk_read_counts")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_read_counts_repository_day", "read_counts", ["repository", "day"], unique=False)
