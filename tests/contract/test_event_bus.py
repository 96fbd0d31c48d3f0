"""What every event bus promises, run against the one in memory."""

import asyncio

import pytest

from registry.adapters.memory.event_bus import MemoryEventBus
from registry.domain.events import Event, RepositoryRebuilt
from registry.ports.events import EventBus


def event(number: int) -> Event:
    return RepositoryRebuilt("default", f"{number:040d}")


@pytest.fixture(params=["memory"])
def bus(request: pytest.FixtureRequest) -> EventBus:
    return MemoryEventBus(queue_length=5)


async def take(events: object, count: int) -> list[int]:
    async with asyncio.timeout(2):
        return [int((await anext(events)).commit) for _ in range(count)]  # type: ignore[call-overload]


async def test_every_subscriber_gets_everything_in_order(bus: EventBus) -> None:
    async with bus.subscribe() as one, bus.subscribe() as other:
        await bus.publish([event(1), event(2)])
        await bus.publish([event(3)])
        assert await take(one, 3) == [1, 2, 3]
        assert await take(other, 3) == [1, 2, 3]


async def test_a_subscriber_gets_what_is_published_from_now_on(bus: EventBus) -> None:
    await bus.publish([event(1)])
    async with bus.subscribe() as events:
        await bus.publish([event(2)])
        assert await take(events, 1) == [2]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await anext(events)


async def test_a_waiting_subscriber_is_woken(bus: EventBus) -> None:
    async with bus.subscribe() as events:
        waiting = asyncio.create_task(take(events, 2))
        await asyncio.sleep(0)
        await bus.publish([event(1)])
        await asyncio.sleep(0)
        await bus.publish([event(2)])
        assert await waiting == [1, 2]


async def test_a_slow_subscriber_loses_its_oldest_and_holds_nobody_up(bus: EventBus) -> None:
    async with bus.subscribe() as slow, bus.subscribe() as quick:
        seen = []
        for number in range(12):
            async with asyncio.timeout(2):
                await bus.publish([event(number)])
            seen += await take(quick, 1)
        assert seen == list(range(12))
        assert await take(slow, 5) == [7, 8, 9, 10, 11]


async def test_who_has_left_costs_nothing(bus: EventBus) -> None:
    async with bus.subscribe():
        pass
    await bus.publish([event(1)])
    async with bus.subscribe() as events:
        await bus.publish([event(2)])
        assert await take(events, 1) == [2]
