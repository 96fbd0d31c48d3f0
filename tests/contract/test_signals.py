"""Signals between processes: told to everybody who listens, also after the connection was lost."""

import asyncio

import asyncpg

from registry.adapters.sql.signals import PROJECTED, PostgresSignals
from registry.domain.ids import RepositoryName
from tests.backing import postgres_url

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
