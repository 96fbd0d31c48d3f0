"""The tables of signing in: what people come in with, and what they have once they are in.

Secrets that this server made (of sessions, refresh tokens, devices and links) stand there as SHA-256 alone; what is
needed again as it was (``providers.secret``) is encrypted under the key ring.
"""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, PrimaryKeyConstraint, Table

from registry.adapters.sql.column_types import WORDS
from registry.adapters.sql.kept_tables import users
from registry.adapters.sql.tables import metadata

_OF_USER = users.c.user

passwords = Table(
    "passwords",
    metadata,
    Column("user", ForeignKey(_OF_USER, ondelete="CASCADE"), primary_key=True),
    Column("hash", WORDS, nullable=False),
    Column("set_at", BigInteger, nullable=False),
    Column("must_change", Boolean, nullable=False),
)

providers = Table(
    "providers",
    metadata,
    Column("provider", WORDS, primary_key=True),
    Column("name", WORDS, nullable=False),
    Column("kind", WORDS, nullable=False),
    Column("issuer", WORDS, nullable=False),
    Column("client_id", WORDS, nullable=False),
    Column("secret", WORDS),
    Column("settings", WORDS, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger),
)
"""``settings``: what else is said of a provider, as JSON."""

identities = Table(
    "identities",
    metadata,
    Column("provider", ForeignKey("providers.provider", ondelete="CASCADE"), nullable=False),
    Column("subject", WORDS, nullable=False),
    Column("user", ForeignKey(_OF_USER, ondelete="CASCADE"), nullable=False, index=True),
    Column("email", WORDS),
    Column("made_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("provider", "subject"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", WORDS, primary_key=True),
    Column("hash", WORDS, nullable=False, unique=True),
    Column("user", ForeignKey(_OF_USER, ondelete="CASCADE"), nullable=False, index=True),
    Column("way", WORDS, nullable=False),
    Column("origin", WORDS, nullable=False),
    Column("address", WORDS),
    Column("agent", WORDS, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
"""A browser's session, or a program's: what refresh tokens belong to. ``way`` is how its user came in; ``origin`` of a
device's how he did who let it in, else the same."""

refresh_tokens = Table(
    "refresh_tokens",
    metadata,
    Column("hash", WORDS, primary_key=True),
    Column("family", ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("scope", WORDS, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
)

device_grants = Table(
    "device_grants",
    metadata,
    Column("hash", WORDS, primary_key=True),
    Column("user_code", WORDS, nullable=False, unique=True),
    Column("scope", WORDS, nullable=False),
    Column("address", WORDS),
    Column("agent", WORDS, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("polled_at", BigInteger),
    Column("user", ForeignKey(_OF_USER, ondelete="CASCADE"), index=True),
    Column("session", ForeignKey("sessions.id", ondelete="CASCADE"), index=True),
    Column("decision", WORDS),
)

links = Table(
    "links",
    metadata,
    Column("hash", WORDS, primary_key=True),
    Column("kind", WORDS, nullable=False),
    Column("user", ForeignKey(_OF_USER, ondelete="CASCADE"), nullable=False, index=True),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", WORDS),
    Column("expires_at", BigInteger, nullable=False),
)
"""Invitations and resets of a password, each for one use."""
