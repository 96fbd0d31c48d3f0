"""Events over a Redis that goes away and comes back, and messages of other versions."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from registry.adapters.memory.event_bus import MemoryEventBus
from registry.adapters.redis import event_bus
from registry.adapters.redis.event_bus import RedisEventBus
from registry.adapters.redis.event_messages import read_message, write_message
from registry.adapters.redis.server import RedisServer
from registry.domain.dependencies import Circuit
from registry.domain.events import Event, EventsMissed, LabelMoved, RefProjected, TemplateChanged
from tests.own_services import own_redis

NAMESPACE = "test"
CHANNEL = "test:events"


def event(number: int) -> Event:
    return RefProjected("default", f"{number:040d}", "refs/heads/main")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Any]:
    async with own_redis(tmp_path / "redis") as started:
        yield started


async def processes(stack: AsyncExitStack, url: str, count: int) -> list[RedisEventBus]:
    """The buses of so many processes, which are connected if there is a Redis."""
    buses = []
    for _ in range(count):
        connection = RedisServer(url, NAMESPACE)
        stack.push_async_callback(connection.close)
        buses.append(await stack.enter_async_context(RedisEventBus(connection, local=MemoryEventBus()).running()))
    return buses


async def connected(*buses: RedisEventBus) -> None:
    async with asyncio.timeout(20):
        await asyncio.gather(*(bus.connected.wait() for bus in buses))


async def until(events: Any, wanted: Event | EventsMissed, seconds: float = 20) -> list[Event | EventsMissed]:
    """What comes until the one that is wanted comes."""
    seen: list[Event | EventsMissed] = []
    async with asyncio.timeout(seconds):
        while wanted not in seen:
            seen.append(await anext(events))
    return seen


async def test_without_redis_events_stay_in_the_process(server: Any) -> None:
    await server.kill()
    async with AsyncExitStack() as stack:
        (bus,) = await processes(stack, server.url, 1)
        async with bus.subscribe() as events:
            for number in range(50):
                async with asyncio.timeout(0.5):
                    await bus.publish([event(number)])
                    assert await anext(events) == event(number)


@pytest.mark.parametrize("how", ["kill", "end", "stop"])
async def test_who_may_have_missed_something_is_told_so_once_redis_is_back(
    server: Any, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_bus, "SILENCE_SECONDS", 0.5)
    async with AsyncExitStack() as stack:
        here, there = await processes(stack, server.url, 2)
        await connected(here, there)
        async with there.subscribe() as events:
            await here.publish([event(1)])
            await until(events, event(1))
            await getattr(server, how)()
            await here.publish([event(2)])
            await asyncio.sleep(2.0)
            await (server.cont() if how == "stop" else server.restart())
            await until(events, EventsMissed())
            await connected(here, there)
            seen: list[Event | EventsMissed] = []
            async with asyncio.timeout(20):
                while event(3) not in seen:  # the first to be sent may meet what is left of the old connection
                    await here.publish([event(3)])
                    with suppress(TimeoutError):
                        seen += await until(events, event(3), seconds=0.5)
            assert event(2) not in seen or how == "stop"
            assert here._server.breaker.condition().circuit is Circuit.CLOSED


async def test_a_silent_connection_is_kept(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_bus, "SILENCE_SECONDS", 0.1)
    async with AsyncExitStack() as stack:
        here, there = await processes(stack, server.url, 2)
        await connected(here, there)
        async with there.subscribe() as events:
            await asyncio.sleep(1.0)
            await here.publish([event(1)])
            assert await until(events, event(1)) == [event(1)], "nothing was missed"


async def test_a_redis_that_hangs_is_known_to_be_away_though_nobody_asks_it(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_bus, "SILENCE_SECONDS", 0.5)
    async with AsyncExitStack() as stack:
        (bus,) = await processes(stack, server.url, 1)
        await connected(bus)
        await server.stop()
        await asyncio.sleep(2.0)  # silence, the question, and two tries more
        assert bus._server.breaker.condition().circuit is not Circuit.CLOSED
        await server.cont()
        async with asyncio.timeout(10):
            while bus._server.breaker.condition().circuit is not Circuit.CLOSED:
                await asyncio.sleep(0.1)


async def test_what_a_process_publishes_does_not_come_back_to_it(server: Any) -> None:
    async with AsyncExitStack() as stack:
        here, there = await processes(stack, server.url, 2)
        await connected(here, there)
        async with here.subscribe() as events:
            await here.publish([event(1)])
            await there.publish([event(2)])
            assert await until(events, event(2)) == [event(1), event(2)]


async def test_what_cannot_wait_any_more_is_told_as_missed(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_bus, "WAITING", 3)
    async with AsyncExitStack() as stack:
        here, there = await processes(stack, server.url, 2)
        await connected(here, there)
        async with there.subscribe() as events:
            await here.publish([event(number) for number in range(1_000)])
            assert await until(events, EventsMissed()) == [EventsMissed()]


async def test_many_events_arrive_whole(server: Any) -> None:
    async with AsyncExitStack() as stack:
        here, there = await processes(stack, server.url, 2)
        await connected(here, there)
        many: list[Event] = [TemplateChanged("default", "c" * 40, f"a/{n}", 1, valid=True) for n in range(3_000)]
        async with there.subscribe() as events:
            await here.publish([*many, event(1)])
            assert await until(events, event(1)) == [*many, event(1)]


async def test_what_was_published_before_the_end_is_sent(server: Any) -> None:
    async with AsyncExitStack() as stack:
        (there,) = await processes(stack, server.url, 1)
        await connected(there)
        async with there.subscribe() as events:
            async with AsyncExitStack() as short:
                (here,) = await processes(short, server.url, 1)
                await here.publish([event(1)])
            assert event(1) in await until(events, event(1))


async def test_messages_of_other_versions_harm_nobody(server: Any) -> None:
    label = {"repository": "default", "commit": "c" * 40, "label": "production", "name": "a", "old": 1, "new": 2}
    known = {"event": "LabelMoved", "is": {**label, "reason": "a field of tomorrow"}}
    unknown = {"event": "MergeRequestMerged", "is": {"repository": "default", "commit": "c" * 40}}
    poor = {"event": "LabelMoved", "is": {"repository": "default"}}
    messages = [
        b"\xff\xfe no JSON",
        b"[1, 2]",
        b'"text"',
        b"{}",
        json.dumps({"v": 1, "from": "x", "events": "none"}).encode(),
        json.dumps({"v": 1, "from": "x", "events": [unknown, poor, 5, {"event": "LabelMoved", "is": 7}]}).encode(),
        json.dumps({"v": 2, "from": "x", "happenings": []}).encode(),
        json.dumps({"v": 1, "from": "x", "events": [unknown, known]}).encode(),
    ]
    async with AsyncExitStack() as stack:
        (bus,) = await processes(stack, server.url, 1)
        await connected(bus)
        async with bus.subscribe() as events, Redis.from_url(server.url) as client:
            for message in messages:
                await client.publish(CHANNEL, message)
            moved = LabelMoved("default", "c" * 40, "production", "a", 1, 2)
            assert await until(events, moved) == [EventsMissed(), moved], "a newer format may say anything"


def test_the_form_on_the_wire_is_this() -> None:
    told = json.loads(write_message("me", [event(1)]))
    assert told == {
        "v": 1,
        "from": "me",
        "events": [
            {
                "event": "RefProjected",
                "is": {"repository": "default", "commit": f"{1:040d}", "ref": "refs/heads/main"},
            }
        ],
    }
    read = read_message(json.dumps(told).encode())
    assert read is not None
    assert (read.sender, read.events) == ("me", (event(1),))
