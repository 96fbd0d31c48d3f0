"""The audit is asked by template, label and ref, too."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

INDEXED = ("label", "ref", "name")  # of several that would do SQLite takes the last


def upgrade() -> None:
    """Goes one revision forward."""
    for column in INDEXED:
        is_there = sa.column(column).is_not(None)
        op.create_index(
            f"ix_audit_entries_{column}_number",
            "audit_entries",
            [column, "number"],
            unique=False,
            sqlite_where=is_there,
            postgresql_where=is_there,
        )
