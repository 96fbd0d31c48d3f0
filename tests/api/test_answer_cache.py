"""The cache of ready answers: never older than the last change, one maker at a time, bounded in bytes."""

import asyncio
from collections.abc import Hashable

import pytest

from api import answer_cache
from api.answer_cache import AnswerCache
from api.answers import DEGRADED, FROM_CACHE, SUPERSEDED, Answer, make_answer
from registry.domain.errors import Unavailable
from registry.domain.ids import RepositoryName

R, OTHER = RepositoryName("default"), RepositoryName("other")
KEY = (b"/x", b"", b"")


class Source:
    """Makes answers, and counts them."""

    def __init__(self) -> None:
        self.made = 0
        self.stamped = 0
        self.stamp: Hashable = 1
        self.status = 200
        self.gate: asyncio.Event | None = None

    async def make(self) -> Answer:
        self.made += 1
        number = self.made
        if self.gate is not None:
            await self.gate.wait()
        return make_answer(b"%d" % number, status=self.status)

    async def stamp_of(self, _: RepositoryName) -> Hashable:
        self.stamped += 1
        return self.stamp


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def cache(source: Source) -> AnswerCache:
    return AnswerCache(max_bytes=10_000, stamp=source.stamp_of)


async def test_what_was_made_is_found_until_the_repository_changes(cache: AnswerCache, source: Source) -> None:
    assert cache.find(KEY) is None
    first = await cache.fetch(R, KEY, source.make)
    assert cache.find(KEY) is first
    cache.bump(OTHER)
    assert cache.find(KEY) is first
    cache.bump(R)
    assert cache.find(KEY) is None
    assert (await cache.fetch(R, KEY, source.make)).body == b"2"


async def test_many_who_ask_at_once_make_it_once(cache: AnswerCache, source: Source) -> None:
    source.gate = asyncio.Event()
    asking = [asyncio.create_task(cache.fetch(R, KEY, source.make)) for _ in range(20)]
    await asyncio.sleep(0)
    source.gate.set()
    answers = await asyncio.gather(*asking)
    assert {answer.body for answer in answers} == {b"1"}
    assert source.stamped == 1


async def test_who_asks_after_a_change_does_not_get_what_was_begun_before(cache: AnswerCache, source: Source) -> None:
    source.gate = asyncio.Event()
    before = asyncio.create_task(cache.fetch(R, KEY, source.make))
    while not source.made:
        await asyncio.sleep(0)
    cache.bump(R)
    after = asyncio.create_task(cache.fetch(R, KEY, source.make))
    while source.made < 2:
        await asyncio.sleep(0)
    source.gate.set()
    assert (await before).body == b"1"
    assert (await after).body == b"2"
    assert cache.find(KEY) is not None
    assert cache.find(KEY).body == b"2"


async def test_a_lost_event_is_noticed_within_the_backstop(
    cache: AnswerCache, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer_cache, "BACKSTOP_SECONDS", 0.02)
    await cache.fetch(R, KEY, source.make)
    await asyncio.sleep(0.03)
    assert cache.find(KEY) is None
    assert (await cache.fetch(R, KEY, source.make)).body == b"1", "the stamp is the same: the answer still holds"
    source.stamp = 2
    await asyncio.sleep(0.03)
    assert (await cache.fetch(R, KEY, source.make)).body == b"2"


async def test_failures_are_told_to_everybody_and_not_kept(cache: AnswerCache) -> None:
    async def fail() -> Answer:
        await asyncio.sleep(0)
        raise LookupError("no")

    results = await asyncio.gather(*(cache.fetch(R, KEY, fail) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [LookupError] * 3
    assert len(cache) == 0


async def test_only_successes_are_kept(cache: AnswerCache, source: Source) -> None:
    source.status = 404
    await cache.fetch(R, KEY, source.make)
    assert cache.find(KEY) is None


async def test_the_least_recently_used_go_first(cache: AnswerCache) -> None:
    async def large() -> Answer:
        return make_answer(b"x" * 2000)

    keys = [(b"/%d" % number, b"", b"") for number in range(4)]
    for key in keys[:3]:
        await cache.fetch(R, key, large)
    assert cache.find(keys[0]) is not None
    await cache.fetch(R, keys[3], large)
    assert cache.find(keys[1]) is None
    assert cache.find(keys[0]) is not None
    assert cache.size <= 10_000


async def test_what_is_larger_than_the_cache_is_not_kept(cache: AnswerCache) -> None:
    async def huge() -> Answer:
        return make_answer(b"x" * 20_000)

    assert len((await cache.fetch(R, KEY, huge)).body) == 20_000
    assert (len(cache), cache.size) == (0, 0)


async def test_a_caller_who_leaves_does_not_stop_the_others(cache: AnswerCache, source: Source) -> None:
    source.gate = asyncio.Event()
    leaving = asyncio.create_task(cache.fetch(R, KEY, source.make))
    staying = asyncio.create_task(cache.fetch(R, KEY, source.make))
    await asyncio.sleep(0.01)
    leaving.cancel()
    source.gate.set()
    assert (await staying).body == b"1"


async def test_a_stamp_is_asked_for_after_every_change_that_was_told(cache: AnswerCache, source: Source) -> None:
    assert [await cache.stamp(R), await cache.stamp(R), source.stamped] == [1, 1, 1]
    source.stamp = 2
    cache.bump(R)
    assert [await cache.stamp(R), await cache.stamp(R), source.stamped] == [2, 2, 2]


async def test_a_stamp_that_was_asked_for_before_a_change_is_not_given_after_it(source: Source) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: RepositoryName) -> Hashable:
        stamp = source.stamp
        asked.set()
        await go_on.wait()
        return stamp

    cache = AnswerCache(max_bytes=10_000, stamp=slow)
    before = asyncio.create_task(cache.stamp(R))
    await asked.wait()
    source.stamp = 2
    cache.bump(R)
    after = asyncio.create_task(cache.stamp(R))
    await asyncio.sleep(0)
    go_on.set()
    assert await after == 2
    await before
    assert await cache.stamp(R) == 2


def is_degraded(answer: Answer) -> bool:
    return DEGRADED in dict(answer.headers)


class Away:
    """A catalogue that can go away, or answer never."""

    def __init__(self) -> None:
        self.away = self.silent = False
        self.asked = 0

    async def stamp_of(self, _: RepositoryName) -> Hashable:
        self.asked += 1
        if self.silent:
            await asyncio.sleep(60)
        if self.away:
            raise Unavailable("away")
        return 1


@pytest.fixture
def catalogue() -> Away:
    return Away()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_cache, "BACKSTOP_SECONDS", 0.02)
    monkeypatch.setattr(answer_cache, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(answer_cache, "AWAY_SECONDS", 0.05)


@pytest.mark.parametrize("how", ["away", "silent"])
@pytest.mark.usefixtures("impatient")
async def test_without_the_catalogue_the_last_answer_is_given_and_marked(
    catalogue: Away, source: Source, how: str
) -> None:
    cache = AnswerCache(max_bytes=10_000, stamp=catalogue.stamp_of)
    first = await cache.fetch(R, KEY, source.make)
    setattr(catalogue, how, True)
    await asyncio.sleep(0.03)
    for _ in range(3):
        last = await cache.fetch(R, KEY, source.make)
        assert (last.body, is_degraded(last)) == (first.body, True)
        assert cache.is_away(R)
    setattr(catalogue, how, False)
    await asyncio.sleep(0.06)
    if how == "away":
        async with asyncio.timeout(2):
            while is_degraded(answer := cache.find(KEY) or await cache.fetch(R, KEY, source.make)):
                await asyncio.sleep(0.01)
        assert answer is first
        assert source.made == 1
        assert not cache.is_away(R)


@pytest.mark.usefixtures("impatient")
async def test_nobody_waits_for_a_catalogue_that_is_known_to_be_silent(catalogue: Away, source: Source) -> None:
    cache = AnswerCache(max_bytes=10_000, stamp=catalogue.stamp_of)
    await cache.fetch(R, KEY, source.make)
    catalogue.silent = True
    await asyncio.sleep(0.03)
    await cache.fetch(R, KEY, source.make)
    asked = catalogue.asked
    async with asyncio.timeout(0.5):
        for _ in range(200):
            assert is_degraded(await cache.fetch(R, KEY, source.make))
    assert catalogue.asked <= asked + 1, "it is asked once at a time"


@pytest.mark.usefixtures("impatient")
async def test_what_is_known_to_be_old_is_given_only_where_there_is_nothing_else(
    catalogue: Away, source: Source
) -> None:
    cache = AnswerCache(max_bytes=10_000, stamp=catalogue.stamp_of)
    await cache.fetch(R, KEY, source.make)
    cache.bump(R)
    catalogue.away = True
    await asyncio.sleep(0.03)

    async def from_git() -> Answer:
        return make_answer(b"from Git").marked(b"git")

    async def nowhere() -> Answer:
        raise Unavailable("nowhere")

    for _ in range(2):
        assert (await cache.fetch(R, KEY, source.make, instead=from_git)).body == b"from Git", "and it is not kept"
    last = await cache.fetch(R, KEY, source.make, instead=nowhere)
    assert (last.body, is_degraded(last)) == (b"1", True)
    with pytest.raises(Unavailable, match="nowhere"):
        await cache.fetch(R, (b"/other", b"", b""), nowhere, instead=nowhere)


@pytest.mark.usefixtures("impatient")
async def test_who_passes_on_is_told_what_is_known_to_be_old(catalogue: Away, source: Source) -> None:
    async def nowhere() -> Answer:
        raise Unavailable("nowhere")

    cache = AnswerCache(max_bytes=10_000, stamp=catalogue.stamp_of, passes_on=True)
    await cache.fetch(R, KEY, source.make)
    catalogue.away = True
    await asyncio.sleep(0.03)
    same = await cache.fetch(R, KEY, source.make, instead=nowhere)
    cache.bump(R)
    old = await cache.fetch(R, KEY, source.make, instead=nowhere)
    assert [dict(each.headers)[DEGRADED] for each in (same, old)] == [FROM_CACHE, SUPERSEDED]


@pytest.mark.usefixtures("impatient")
async def test_the_last_stamp_is_not_given_after_a_change_that_was_told(catalogue: Away) -> None:
    cache = AnswerCache(max_bytes=10_000, stamp=catalogue.stamp_of)
    assert await cache.stamp(R) == 1
    catalogue.away = True
    await asyncio.sleep(0.03)
    assert await cache.stamp(R) == 1
    cache.bump(R)
    with pytest.raises(Unavailable):
        await cache.stamp(R)


@pytest.mark.usefixtures("impatient")
async def test_a_catalogue_that_goes_between_question_and_answer(catalogue: Away, source: Source) -> None:
    async def gone() -> Answer:
        raise Unavailable("gone")

    async def from_git() -> Answer:
        return make_answer(b"from Git").marked(b"git")

    cache = AnswerCache(max_bytes=10_000, stamp=catalogue.stamp_of)
    assert (await cache.fetch(R, KEY, gone, instead=from_git)).body == b"from Git"
    assert (await cache.fetch(R, KEY, source.make)).body == b"1"
