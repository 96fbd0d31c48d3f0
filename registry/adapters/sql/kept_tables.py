"""The tables of what Git cannot give back: accounts, counts of reads, and the registry's id."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    false,
)

from registry.adapters.sql.column_types import WORDS
from registry.adapters.sql.tables import metadata

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user", WORDS, nullable=False, unique=True),
    Column("name", WORDS, nullable=False),
    Column("email", WORDS, nullable=False),
    Column("is_service", Boolean, nullable=False, server_default=false()),
    Column("disabled_at", BigInteger),
    sqlite_autoincrement=True,
)

groups = Table(
    "groups",
    metadata,
    Column("group", WORDS, primary_key=True),
    Column("name", WORDS, nullable=False),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group", ForeignKey("groups.group", ondelete="CASCADE"), nullable=False),
    Column("user", ForeignKey("users.user", ondelete="CASCADE"), nullable=False, index=True),
    Column("source", WORDS, nullable=False),
    PrimaryKeyConstraint("group", "user", "source"),
)
"""``source`` is who says so: nobody but ourselves, or the identity provider at the last sign-in."""

grants = Table(
    "grants",
    metadata,
    Column("id", WORDS, primary_key=True),
    Column("user", ForeignKey("users.user", ondelete="CASCADE"), index=True),
    Column("group", ForeignKey("groups.group", ondelete="CASCADE"), index=True),
    Column("role", WORDS, nullable=False),
    Column("repository", WORDS, nullable=False),
    Column("folder", WORDS, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", WORDS, nullable=False),
    UniqueConstraint("user", "role", "repository", "folder"),
    UniqueConstraint("group", "role", "repository", "folder"),
)
"""To a user or to a group. Without a repository: on the whole server."""

keys = Table(
    "keys",
    metadata,
    Column("id", WORDS, primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("scope", WORDS, nullable=False),
    Column("hash", WORDS, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("note", WORDS, nullable=False),
    Column("places", WORDS),
    Column("used_at", BigInteger),
)
"""``places``: pairs of repository and folder as JSON, to which a key is limited."""

read_counts = Table(
    "read_counts",
    metadata,
    Column("repository", WORDS, nullable=False),
    Column("name", WORDS, nullable=False),
    Column("day", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("label", WORDS, nullable=False),
    Column("key_id", WORDS, nullable=False),
    Column("reads", BigInteger, nullable=False),
    PrimaryKeyConstraint("repository", "name", "day", "version", "label", "key_id"),
    sqlite_with_rowid=False,
)
"""By the repository's name: what is projected may be thrown away, these may not. ``day`` counts from 1970."""
Index("ix_read_counts_repository_day", read_counts.c.repository, read_counts.c.day)

registry = Table(
    "registry",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("id", WORDS, nullable=False),
    CheckConstraint("one = 1", name="ck_registry_one"),
)
"""One row. An archive has it in its manifest, not among its records."""
