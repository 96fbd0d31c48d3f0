"""The tables of what Git cannot give back: accounts, counts of reads, who pushed, the audit, and the registry's id."""

from typing import Any

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
    event,
    false,
)

from registry.adapters.sql.audit_guards import guards_of
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
    Column("made_by", WORDS, index=True),
)
"""``places``: pairs of repository and folder as JSON, to which a key is limited. ``made_by``: the key that made it."""

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

pushers = Table(
    "pushers",
    metadata,
    Column("repository", WORDS, nullable=False),
    Column("commit", WORDS, nullable=False),
    Column("user", WORDS, nullable=False),
    PrimaryKeyConstraint("repository", "commit"),
    sqlite_with_rowid=False,
)
"""Who brought a commit in, by name: whoever is removed has pushed it all the same."""

registry = Table(
    "registry",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("id", WORDS, nullable=False),
    CheckConstraint("one = 1", name="ck_registry_one"),
)
"""One row. An archive has it in its manifest, not among its records."""

audit_marks = Table(
    "audit_marks",
    metadata,
    Column("mark", WORDS, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("hash", WORDS, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("key_id", WORDS, nullable=False),
    Column("public_key", WORDS, nullable=False),
    Column("signature", WORDS, nullable=False),
)

audit_entries = Table(
    "audit_entries",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("actor", WORDS),
    Column("key_id", WORDS),
    Column("address", WORDS),
    Column("request_id", WORDS),
    Column("action", WORDS, nullable=False),
    Column("repository", WORDS),
    Column("name", WORDS),
    Column("label", WORDS),
    Column("ref", WORDS),
    Column("old_value", WORDS),
    Column("new_value", WORDS),
    Column("operation", WORDS, unique=True),
    Column("hash", WORDS, nullable=False),
)
"""``old_value`` and ``new_value`` are canonical JSON. What was asked for newest first is found by an index each."""
for _column in ("actor", "key_id", "address", "action", "repository"):
    Index(f"ix_audit_entries_{_column}_number", audit_entries.c[_column], audit_entries.c.number)
for _column in ("label", "ref", "name"):  # most entries have none; of several SQLite takes the last, which tells most
    _is_there = audit_entries.c[_column].is_not(None)
    Index(
        f"ix_audit_entries_{_column}_number",
        audit_entries.c[_column],
        audit_entries.c.number,
        sqlite_where=_is_there,
        postgresql_where=_is_there,
    )


@event.listens_for(audit_entries, "after_create")
def _guard(_table: object, connection: Any, **_how: object) -> None:
    """What a migration does as well: the tables of the models are whole."""
    for statement in guards_of(connection.dialect.name):
        connection.exec_driver_sql(statement)
