"""Rows straight into SQLite: a table such as anybody would make, with the indexes that lists need, and full text."""

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from registry.domain.catalogue import Facts

Values = tuple[str, int, str, str, str, str, str, str]

_SCHEMA = """
create table template (
    name text, version integer, digest text, type text, status text, tags text, description text, source text,
    primary key (name, version)
);
create index by_status on template (status);
create index by_type on template (type);
"""
_UPSERT = (
    "insert into template values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (name, version) do update set "
    "digest = excluded.digest, type = excluded.type, status = excluded.status, tags = excluded.tags, "
    "description = excluded.description, source = excluded.source"
)


@dataclass(frozen=True, slots=True)
class PlainTable:
    """A SQLite file with one table, in the journal mode that servers use."""

    connection: sqlite3.Connection

    @classmethod
    def make(cls, path: Path) -> "PlainTable":
        """A new, empty file."""
        for each in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
            each.unlink(missing_ok=True)
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.executescript(_SCHEMA)
        return cls(connection)

    def insert(self, rows: Iterable[Values]) -> None:
        """All rows in one transaction."""
        self.connection.execute("begin")
        self.connection.executemany(_UPSERT, rows)
        self.connection.execute("commit")

    def timed_upsert(self, row: Values) -> float:
        """Milliseconds of one row in a transaction of its own."""
        started = time.perf_counter()
        self.insert([row])
        return (time.perf_counter() - started) * 1000


def row_of(name: str, version: int, digest: str, facts: Facts | None, source: bytes) -> Values:
    """The columns of one version."""
    text = source.decode("utf-8", "replace")
    if facts is None:
        return name, version, digest, "", "invalid", "", "", text
    return name, version, digest, facts.type, facts.status, ",".join(facts.tags), facts.description, text
