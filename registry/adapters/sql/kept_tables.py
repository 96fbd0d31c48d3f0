"""The tables of what Git cannot give back: accounts, and counts of reads."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text

from registry.adapters.sql.tables import metadata

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("user", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    sqlite_autoincrement=True,
)

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", ForeignKey("users.id"), nullable=False, index=True),
    Column("scope", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("note", Text, nullable=False),
)

read_counts = Table(
    "read_counts",
    metadata,
    Column("repository", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("day", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("label", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("reads", BigInteger, nullable=False),
    PrimaryKeyConstraint("repository", "name", "day", "version", "label", "key_id"),
    sqlite_with_rowid=False,
)
"""By the repository's name: what is projected may be thrown away, these may not. ``day`` counts from 1970."""
Index("ix_read_counts_repository_day", read_counts.c.repository, read_counts.c.day)
