"""The id by which the database and its data folder know each other."""

import sqlalchemy as sa
from alembic import op

from registry.adapters.sql.column_types import WORDS

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes one revision forward."""
    op.create_table(
        "registry",
        sa.Column("one", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_registry")),
        sa.CheckConstraint("one = 1", name=op.f("ck_registry_one")),
    )
