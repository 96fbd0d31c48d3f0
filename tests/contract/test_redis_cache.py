"""A cache in a Redis that is killed, stopped, full, flushed or in other hands: it costs time, a little of it, only."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from registry.adapters.memory.cache import MemoryCache
from registry.adapters.redis import cache as redis_cache
from registry.adapters.redis.cache import RedisCache
from registry.adapters.redis.server import DEADLINE_SECONDS, RedisServer
from registry.domain.dependencies import Circuit
from tests.contract.test_cache import Maker, soon
from tests.own_services import own_redis


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Any]:
    async with own_redis(tmp_path / "redis") as started:
        yield started


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


PATIENCE = 5.0
"""The deadline where a test is about something else: its machine may be busy."""


def process(stack: AsyncExitStack, url: str, seconds: float = DEADLINE_SECONDS) -> RedisCache:
    """The cache of a process that keeps nothing itself."""
    connection = RedisServer(url, "test", seconds=seconds)
    stack.push_async_callback(connection.close)
    cache = RedisCache(connection, front=MemoryCache(max_bytes=0), edition="1")
    stack.push_async_callback(cache.close)
    return cache


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_without_redis_everything_is_made_and_nobody_waits_long(
    server: Any, stack: AsyncExitStack, how: str
) -> None:
    cache = process(stack, server.url)
    await cache.put("a", b"a", seconds=60)
    assert await soon(cache, "a", b"a") == b"a"
    await getattr(server, how)()
    make = Maker()
    for number in range(20):
        started = time.monotonic()
        assert await cache.find(f"{number}") is None
        await cache.put(f"{number}", b"x", seconds=60)
        assert await cache.fetch(f"b{number}", make, seconds=60) == b"made"
        assert time.monotonic() - started < 0.6, "a few deadlines of 50 ms"
    started = time.monotonic()
    for number in range(100):
        assert await cache.find(f"{number}") is None
    assert time.monotonic() - started < 0.6, "with the circuit open nothing is waited for"
    await (server.cont() if how == "stop" else server.restart())
    for _ in range(100):
        await cache.put("again", b"again", seconds=60)
        if await cache.find("again") == b"again":
            break
        await asyncio.sleep(0.1)
    assert await cache.find("again") == b"again"


async def test_a_full_redis_still_gives_what_it_has(
    tmp_path: Path, stack: AsyncExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    async with own_redis(tmp_path / "full", maxmemory_policy="noeviction") as full:
        cache = process(stack, full.url)
        await cache.put("early", b"early", seconds=60)
        assert await soon(cache, "early", b"early") == b"early"
        async with Redis.from_url(full.url) as client:
            await client.config_set("maxmemory", 1)
        make = Maker()
        for _ in range(10):
            assert await cache.fetch("new", make, seconds=60) == b"made"
        assert make.made == 10
        assert await cache.find("early") == b"early"
        assert cache._server.breaker.condition().circuit is Circuit.CLOSED
        assert [record.getMessage() for record in caplog.records] == [
            "Redis refuses what is asked of it, which makes answers slower: "
            "command not allowed when used memory > 'maxmemory'."
        ]


async def test_a_full_redis_that_evicts_stays_below_its_limit(tmp_path: Path, stack: AsyncExitStack) -> None:
    async with own_redis(tmp_path / "small", maxmemory="4mb", maxmemory_policy="allkeys-lru") as small:
        cache = process(stack, small.url)
        for number in range(100):
            await cache.put(f"{number}", b"x" * 100_000, seconds=60)
            await asyncio.sleep(0.01)
        assert await soon(cache, "99", b"x" * 100_000) == b"x" * 100_000
        assert await cache.find("0") is None


async def test_a_flushed_redis_is_an_empty_one(server: Any, stack: AsyncExitStack) -> None:
    cache = process(stack, server.url)
    make = Maker()
    assert await cache.fetch("a", make, seconds=60) == b"made"
    async with Redis.from_url(server.url) as client:
        await client.flushall()
    assert await cache.fetch("a", make, seconds=60) == b"made"
    assert make.made == 2


async def test_who_makes_a_value_and_is_gone_is_not_waited_for_long(
    server: Any, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_cache, "PATIENCE_SECONDS", 0.5)
    cache = process(stack, server.url)
    async with Redis.from_url(server.url) as client:
        await client.set("test:lease:1:a", b"of a process that was killed", px=60_000)
        started = time.monotonic()
        assert await cache.fetch("a", Maker(), seconds=60) == b"made"
        assert 0.4 < time.monotonic() - started < 2
        assert await client.get("test:lease:1:a") == b"of a process that was killed", "another's lease is left alone"


async def test_who_waited_gets_what_another_process_made(server: Any, stack: AsyncExitStack) -> None:
    caches = [process(stack, server.url, PATIENCE) for _ in range(5)]
    make = Maker(seconds=0.3)
    values = await asyncio.gather(*(cache.fetch("a", make, seconds=60) for cache in caches))
    assert (set(values), make.made) == ({b"made"}, 1)
    async with Redis.from_url(server.url) as client:
        assert await client.keys() == [b"test:cache:1:a"], "the lease was given back"
        assert 55_000 < await client.pttl("test:cache:1:a") <= 60_000


async def test_a_key_that_is_no_text_of_ours_is_not_there(server: Any, stack: AsyncExitStack) -> None:
    """Something else in that Redis has the name: reads are as if there were none."""
    cache = process(stack, server.url)
    async with Redis.from_url(server.url) as client:
        await client.lpush("test:cache:1:a", "x")
        await client.lpush("test:lease:1:a", "x")
    assert await cache.find("a") is None
    assert await cache.fetch("a", Maker(), seconds=60) == b"made"


async def test_many_questions_go_in_few(server: Any, stack: AsyncExitStack) -> None:
    cache = process(stack, server.url)
    await cache.put("a", b"a", seconds=60)
    await soon(cache, "a", b"a")
    async with Redis.from_url(server.url) as client:
        await client.config_resetstat()
        assert set(await asyncio.gather(*(cache.find("a" if n % 2 else f"{n}") for n in range(400)))) == {b"a", None}
        stats = await client.info("commandstats")
    assert stats["cmdstat_mget"]["calls"] <= 5
    assert "cmdstat_get" not in stats


async def test_a_wrong_password_costs_speed_only(server: Any, stack: AsyncExitStack) -> None:
    cache = process(stack, server.url.replace(":@", ":wrong@") if ":@" in server.url else _wrong(server.url))
    for number in range(10):
        assert await cache.find(f"{number}") is None
        assert await cache.fetch("a", Maker(), seconds=60) == b"made"
    condition = cache._server.breaker.condition()
    assert condition.circuit is not Circuit.CLOSED
    assert "wrong" not in condition.reason


def _wrong(url: str) -> str:
    head, _, tail = url.partition("@")
    return f"{head.rpartition(':')[0]}:wrong@{tail}"
