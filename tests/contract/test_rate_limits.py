"""What counting requests promises: in memory, in Redis, and in Redis as seen from another process; also without Redis."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry.adapters.memory.rate_limits import MemoryRateLimits
from registry.adapters.redis import rate_limits
from registry.adapters.redis.rate_limits import RedisRateLimits
from registry.adapters.redis.server import RedisServer
from registry.domain.dependencies import Circuit
from registry.domain.rate_limits import LimitKind, RateLimit
from registry.ports.rate_limits import RateLimits
from tests.backing import redis_url
from tests.own_services import own_redis

LIMIT = RateLimit(LimitKind.WRITES, quota=20, seconds=600.0)


@dataclass(frozen=True)
class Ends:
    """Where requests are counted, and where it is asked how many there were."""

    here: RateLimits
    there: RateLimits


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine of the tests may be busy."""
    monkeypatch.setattr(rate_limits, "SECONDS_OF_A_CALL", 5.0)


@pytest.fixture(params=["memory", "redis", "redis, another process"])
async def ends(request: pytest.FixtureRequest) -> AsyncIterator[Ends]:
    if request.param == "memory":
        counted = MemoryRateLimits()
        yield Ends(counted, counted)
        return
    namespace = f"test-{secrets.token_hex(6)}"
    async with AsyncExitStack() as stack:
        here, there = (redis_limits(stack, redis_url(), namespace) for _ in range(2))
        yield Ends(here, here if request.param == "redis" else there)


def redis_limits(stack: AsyncExitStack, url: str, namespace: str) -> RedisRateLimits:
    server = RedisServer(url, namespace, seconds=5.0)
    stack.push_async_callback(server.close)
    limits = RedisRateLimits(server)
    stack.push_async_callback(limits.close)
    return limits


async def left(counted: RateLimits, who: str, at_most: int, limit: RateLimit = LIMIT) -> int:
    """How many are left once that is so few, else after ten seconds. Asking takes one, which tells of the others."""
    for _ in range(200):
        found = counted.take(limit, who).left
        if found <= at_most:
            return found
        await asyncio.sleep(0.3)
    return found


async def test_requests_count_here_at_once_and_there_soon(ends: Ends) -> None:
    assert [ends.here.take(LIMIT, "ada").is_allowed for _ in range(20)] == [True] * 20
    assert not ends.here.take(LIMIT, "ada").is_allowed
    assert await left(ends.there, "ada", 0) == 0
    assert not ends.there.take(LIMIT, "ada").is_allowed
    assert ends.there.take(LIMIT, "hana").left == 19


async def test_both_sides_add_up(ends: Ends) -> None:
    for _ in range(6):
        ends.here.take(LIMIT, "ada")
    await asyncio.sleep(0.5)
    for _ in range(6):
        ends.there.take(LIMIT, "ada")
    async with asyncio.timeout(20):
        while ends.there.look(LIMIT, "ada").left > 8:
            await asyncio.sleep(0.05)
    assert ends.there.look(LIMIT, "ada").left == 8


async def test_looking_counts_nothing(ends: Ends) -> None:
    for _ in range(30):
        assert ends.here.look(LIMIT, "ada").left == 20
    assert ends.there.take(LIMIT, "ada").left == 19


async def test_limits_are_apart(ends: Ends) -> None:
    other = RateLimit(LimitKind.GIT, quota=20, seconds=600.0)
    for _ in range(20):
        ends.here.take(LIMIT, "ada")
    await asyncio.sleep(0.3)
    assert ends.there.take(other, "ada").left == 19


async def test_many_callers_at_once() -> None:
    async with AsyncExitStack() as stack:
        here, there = (redis_limits(stack, redis_url(), f"test-{secrets.token_hex(6)}") for _ in range(2))
        there = redis_limits(stack, redis_url(), here._server.namespace)
        for number in range(1000):
            here.take(LIMIT, f"caller-{number}")
        assert await left(there, "caller-999", 18) == 18
        assert not here._untold


async def test_redis_forgets_who_has_all_again(tmp_path: Path) -> None:
    async with own_redis(tmp_path / "redis") as server, AsyncExitStack() as stack:
        limits = redis_limits(stack, server.url, "test")
        limits.take(RateLimit(LimitKind.GIT, quota=10, seconds=1.0), "ada")
        client = limits._server.client
        async with asyncio.timeout(20):
            while not await client.dbsize():
                await asyncio.sleep(0.05)
            assert await client.keys() == [b"test:limit:git:ada"]
            while await client.dbsize():
                await asyncio.sleep(0.1)


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_without_redis_each_counts_for_itself_and_nobody_waits(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "SECONDS_OF_A_CALL", 0.2)
    async with own_redis(tmp_path / "redis") as server, AsyncExitStack() as stack:
        limits = redis_limits(stack, server.url, "test")
        limits.take(LIMIT, "ada")
        await asyncio.sleep(0.3)
        await getattr(server, how)()
        started, waited = time.monotonic(), 0.0
        while limits._server.breaker.condition().circuit is Circuit.CLOSED and waited < 20:
            limits.take(LIMIT, f"someone-{waited}")
            await asyncio.sleep(0.1)
            waited = time.monotonic() - started
        assert limits._server.breaker.condition().circuit is not Circuit.CLOSED
        assert [limits.take(LIMIT, "ada").left for _ in range(20)][-1] == 0
        assert not limits.take(LIMIT, "ada").is_allowed
