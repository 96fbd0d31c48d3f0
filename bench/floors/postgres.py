"""Rows straight into PostgreSQL, each statement made durable, by the driver alone."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import asyncpg

from bench.floors.rows import Values

_SCHEMA = """
DROP TABLE IF EXISTS bench_template;
CREATE TABLE bench_template (
    name text, version integer, digest text, type text, status text, tags text, description text, source text,
    PRIMARY KEY (name, version)
);
CREATE INDEX bench_by_status ON bench_template (status);
CREATE INDEX bench_by_type ON bench_template (type);
"""
_UPSERT = (
    "INSERT INTO bench_template VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name, version) DO UPDATE SET "
    "digest = excluded.digest, type = excluded.type, status = excluded.status, tags = excluded.tags, "
    "description = excluded.description, source = excluded.source"
)


@dataclass(frozen=True, slots=True)
class PostgresTable:
    """A table such as anybody would make, with the indexes that lists need, over one connection."""

    runner: asyncio.Runner
    connection: Any

    @classmethod
    def make(cls, address: str) -> "PostgresTable":
        """A new, empty table in a database of ours."""
        runner = asyncio.Runner()
        connection = runner.run(asyncpg.connect(address))
        runner.run(connection.execute(_SCHEMA))
        return cls(runner, connection)

    def insert(self, rows: Iterable[Values]) -> None:
        """New rows, in one COPY."""
        self.runner.run(self.connection.copy_records_to_table("bench_template", records=rows))

    def timed_upsert(self, row: Values) -> float:
        """Milliseconds of one row in a transaction of its own."""
        started = time.perf_counter()
        self.runner.run(self.connection.execute(_UPSERT, *row))
        return (time.perf_counter() - started) * 1000

    def close(self) -> None:
        """Ends the connection."""
        self.runner.run(self.connection.close())
        self.runner.close()
