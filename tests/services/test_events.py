"""Streams of events where their promises are hard to keep: slow subscribers, rebuilds, many changes at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from registry.bootstrap import Registry, open_registry
from registry.domain.events import Event, EventFilter
from registry.domain.rights import Sight
from registry.services import event_feed as service
from registry.services.event_feed import Notice, Told
from registry.services.events import Subscription
from tests.stock import DEFAULT, TONE, write_files

ALL = EventFilter()


@pytest.fixture
async def followed(stocked: Registry) -> AsyncIterator[Registry]:
    following = asyncio.create_task(stocked.event_streams.follow())
    await asyncio.sleep(0)
    yield stocked
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


async def taken(subscription: Subscription, count: int) -> list[Told]:
    found: list[Told] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            found += await subscription.take(5)
    return found


async def change(registry: Registry, text: str) -> None:
    await write_files(registry, {"prompts/partials/tone.prompt.yaml": TONE.replace("brief", text)}, text)


async def test_a_change_between_replay_and_stream_comes_once(followed: Registry) -> None:
    """Whatever the moment at which the change comes: before, while and after the subscriber joins."""
    seen: list[list[str]] = []

    async def join() -> None:
        async with followed.event_streams.subscribe(DEFAULT, ALL, after="0") as subscription:
            seen.append([str(told.position) for told in await taken(subscription, 20)])

    joining = []
    for number in range(4):
        joining.append(asyncio.create_task(join()))
        await change(followed, f"kind {number}")
        joining.append(asyncio.create_task(join()))
    await asyncio.gather(*joining)
    assert len(set(seen[0])) == len(seen[0])
    assert all(each == seen[0] for each in seen)


async def test_a_subscriber_waits_no_longer_than_it_wants(followed: Registry) -> None:
    async with followed.event_streams.subscribe(DEFAULT, ALL) as subscription, asyncio.timeout(2):
        assert await subscription.take(0.01) == []
        assert not subscription.ended
        await change(followed, "kind")
        assert len(await subscription.take(1)) == 3


async def test_a_filter_moves_the_place_on(followed: Registry) -> None:
    async with followed.event_streams.subscribe(DEFAULT, EventFilter(frozenset({"label"}))) as subscription:
        before = subscription.position
        await change(followed, "kind")
        async with asyncio.timeout(5):
            while subscription.position == before:
                assert await subscription.take(0.05) == []
        assert subscription.position > before


async def test_who_is_too_slow_is_told_to_come_back_and_then_gets_all(
    followed: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RECENT", 4)
    async with followed.event_streams.subscribe(DEFAULT, ALL) as slow:
        await change(followed, "kind 0")
        first = await taken(slow, 3)
        for number in range(1, 5):
            await change(followed, f"kind {number}")
        async with followed.event_streams.subscribe(DEFAULT, ALL) as quick:
            await change(followed, "kind 5")
            assert len(await taken(quick, 3)) == 3
        (last,) = await taken(slow, 1)
        assert (last.what, slow.ended) == (Notice.RESUME, True)
        assert last.position == first[-1].position
    async with followed.event_streams.subscribe(DEFAULT, ALL, after=str(last.position)) as again:
        assert len(await taken(again, 15)) == 15


async def test_too_much_at_once_is_a_reset(followed: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "REPLAYED_AT_MOST", 2)
    async with followed.event_streams.subscribe(DEFAULT, ALL) as subscription:
        await change(followed, "kind")
        (told,) = await taken(subscription, 1)
        assert (told.what, str(told.position)[:2]) == (Notice.RESET, "4-")
    async with followed.event_streams.subscribe(DEFAULT, ALL, after="0") as subscription:
        assert [told.what for told in await taken(subscription, 1)] == [Notice.RESET]
        assert await subscription.take(0.05) == []


async def test_what_is_not_seen_is_not_too_much(followed: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    async with followed.event_streams.subscribe(DEFAULT, ALL) as subscription:
        start = str(subscription.position)
    for number in range(3):
        await change(followed, f"kind {number}")
    monkeypatch.setattr(service, "REPLAYED_AT_MOST", 2)
    for folder, told in (("고객지원", []), ("partials", [Notice.RESET])):
        seen = EventFilter(sight=Sight((folder,)))
        async with followed.event_streams.subscribe(DEFAULT, seen, after=start) as subscription:
            assert [each.what for each in await subscription.take(0.05)] == told
    await write_files(followed, {"prompts/고객지원/새.prompt.yaml": TONE}, "New")
    async with followed.event_streams.subscribe(DEFAULT, seen_there(), after=start) as subscription:
        assert [each.what.type for each in await taken(subscription, 1) if isinstance(each.what, Event)] == [
            "template_changed"
        ]
    monkeypatch.setattr(service, "READ_AT_MOST", 5)
    async with followed.event_streams.subscribe(DEFAULT, seen_there(), after=start) as subscription:
        assert [each.what for each in await subscription.take(0.05)] == [Notice.RESET]


def seen_there() -> EventFilter:
    return EventFilter(sight=Sight(("고객지원",)))


async def test_a_rebuild_of_many_batches_is_told_and_repeats_nothing(
    followed: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.services.projecting.COMMITS_AT_ONCE", 1)
    async with followed.event_streams.subscribe(DEFAULT, ALL) as subscription:
        place = subscription.position
        await followed.indexing.rebuild(DEFAULT)
        (told,) = await taken(subscription, 1)
        assert isinstance(told.what, Event)
        assert (told.what.type, told.position) == ("repository_rebuilt", place)
        await change(followed, "kind")
        assert [told.position.ordinal for told in await taken(subscription, 3)] == [4, 4, 4]


async def test_what_another_process_projects_is_seen(followed: Registry) -> None:
    async with followed.event_streams.subscribe(DEFAULT, ALL) as subscription:
        async with open_registry(followed.settings) as other:
            await change(other, "kind")
        assert len(await taken(subscription, 3)) == 3


async def test_closing_ends_every_stream(followed: Registry) -> None:
    async with followed.event_streams.subscribe(DEFAULT, ALL) as subscription, asyncio.timeout(2):
        waiting = asyncio.create_task(subscription.take(60))
        await asyncio.sleep(0)
        followed.event_streams.close()
        assert await waiting == []
        assert subscription.ended
        async with followed.event_streams.subscribe(DEFAULT, ALL) as late:
            assert await late.take(60) == []


async def test_a_thousand_may_listen(followed: Registry) -> None:
    async def listen(ready: asyncio.Semaphore) -> list[str]:
        async with followed.event_streams.subscribe(DEFAULT, ALL) as subscription:
            ready.release()
            return [str(told.position) for told in await taken(subscription, 9)]

    ready = asyncio.Semaphore(0)
    listening = [asyncio.create_task(listen(ready)) for _ in range(1000)]
    for _ in listening:
        await ready.acquire()
    for number in range(3):
        await change(followed, f"kind {number}")
    told = await asyncio.gather(*listening)
    assert all(each == told[0] for each in told)


HIDDEN, SEEN = "prompts/secret/{}.prompt.yaml", "prompts/support/{}.prompt.yaml"
SUPPORT = EventFilter(sight=Sight(("support",)))


async def write_many(registry: Registry, round_: int) -> None:
    files = {path.format(name): f"{TONE}# {round_}\n" for path in (HIDDEN, SEEN) for name in ("a", "m", "z")}
    await write_files(registry, files, f"round {round_}")


async def test_who_sees_a_folder_is_told_what_happens_there_and_no_more(followed: Registry) -> None:
    async with followed.event_streams.subscribe(DEFAULT, SUPPORT) as subscription:
        await write_many(followed, 1)
        await write_files(followed, {"labels/x/secret.yaml": "a: 1\n"}, "a label that is not seen")
        before = [str(told.position) for told in await taken(subscription, 3)]
        assert [position.partition("-")[0].partition(".")[2] for position in before] == ["1", "2", "3"]
        place = subscription.position
        await write_files(followed, {HIDDEN.format("a"): None, "labels/x/secret.yaml": None}, "gone")
        assert await subscription.take(0.5) == []
        assert subscription.position == place, "a place past it would tell that something happened"


async def test_who_sees_a_folder_goes_on_after_any_event_without_gap_or_repetition(followed: Registry) -> None:
    async with followed.event_streams.subscribe(DEFAULT, SUPPORT) as subscription:
        for round_ in range(3):
            await write_many(followed, round_)
        whole = [(str(told.position), told.what) for told in await taken(subscription, 9)]
    assert {told.name for _, told in whole} == {"support/a", "support/m", "support/z"}  # type: ignore[union-attr]
    assert len({position for position, _ in whole}) == 9
    for number, (position, _) in enumerate(whole[:-1]):
        async with followed.event_streams.subscribe(DEFAULT, SUPPORT, after=position) as subscription:
            rest = await taken(subscription, 8 - number)
        assert [(str(told.position), told.what) for told in rest] == whole[number + 1 :], position


async def test_a_name_that_is_not_seen_is_not_told_with_one_that_is(followed: Registry) -> None:
    await write_files(followed, {SEEN.format("here"): f"{TONE}# moves\n"}, "here")
    async with followed.event_streams.subscribe(DEFAULT, SUPPORT) as subscription:
        text = f"{TONE}# moves\n"
        await write_files(followed, {SEEN.format("here"): None, HIDDEN.format("there"): text}, "away")
        await write_files(followed, {HIDDEN.format("there"): None, SEEN.format("back"): text}, "and back")
        away, back = [told.what for told in await taken(subscription, 2)]
    assert (away.type, back.type) == ("template_removed", "template_changed")  # type: ignore[union-attr]
    assert back.moved_from is None  # type: ignore[union-attr]
