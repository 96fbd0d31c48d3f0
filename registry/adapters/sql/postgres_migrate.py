"""Brings a PostgreSQL database to the newest schema: the same revisions as SQLite's, one process at a time."""

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from registry.adapters.sql.migrate import HEAD, upgrade
from registry.adapters.sql.postgres_connect import connector
from registry.adapters.sql.sign_in_tables import sessions

_LOCK = 0x70726F6D
"""Who holds this advisory lock migrates; the others wait and find the work done."""
_SECONDS = 600.0
TABLES = frozenset({"alembic_version", *sessions.metadata.tables})
_THERE = text("SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE to_regclass(name) IS NOT NULL")


async def migrate_server(address: str) -> None:
    """Makes the tables or upgrades them. Raises Unavailable where a newer Promptuary wrote them, and driver errors."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args={"async_creator_fn": connector(address, seconds=_SECONDS)},
        poolclass=NullPool,
    )
    try:
        async with engine.connect() as connection:
            if await connection.run_sync(_revision) == HEAD:
                return
        async with engine.begin() as connection:
            await connection.run_sync(_migrate)
    finally:
        await engine.dispose()


def _revision(connection: Connection) -> str | None:
    """The revision of the tables; None where there are none."""
    known = connection.execute(text("SELECT to_regclass('alembic_version')")).scalar_one()
    if known is None:
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return found


def missing_tables(connection: Connection) -> frozenset[str]:
    """Which of our tables are not there: all of ``TABLES`` in a database that is new."""
    return TABLES.difference(connection.execute(_THERE, {"names": list(TABLES)}).scalars())


def _migrate(connection: Connection) -> None:
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    found = _revision(connection)
    if found != HEAD:
        upgrade(connection, found, "database")
