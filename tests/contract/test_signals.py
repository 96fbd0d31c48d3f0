"""Signals between processes: told to everybody who listens, also after the connection was lost."""

import asyncio

import asyncpg
import pytest

from registry.adapters.sql.engine import Database
from registry.adapters.sql.outbox import SqlOutbox
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.search_index import SqlSearchIndex
from registry.adapters.sql.signals import PROJECTED, PostgresSignals
from registry.domain.errors import Unavailable
from registry.domain.ids import CommitId, RefName, RepositoryName
from registry.services import followed_projection
from registry.services.followed_projection import FollowedFeed, FollowedProjection
from registry.services.search_feed import SearchFeed
from tests.backing import postgres_url
from tests.projected import History

DEFAULT = RepositoryName("default")


async def test_a_hint_reaches_another_process_and_a_projection_whoever_waits() -> None:
    url = postgres_url()
    here, there = PostgresSignals(url), PostgresSignals(url)
    async with (
        asyncio.timeout(10),
        here.connected(),
        there.connected(),
        there.hints() as hints,
        here.projections() as told,
    ):
        assert await anext(hints) is None
        assert await anext(hints) is None  # connected: what was said before may have been missed
        assert await anext(told) is None
        assert await anext(told) is None
        await here.hint(RepositoryName("signals-one"))
        while await anext(hints) != "signals-one":
            pass
        connection = await asyncpg.connect(url)
        await connection.execute("SELECT pg_notify($1, $2)", PROJECTED, "signals-one 0123abcd")
        await connection.close()
        while await anext(told) != "signals-one":
            pass


async def test_after_a_lost_connection_anything_may_have_happened_and_signals_go_on() -> None:
    url = postgres_url()
    signals = PostgresSignals(url)
    async with asyncio.timeout(20), signals.connected(), signals.hints() as hints:
        assert [await anext(hints), await anext(hints)] == [None, None]
        assert signals._connection is not None
        pid = signals._connection.get_server_pid()
        connection = await asyncpg.connect(url)
        await connection.execute("SELECT pg_terminate_backend($1)", pid)
        while await anext(hints) is not None:
            pass
        await signals.hint(RepositoryName("signals-two"))
        while await anext(hints) != "signals-two":
            pass
        await connection.close()


async def test_a_wait_that_is_given_up_ends_no_subscription() -> None:
    signals = PostgresSignals(postgres_url())
    async with signals.hints() as hints:
        assert await anext(hints) is None
        for _ in range(2):
            try:
                async with asyncio.timeout(0.01):
                    await anext(hints)
            except TimeoutError:
                continue
            raise AssertionError("nothing was hinted")


async def test_a_hint_while_postgresql_is_away_is_no_error() -> None:
    signals = PostgresSignals("postgresql://nobody@127.0.0.1:1/none")
    async with signals.connected():
        await signals.hint(DEFAULT)


async def test_who_waits_for_a_feed_hears_of_it_at_once(catalogue_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed_projection, "FED_LOOK_SECONDS", 20.0)
    monkeypatch.setattr(followed_projection, "FED_SECONDS", 20.0)
    database = await Database.open(catalogue_url)
    outbox, signals = SqlOutbox(database), PostgresSignals(catalogue_url)
    async with asyncio.timeout(10), signals.connected(), signals.feeds() as told:
        assert [await anext(told), await anext(told)] == [None, None]
        await SqlProjection(database).apply(History().commit({"a": "text: apple"}))
        waiting = asyncio.create_task(FollowedFeed(outbox=outbox, signals=signals).drain())
        done, _ = await asyncio.wait([waiting], timeout=0.2)
        assert not done
        assert await SearchFeed(outbox=outbox, index=SqlSearchIndex(database)).drain()
        await waiting
        assert await anext(told) == DEFAULT
    await database.close()


async def test_a_branch_that_moved_has_moved_while_postgresql_is_away(catalogue_url: str) -> None:
    database = await Database.open(catalogue_url)
    followed = FollowedProjection(projection=SqlProjection(database), signals=PostgresSignals(catalogue_url))
    await database.close()
    await followed.put_refs(DEFAULT, {RefName("refs/heads/draft"): CommitId("1" * 40)})
    with pytest.raises(Unavailable):
        await followed.apply(History().commit({"a": "text: apple"}))
