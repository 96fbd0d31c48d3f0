"""Signing in: passwords, identities at providers, sessions, tokens, devices and links."""

import sqlalchemy as sa
from alembic import op

from registry.adapters.sql.column_types import WORDS

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Goes one revision forward."""
    op.create_table(
        "passwords",
        sa.Column("user", WORDS, nullable=False),
        sa.Column("hash", WORDS, nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        _of_user("passwords"),
        sa.PrimaryKeyConstraint("user", name=op.f("pk_passwords")),
    )
    op.create_table(
        "providers",
        sa.Column("provider", WORDS, nullable=False),
        sa.Column("name", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("issuer", WORDS, nullable=False),
        sa.Column("client_id", WORDS, nullable=False),
        sa.Column("secret", WORDS, nullable=True),
        sa.Column("settings", WORDS, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_providers")),
    )
    op.create_table(
        "identities",
        sa.Column("provider", WORDS, nullable=False),
        sa.Column("subject", WORDS, nullable=False),
        sa.Column("user", WORDS, nullable=False),
        sa.Column("email", WORDS, nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["provider"], ["providers.provider"], name=op.f("fk_identities_provider"), ondelete="CASCADE"
        ),
        _of_user("identities"),
        sa.PrimaryKeyConstraint("provider", "subject", name=op.f("pk_identities")),
    )
    op.create_table(
        "sessions",
        sa.Column("id", WORDS, nullable=False),
        sa.Column("hash", WORDS, nullable=False),
        sa.Column("user", WORDS, nullable=False),
        sa.Column("way", WORDS, nullable=False),
        sa.Column("origin", WORDS, nullable=False),
        sa.Column("address", WORDS, nullable=True),
        sa.Column("agent", WORDS, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        _of_user("sessions"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("hash", name=op.f("uq_sessions_hash")),
    )
    op.create_table(
        "refresh_tokens",
        sa.Column("hash", WORDS, nullable=False),
        sa.Column("family", WORDS, nullable=False),
        sa.Column("scope", WORDS, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["family"], ["sessions.id"], name=op.f("fk_refresh_tokens_family"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_refresh_tokens")),
    )
    op.create_table(
        "device_grants",
        sa.Column("hash", WORDS, nullable=False),
        sa.Column("user_code", WORDS, nullable=False),
        sa.Column("scope", WORDS, nullable=False),
        sa.Column("address", WORDS, nullable=True),
        sa.Column("agent", WORDS, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=True),
        sa.Column("user", WORDS, nullable=True),
        sa.Column("session", WORDS, nullable=True),
        sa.Column("decision", WORDS, nullable=True),
        _of_user("device_grants"),
        sa.ForeignKeyConstraint(
            ["session"], ["sessions.id"], name=op.f("fk_device_grants_session"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_device_grants")),
        sa.UniqueConstraint("user_code", name=op.f("uq_device_grants_user_code")),
    )
    op.create_table(
        "links",
        sa.Column("hash", WORDS, nullable=False),
        sa.Column("kind", WORDS, nullable=False),
        sa.Column("user", WORDS, nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("made_by", WORDS, nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        _of_user("links"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_links")),
    )
    for table, column in _INDEXED:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)


_INDEXED = (
    ("identities", "user"),
    ("sessions", "user"),
    ("refresh_tokens", "family"),
    ("device_grants", "user"),
    ("device_grants", "session"),
    ("links", "user"),
)


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user"], ["users.user"], name=op.f(f"fk_{table}_user"), ondelete="CASCADE")
