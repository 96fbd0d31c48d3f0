"""Which key made a key: what is revoked takes along what came of it."""

import sqlalchemy as sa
from alembic import op

from registry.adapters.sql.column_types import WORDS

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes one revision forward."""
    op.add_column("keys", sa.Column("made_by", WORDS, nullable=True))
    op.create_index(op.f("ix_keys_made_by"), "keys", ["made_by"], unique=False)
