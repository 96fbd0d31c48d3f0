"""What every ledger of reads promises, run against the one in SQLite: all that was added, and nothing else."""

import asyncio
from datetime import date
from pathlib import Path

import pytest

from registry.adapters.sql.engine import Database
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.read_ledger import SqlReadLedger
from registry.domain.errors import Unavailable
from registry.domain.reads import ReadCount, ReadsBy, ReadState
from registry.domain.rights import Sight
from registry.ports.reads import ReadLedger
from tests.projected import History

TRIAGE = ReadState("default", "support/triage", 2, "production")
NEWEST = ReadState("default", "support/triage", 3, None)
BRANCH = ReadState("default", "고객지원/환불", None, None)
ELSEWHERE = ReadState("other", "support/triage", 2, "production")
FRIDAY, SATURDAY, SUNDAY = date(2026, 3, 6), date(2026, 3, 7), date(2026, 3, 8)


@pytest.fixture
async def ledger(database: Database) -> ReadLedger:
    made = SqlReadLedger(database)
    await made.add(FRIDAY, {(TRIAGE, "k1"): 5, (NEWEST, "k1"): 1, (ELSEWHERE, "k1"): 100})
    await made.add(SATURDAY, {(TRIAGE, "k2"): 3, (BRANCH, None): 2})
    await made.add(SATURDAY, {(TRIAGE, "k2"): 4})
    return made


async def listed(ledger: ReadLedger, *by: ReadsBy, first: date = FRIDAY, last: date = SUNDAY) -> list[ReadCount]:
    return list((await ledger.counts("default", first, last, by=by)).counts)


async def test_what_is_added_adds_up(ledger: ReadLedger) -> None:
    assert await listed(ledger) == [ReadCount(15)]
    assert await listed(ledger, ReadsBy.DAY) == [ReadCount(9, day=SATURDAY), ReadCount(6, day=FRIDAY)]
    assert await listed(ledger, ReadsBy.DAY, first=SATURDAY, last=SATURDAY) == [ReadCount(9, day=SATURDAY)]
    assert await listed(ledger, ReadsBy.DAY, first=SUNDAY) == []


async def test_reads_are_told_apart_by_what_is_asked(ledger: ReadLedger) -> None:
    assert await listed(ledger, ReadsBy.NAME) == [
        ReadCount(13, name="support/triage"),
        ReadCount(2, name="고객지원/환불"),
    ]
    assert await listed(ledger, ReadsBy.VERSION, ReadsBy.LABEL) == [
        ReadCount(12, version=2, label="production"),
        ReadCount(2),
        ReadCount(1, version=3),
    ]
    assert await listed(ledger, ReadsBy.KEY) == [ReadCount(7, key="k2"), ReadCount(6, key="k1"), ReadCount(2)]
    assert len(await listed(ledger, *ReadsBy)) == 4


async def test_one_template(ledger: ReadLedger) -> None:
    found = await ledger.counts("default", FRIDAY, SUNDAY, by=[ReadsBy.DAY], name="support/triage")
    assert (found.counts, found.total) == ((ReadCount(7, day=SATURDAY), ReadCount(6, day=FRIDAY)), 13)


async def test_only_what_is_seen_is_counted(ledger: ReadLedger) -> None:
    await ledger.add(FRIDAY, {(ReadState("default", "support2/x", 1, None), "k1"): 50})
    for folders, total in (
        (("support",), 13),
        (("고객지원",), 2),
        (("support", "고객지원"), 15),
        ((), 0),
        (("sup",), 0),
    ):
        found = await ledger.counts("default", FRIDAY, SUNDAY, by=[ReadsBy.NAME], sight=Sight(folders))
        assert (found.total, sum(each.reads for each in found.counts)) == (total, total), folders


async def test_a_limit_says_that_there_is_more(ledger: ReadLedger) -> None:
    found = await ledger.counts("default", FRIDAY, SUNDAY, by=list(ReadsBy), limit=3)
    assert (len(found.counts), found.total, found.more) == (3, 15, True)
    found = await ledger.counts("default", FRIDAY, SUNDAY, by=list(ReadsBy), limit=4)
    assert (len(found.counts), found.total, found.more) == (4, 15, False)
    nothing = await ledger.counts("nobody", FRIDAY, SUNDAY, by=[])
    assert (nothing.counts, nothing.total, nothing.more) == ((), 0, False)


async def test_no_projection_touches_the_counts(ledger: ReadLedger, database: Database) -> None:
    projection = SqlProjection(database)
    history = History()
    await projection.apply(history.commit({"support/triage": "1"}))
    await projection.apply(History(seed="again").commit({"support/triage": "2"}))
    await projection.drop("default")
    assert await listed(ledger) == [ReadCount(15)]


async def test_what_cannot_be_added_is_not_added_in_part(ledger: ReadLedger, database: Database) -> None:
    await database.close()
    with pytest.raises(Unavailable):
        await ledger.add(SUNDAY, {(TRIAGE, "k1"): 1})


async def test_counts_outlast_the_process(ledger: ReadLedger, database: Database, place: Path | str) -> None:
    await database.close()
    again = await Database.open(place)
    assert await listed(SqlReadLedger(again)) == [ReadCount(15)]
    await again.close()


async def test_two_processes_add_at_once(place: Path | str) -> None:
    """The same rows in another order: whoever locks them in the order given waits for the other for ever."""
    opened = [await Database.open(place, seconds=10) for _ in range(2)]
    reads = {(ReadState("default", f"t{number}", 1, None), "k"): 1 for number in range(200)}
    orders = reads, dict(reversed(reads.items()))
    for _ in range(5):
        added = [SqlReadLedger(database).add(FRIDAY, order) for database, order in zip(opened, orders, strict=True)]
        await asyncio.gather(*added)
    assert (await SqlReadLedger(opened[0]).counts("default", FRIDAY, FRIDAY, by=[])).total == 2_000
    for database in opened:
        await database.close()
