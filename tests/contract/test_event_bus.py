"""What every event bus promises: the one in memory, the one over Redis in one process and between two."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from registry.adapters.memory.event_bus import MemoryEventBus
from registry.adapters.redis.event_bus import RedisEventBus
from registry.adapters.redis.server import RedisServer
from registry.domain.events import (
    Event,
    LabelMoved,
    RefProjected,
    RepositoryRebuilt,
    TemplateChanged,
    TemplateRemoved,
)
from registry.ports.events import EventBus
from tests.backing import redis_url

COMMIT = "c" * 40


@dataclass(frozen=True)
class Ends:
    """Where events go in, and where they come out: the same bus, or those of two processes."""

    publisher: EventBus
    subscriber: EventBus


def event(number: int) -> Event:
    return RepositoryRebuilt("default", f"{number:040d}")


@pytest.fixture(params=["memory", "redis", "redis, another process"])
async def ends(request: pytest.FixtureRequest) -> AsyncIterator[Ends]:
    if request.param == "memory":
        bus = MemoryEventBus(queue_length=5)
        yield Ends(bus, bus)
        return
    namespace = f"test-{secrets.token_hex(6)}"
    async with AsyncExitStack() as stack:
        buses = []
        for _ in range(2):
            server = RedisServer(redis_url(), namespace)
            stack.push_async_callback(server.close)
            bus = RedisEventBus(server, local=MemoryEventBus(queue_length=5))
            buses.append(await stack.enter_async_context(bus.running()))
        async with asyncio.timeout(5):
            await asyncio.gather(*(bus.connected.wait() for bus in buses))
        yield Ends(buses[0], buses[0] if request.param == "redis" else buses[1])


async def take(events: object, count: int) -> list[int]:
    async with asyncio.timeout(5):
        return [int((await anext(events)).commit) for _ in range(count)]  # type: ignore[call-overload]


async def test_every_subscriber_gets_everything_in_order(ends: Ends) -> None:
    async with ends.subscriber.subscribe() as one, ends.subscriber.subscribe() as other:
        await ends.publisher.publish([event(1), event(2)])
        await ends.publisher.publish([event(3)])
        assert await take(one, 3) == [1, 2, 3]
        assert await take(other, 3) == [1, 2, 3]


async def test_a_subscriber_gets_what_is_published_from_now_on(ends: Ends) -> None:
    async with ends.subscriber.subscribe() as early:
        await ends.publisher.publish([event(1)])
        assert await take(early, 1) == [1]
        async with ends.subscriber.subscribe() as events:
            await ends.publisher.publish([event(2)])
            assert await take(events, 1) == [2]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await anext(events)


async def test_a_waiting_subscriber_is_woken(ends: Ends) -> None:
    async with ends.subscriber.subscribe() as events:
        waiting = asyncio.create_task(take(events, 2))
        await asyncio.sleep(0)
        await ends.publisher.publish([event(1)])
        await asyncio.sleep(0)
        await ends.publisher.publish([event(2)])
        assert await waiting == [1, 2]


async def test_a_slow_subscriber_loses_its_oldest_and_holds_nobody_up(ends: Ends) -> None:
    async with ends.subscriber.subscribe() as slow, ends.subscriber.subscribe() as quick:
        seen = []
        for number in range(12):
            async with asyncio.timeout(2):
                await ends.publisher.publish([event(number)])
            seen += await take(quick, 1)
        assert seen == list(range(12))
        assert await take(slow, 5) == [7, 8, 9, 10, 11]


async def test_who_has_left_costs_nothing(ends: Ends) -> None:
    async with ends.subscriber.subscribe():
        pass
    async with ends.subscriber.subscribe() as events:
        await ends.publisher.publish([event(2)])
        assert await take(events, 1) == [2]


EVERY_KIND: list[Event] = [
    TemplateChanged("default", COMMIT, "support/환불", 3, valid=True, cause="partials/tone", moved_from="support/b"),
    TemplateRemoved("default", COMMIT, "support/old", 7, moved_to=None),
    LabelMoved("default", COMMIT, "production", "support/환불", 2, None),
    RefProjected("default", COMMIT, "refs/heads/main"),
    RepositoryRebuilt("default", COMMIT),
]


@pytest.mark.parametrize("told", EVERY_KIND, ids=lambda told: type(told).__name__)
async def test_an_event_arrives_as_it_was(ends: Ends, told: Event) -> None:
    async with ends.subscriber.subscribe() as events, asyncio.timeout(5):
        await ends.publisher.publish([told])
        assert await anext(events) == told


def test_no_kind_of_event_is_forgotten_here() -> None:
    assert {type(each).__name__ for each in EVERY_KIND} == {kind.__name__ for kind in Event.__subclasses__()}
