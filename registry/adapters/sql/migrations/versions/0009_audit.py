"""The audit: entries that are only ever added, and what was signed of their chain."""

import sqlalchemy as sa
from alembic import op

from registry.adapters.sql.audit_guards import guards_of
from registry.adapters.sql.column_types import WORDS

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

INDEXED = ("actor", "key_id", "address", "action", "repository")


def upgrade() -> None:
    """Goes one revision forward."""
    op.create_table(
        "audit_marks",
        sa.Column("mark", WORDS, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", WORDS, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("key_id", WORDS, nullable=False),
        sa.Column("public_key", WORDS, nullable=False),
        sa.Column("signature", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("mark", name=op.f("pk_audit_marks")),
    )
    op.create_table(
        "audit_entries",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", WORDS, nullable=True),
        sa.Column("key_id", WORDS, nullable=True),
        sa.Column("address", WORDS, nullable=True),
        sa.Column("request_id", WORDS, nullable=True),
        sa.Column("action", WORDS, nullable=False),
        sa.Column("repository", WORDS, nullable=True),
        sa.Column("name", WORDS, nullable=True),
        sa.Column("label", WORDS, nullable=True),
        sa.Column("ref", WORDS, nullable=True),
        sa.Column("old_value", WORDS, nullable=True),
        sa.Column("new_value", WORDS, nullable=True),
        sa.Column("operation", WORDS, nullable=True),
        sa.Column("hash", WORDS, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_entries")),
        sa.UniqueConstraint("operation", name=op.f("uq_audit_entries_operation")),
    )
    op.create_index(op.f("ix_audit_entries_at"), "audit_entries", ["at"], unique=False)
    for column in INDEXED:
        op.create_index(f"ix_audit_entries_{column}_number", "audit_entries", [column, "number"], unique=False)
    for statement in guards_of(op.get_bind().dialect.name):
        op.execute(statement)
