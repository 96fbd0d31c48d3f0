"""Counting reads: nothing twice, nothing on the wrong day, never more in memory than there is room for."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from registry.adapters.sql.engine import Database
from registry.adapters.sql.read_ledger import SqlReadLedger
from registry.domain.ids import LabelName, RepositoryName, TemplateName
from registry.domain.reads import ReadCount, ReadsBy, ReadState
from registry.services import reads as service
from registry.services.reads import Reads

DEFAULT = RepositoryName("default")
STATE = ReadState(DEFAULT, TemplateName("고객지원/환불"), 2, LabelName("production"))
FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)


class SetClock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 6, 23, 59, 59, 900_000, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(tmp_path / "catalogue.db")
    yield opened
    await opened.close()


@pytest.fixture
def open_reads(database: Database, clock: SetClock) -> Callable[[], Reads]:
    return lambda: Reads(ledger=SqlReadLedger(database), clock=clock)


async def by_day(reads: Reads) -> list[ReadCount]:
    return list((await reads.counts(DEFAULT, FIRST, LAST, by=[ReadsBy.DAY])).counts)


async def test_a_read_counts_at_once_and_once(open_reads: Callable[[], Reads]) -> None:
    reads = open_reads()
    for _ in range(3):
        reads.count(STATE, "key")
    reads.count(None, "key")
    assert await by_day(reads) == [ReadCount(3, day=date(2026, 3, 6))]
    assert await by_day(reads) == [ReadCount(3, day=date(2026, 3, 6))]


async def test_counts_are_saved_when_the_server_stops(open_reads: Callable[[], Reads]) -> None:
    reads = open_reads()
    async with reads.saved():
        await asyncio.sleep(0.01)
        reads.count(STATE, "key")
    assert (await by_day(open_reads()))[0].reads == 1


async def test_counts_are_saved_again_and_again(
    open_reads: Callable[[], Reads], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "SAVING_SECONDS", 0.02)
    reads, other = open_reads(), open_reads()
    async with reads.saved(), asyncio.timeout(5):
        for saved in (1, 2):
            reads.count(STATE, "key")
            while not (found := await by_day(other)) or found[0].reads < saved:
                await asyncio.sleep(0.01)


async def test_a_day_ends_at_midnight_in_utc(open_reads: Callable[[], Reads], clock: SetClock) -> None:
    reads = open_reads()
    async with reads.saved(), asyncio.timeout(5):
        reads.count(STATE, "key")
        while not await by_day(open_reads()):  # saved after 0.1 s, at the end of the day
            clock.time += timedelta(seconds=0.1)
            await asyncio.sleep(0.02)
        reads.count(STATE, "key")
    days = [(found.day, found.reads) for found in await by_day(open_reads())]
    assert days == [(date(2026, 3, 7), 1), (date(2026, 3, 6), 1)]


async def test_what_could_not_be_saved_is_saved_later_and_once(
    open_reads: Callable[[], Reads], database: Database, clock: SetClock
) -> None:
    reads = open_reads()
    reads.count(STATE, "key")
    await reads.save()
    reads.count(STATE, "key")
    clock.time += timedelta(days=1)
    with closing(sqlite3.connect(database.path)) as other:
        refuse = "CREATE TRIGGER refuse BEFORE INSERT ON read_counts BEGIN SELECT RAISE(ABORT, 'refused'); END"
        other.execute(refuse)
        with pytest.raises(Exception, match="refused"):
            await reads.save()
        reads.count(STATE, "key")
        with pytest.raises(Exception, match="refused"):
            await reads.save()
        other.execute("DROP TRIGGER refuse")
    await reads.save()
    assert [found.reads for found in await by_day(reads)] == [1, 2]


async def test_a_save_that_nobody_waits_for_any_more_is_not_repeated(open_reads: Callable[[], Reads]) -> None:
    reads = open_reads()
    for _ in range(20):
        reads.count(STATE, "key")
        saving = asyncio.create_task(reads.save())
        await asyncio.sleep(0)
        saving.cancel()
        await asyncio.gather(saving, return_exceptions=True)
    assert (await by_day(reads))[0].reads == 20


async def test_memory_is_bounded(open_reads: Callable[[], Reads], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "KINDS_AT_MOST", 10)
    reads = open_reads()
    for number in range(25):
        reads.count(STATE._replace(version=number + 1), "key")
    reads.count(STATE._replace(version=1), "key")
    assert (await by_day(reads))[0].reads == 11
    async with reads.saved(), asyncio.timeout(5):
        for number in range(200):
            reads.count(STATE._replace(version=number + 100), "key")
            await asyncio.sleep(0.01)
    assert (await by_day(reads))[0].reads == 211, "saved early, none is lost"
