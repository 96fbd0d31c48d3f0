"""What every cache promises: the one in memory, and the one in Redis as seen from one process and from another."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from registry.adapters.memory.cache import MemoryCache
from registry.adapters.redis.cache import RedisCache
from registry.adapters.redis.server import RedisServer
from registry.ports.cache import Cache
from tests.backing import redis_url


@dataclass(frozen=True)
class Ends:
    """Where values are put, and where they are looked for: the same cache, or those of two processes."""

    here: Cache
    there: Cache


@pytest.fixture(params=["memory", "redis", "redis, another process"])
async def ends(request: pytest.FixtureRequest) -> AsyncIterator[Ends]:
    if request.param == "memory":
        cache = MemoryCache(max_bytes=1_000_000)
        yield Ends(cache, cache)
        return
    namespace = f"test-{secrets.token_hex(6)}"
    async with AsyncExitStack() as stack:
        here, there = (redis_cache(stack, namespace, front_bytes=100_000) for _ in range(2))
        yield Ends(here, here if request.param == "redis" else there)


def redis_cache(stack: AsyncExitStack, namespace: str, *, front_bytes: int = 0) -> RedisCache:
    server = RedisServer(redis_url(), namespace)
    stack.push_async_callback(server.close)
    cache = RedisCache(server, front=MemoryCache(max_bytes=front_bytes), edition="1")
    stack.push_async_callback(cache.close)
    return cache


async def soon(cache: Cache, key: str, wanted: bytes | None) -> bytes | None:
    """What is found, once it is what is wanted, else after ten seconds: a busy machine opens the circuit for a while."""
    for _ in range(500):
        if (found := await cache.find(key)) == wanted:
            return found
        await asyncio.sleep(0.02)
    return found


class Maker:
    """Makes a value, and counts how often."""

    def __init__(self, value: bytes = b"made", seconds: float = 0.0) -> None:
        self.value = value
        self.seconds = seconds
        self.made = 0

    async def __call__(self) -> bytes:
        self.made += 1
        await asyncio.sleep(self.seconds)
        return self.value


async def test_what_was_put_is_found(ends: Ends) -> None:
    assert await ends.there.find("a") is None
    await ends.here.put("a", b"\x00\xff bytes", seconds=60)
    await ends.here.put("b", b"", seconds=60)
    assert await soon(ends.there, "a", b"\x00\xff bytes") == b"\x00\xff bytes"
    assert await soon(ends.there, "b", b"") == b"", "an empty value is one"
    assert await ends.there.find("c") is None


async def test_what_was_asked_is_counted_by_layer(ends: Ends) -> None:
    await ends.there.find("nothing")
    await ends.there.put("a", b"x", seconds=60)
    before = ends.there.counts()
    assert all(missed == 1 for _, missed in before.values())
    assert next(iter(before)) == "memory"
    assert await soon(ends.there, "a", b"x") == b"x"
    assert sum(found for found, _ in ends.there.counts().values()) == sum(f for f, _ in before.values()) + 1


async def test_many_values_at_once(ends: Ends) -> None:
    values = {f"key-{n}": b"%d" % n for n in range(250)}
    await asyncio.gather(*(ends.here.put(key, value, seconds=60) for key, value in values.items()))
    found = await asyncio.gather(*(soon(ends.there, key, value) for key, value in values.items()))
    assert found == list(values.values())


async def test_a_value_lives_for_so_long(ends: Ends) -> None:
    await ends.here.put("a", b"a", seconds=2)
    assert await ends.here.find("a") == b"a"
    await asyncio.sleep(4)  # Redis is told a moment later, and who finds it there keeps it for a while
    assert await soon(ends.here, "a", None) is None


async def test_what_is_not_there_is_made_and_kept(ends: Ends) -> None:
    make = Maker()
    assert await ends.here.fetch("a", make, seconds=60) == b"made"
    assert await ends.there.fetch("a", make, seconds=60) == b"made"
    assert await ends.there.find("a") == b"made"
    assert make.made == 1


async def test_of_many_who_ask_at_once_one_makes_it(ends: Ends) -> None:
    make = Maker(seconds=0.3)
    asking = [cache.fetch("a", make, seconds=60) for _ in range(20) for cache in (ends.here, ends.there)]
    assert set(await asyncio.gather(*asking)) == {b"made"}
    assert make.made == 1


async def test_a_failure_is_told_to_all_who_waited_here_and_not_kept(ends: Ends) -> None:
    async def fail() -> bytes:
        await asyncio.sleep(0.01)
        raise LookupError("no")

    results = await asyncio.gather(*(ends.here.fetch("a", fail, seconds=60) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [LookupError] * 3
    async with asyncio.timeout(1):
        assert await ends.there.fetch("a", Maker(), seconds=60) == b"made", "nobody waits for one that failed"


async def test_who_leaves_stops_nobody_else(ends: Ends) -> None:
    make = Maker(seconds=0.1)
    leaving = asyncio.create_task(ends.here.fetch("a", make, seconds=60))
    await asyncio.sleep(0.05)
    staying = asyncio.create_task(ends.here.fetch("a", make, seconds=60))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == b"made"
    assert make.made == 1


async def test_what_is_too_large_is_made_but_not_kept(ends: Ends) -> None:
    make = Maker(b"x" * 5_000_000)
    await ends.here.put("a", make.value, seconds=60)
    assert await ends.here.find("a") is None
    asking: list[Callable[[], Awaitable[bytes]]] = [
        lambda: ends.here.fetch("b", make, seconds=60),
        lambda: ends.there.fetch("b", make, seconds=60),
    ]
    for number, ask in enumerate(asking, 1):
        async with asyncio.timeout(2):
            assert len(await ask()) == 5_000_000
        assert make.made == number
    assert await ends.there.find("b") is None


async def test_in_memory_the_least_recently_used_go_first() -> None:
    cache = MemoryCache(max_bytes=10_000)
    for number in range(3):
        await cache.put(f"{number}", b"x" * 2_400, seconds=60)
    assert await cache.find("0") is not None
    for number in range(3, 5):
        await cache.put(f"{number}", b"x" * 2_400, seconds=60)
    assert [await cache.find(f"{number}") is not None for number in range(5)] == [True, False, False, True, True]
