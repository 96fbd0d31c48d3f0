"""The tables of what Git cannot give back: accounts, and counts of reads."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table

from registry.adapters.sql.column_types import WORDS
from registry.adapters.sql.tables import metadata

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user", WORDS, nullable=False, unique=True),
    Column("name", WORDS, nullable=False),
    Column("email", WORDS, nullable=False),
    sqlite_autoincrement=True,
)

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
)

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
