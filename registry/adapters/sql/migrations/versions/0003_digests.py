"""Versions by the beginning of their digest."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes one revision forward."""
    op.create_index("ix_versions_digest_head", "versions", [sa.text("substr(digest, 1, 4)")], unique=False)
