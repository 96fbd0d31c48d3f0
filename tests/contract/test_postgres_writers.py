"""What writers of one repository on PostgreSQL do to each other: they wait, and none fails."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from registry.adapters.sql.engine import Database
from registry.adapters.sql.outbox import SqlOutbox
from registry.adapters.sql.projection import SqlProjection
from registry.domain.catalogue import Fed
from tests.projected import History

PATIENCE = 20.0
_BLOCKED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
_IN_THE_WAY = """
INSERT INTO outbox (repository_id, kind, name, ordinal) SELECT id, 'engine-renew', '', 1 FROM repositories
"""


@pytest.fixture
async def postgres(catalogue_url: str) -> AsyncIterator[Database]:
    database = await Database.open(catalogue_url, seconds=10)
    yield database
    await database.close()


@pytest.fixture
async def other(catalogue_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(catalogue_url)
    yield connection
    await connection.close()


async def blocked(connection: "asyncpg.Connection[asyncpg.Record]", wanted: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await connection.fetchval(_BLOCKED) != wanted:
            await asyncio.sleep(0.02)
            await connection.execute("SELECT pg_stat_clear_snapshot()")  # a transaction looks once else


async def test_a_projection_waits_while_a_new_index_is_asked_for(
    postgres: Database, other: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    both = (Fed.OWN, Fed.ENGINE)
    projection, outbox, history = SqlProjection(postgres, fed=both), SqlOutbox(postgres, fed=Fed.ENGINE), History()
    await projection.apply(history.commit({"a": "text: one", "b": "text: one"}))
    await outbox.done(await outbox.pending())
    in_the_way = other.transaction()
    await in_the_way.start()
    await other.execute(_IN_THE_WAY)
    filling = asyncio.create_task(outbox.fill("default"))
    await blocked(other, 1)
    projecting = asyncio.create_task(projection.apply(history.commit({"a": "text: two"})))
    await blocked(other, 2)
    await in_the_way.rollback()
    assert await filling == 2
    assert await projecting
    entries = [(entry.kind.value, entry.name, entry.ordinal) for entry in await outbox.pending()]
    assert entries[:2] == [("renew", "", 1), ("document", "b", 1)]
    assert ("document", "a", 2) in entries
    assert await outbox.fed_at_least("default") == 0
