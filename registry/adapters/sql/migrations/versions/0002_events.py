"""What a stream of events is told from: removals, and versions and label moves by the commit that made them."""

import sqlalchemy as sa
from alembic import op

from registry.adapters.sql.column_types import WORDS

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes one revision forward; the rows come with the full replay that the projection's new schema asks for."""
    op.create_table(
        "removals",
        sa.Column("build_id", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("moved_to", WORDS, nullable=True),
        sa.ForeignKeyConstraint(["build_id"], ["builds.id"], name=op.f("fk_removals_build_id")),
        sa.PrimaryKeyConstraint("build_id", "ordinal", "name", name=op.f("pk_removals")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_versions_ordinal", "versions", ["ordinal"], unique=False)
    op.create_index("ix_label_moves_build_id_ordinal", "label_moves", ["build_id", "ordinal"], unique=False)
