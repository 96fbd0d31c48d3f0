"""Databases of the tests' own on their PostgreSQL."""

import asyncio
from collections.abc import Collection, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
from sqlalchemy import Connection, Table, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from registry.adapters.sql import kept_tables, migrate
from registry.adapters.sql.dialect import NAMES_TABLE
from registry.adapters.sql.postgres_migrate import migrate_server
from registry.adapters.sql.sign_in_tables import metadata
from tests.backing import postgres_url

T = TypeVar("T")

KEPT = tuple(table.name for table in vars(kept_tables).values() if isinstance(table, Table))
"""What Git cannot give back."""

DROP_SEARCH = """
DO $$ DECLARE found text; BEGIN
  FOR found IN SELECT tablename FROM pg_tables WHERE tablename LIKE 'search\\_text\\_%'
  LOOP EXECUTE 'DROP TABLE ' || found; END LOOP;
END $$
"""


def address_of(name: str) -> str:
    """The address of a database beside the one that is given."""
    return urlunsplit(urlsplit(postgres_url())._replace(path=f"/{name}"))


def run_sql(*statements: str, address: str = "") -> None:
    """Runs statements, each by itself, in the database at an address, else beside all."""

    async def run() -> None:
        connection = await asyncpg.connect(address or postgres_url())
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    _now(run())


def fetch_sql(statement: str, *values: object, address: str) -> list[Any]:
    """The rows of a statement."""

    async def run() -> list[Any]:
        connection = await asyncpg.connect(address)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    return _now(run())


def _now(work: Coroutine[Any, Any, T]) -> T:
    """In a thread, because the test may have an event loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@contextmanager
def own_database() -> Iterator[str]:
    """The name of a database that is dropped afterwards, whoever is still connected."""
    name = f"promptuary_test_{uuid4().hex[:16]}"
    run_sql(f"CREATE DATABASE {name}")
    try:
        yield name
    finally:
        run_sql(f"DROP DATABASE {name} WITH (FORCE)")


def empty(address: str, *, keep: Collection[str] = ()) -> None:
    """Ends what is still connected and deletes all rows: in a tenth of the time that another database would take.

    ``keep`` are tables that are left as they are.
    """
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    tables = [f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables) if table.name not in keep]
    guarded = "ALTER TABLE audit_entries {} TRIGGER USER"
    tables = [guarded.format("DISABLE"), *tables, guarded.format("ENABLE")]
    run_sql(
        f"{others} AND pid <> pg_backend_pid(); {'; '.join([*tables, f'DELETE FROM {NAMES_TABLE}'])}; {DROP_SEARCH}",
        address=address,
    )


@contextmanager
def migrated_database() -> Iterator[str]:
    """The same, with the newest schema."""
    with own_database() as name:
        _now(migrate_server(address_of(name)))
        yield name


async def leave_schema(revision: str, place: Path | str, *statements: str) -> None:
    """The schema of an earlier release in a new file or an empty database, and what these statements write there."""

    def fill(connection: Connection) -> None:
        migrate.upgrade(connection, None, "catalogue", goal=revision)
        for statement in statements:
            connection.exec_driver_sql(statement)

    if isinstance(place, Path):
        engine = create_engine(f"sqlite:///{place}")
        with engine.begin() as connection:
            fill(connection)
        engine.dispose()
    else:
        server = create_async_engine(place.replace("postgresql:", "postgresql+asyncpg:"))
        async with server.begin() as there:
            await there.run_sync(fill)
        await server.dispose()
