"""What every audit log promises, run against the SQL one: one chain without a fork, in which nothing changes."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unicodedata import normalize

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from registry.adapters.local.keyring import FileKeyRing
from registry.adapters.sql.audit_log import SqlAuditLog, SqlAuditMarks
from registry.adapters.sql.engine import Database
from registry.adapters.sql.kept_records import SqlKeptRecords
from registry.domain.audit import (
    FIRST_HASH,
    PURPOSE,
    AuditAction,
    AuditChain,
    AuditDraft,
    AuditEntry,
    AuditFilter,
    AuditMark,
    AuditMarkKind,
    AuditOrigin,
    mark_statement,
)
from registry.domain.backups import KeptRecord, RecordKind, read_record, write_record
from registry.ports.audit import AuditLog
from registry.ports.keyring import KeyRing, SecretHolder

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 11, 30, 1, 2, 3, 456789, tzinfo=UTC)
WHOLE = AuditDraft(
    AuditAction.LABEL_MOVED,
    AT,
    AuditOrigin("김", "k1", "192.0.2.7", "r-1"),
    repository="default",
    name="고객/환불",
    label="production",
    ref="refs/heads/main",
    old={"version": 11, "at": 1.5, "more": [None, True, "é\u2028"]},
    new={"version": 12},
    operation="op-1",
)


@pytest.fixture
def log(database: Database) -> AuditLog:
    return SqlAuditLog(database)


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return FileKeyRing(tmp_path / "keyring.json", makes=True)


def denied(number: int, **changes: object) -> AuditDraft:
    return replace(AuditDraft(AuditAction.ACCESS_DENIED, AT + timedelta(minutes=number), new=number), **changes)


def signed(ring: KeyRing, kind: AuditMarkKind, entry: AuditEntry) -> AuditMark:
    signature = ring.sign(PURPOSE, mark_statement(kind, entry.number, entry.hash, AT))
    return AuditMark(kind, entry.number, entry.hash, AT, signature.key_id, signature.public_key, signature.signature)


async def all_of(log: AuditLog) -> list[AuditEntry]:
    return await log.following(0, limit=10_000)


async def assert_chained(log: AuditLog, *, expected: int) -> None:
    state = await log.state()
    chain = AuditChain(*state.start)
    found = await all_of(log)
    assert [chain.take(entry) for entry in found] == [None] * len(found)
    assert (len(found), chain.number, chain.hash) == (expected, state.number, state.hash)


async def test_what_is_entered_is_read_as_it_was(log: AuditLog) -> None:
    assert (await log.state()).hash == FIRST_HASH
    assert await log.append([WHOLE, denied(1)]) == 2
    assert await log.append([]) == 0
    found = await all_of(log)
    assert [entry.number for entry in found] == [1, 2]
    assert [entry.draft for entry in found] == [WHOLE, denied(1)]
    await assert_chained(log, expected=2)


async def test_what_is_told_twice_is_entered_once(log: AuditLog) -> None:
    assert await log.append([WHOLE]) == 1
    assert await log.append([WHOLE, replace(WHOLE, operation="op-2"), replace(WHOLE, operation="op-2")]) == 1
    assert [entry.draft.operation for entry in await all_of(log)] == ["op-1", "op-2"]
    await assert_chained(log, expected=2)


async def test_the_texts_of_strangers_are_kept_as_far_as_they_can_be(log: AuditLog) -> None:
    bad = AuditOrigin(actor="a\x00\ud800", address="x" * 5000)
    await log.append([AuditDraft(AuditAction.ACCESS_DENIED, AT, bad, new=["\udfff"])])
    await assert_chained(log, expected=1)


async def test_one_of_many_is_entered_or_none(log: AuditLog) -> None:
    with pytest.raises(ValueError, match="finite"):
        await log.append([denied(1), denied(2, new=float("nan"))])
    await assert_chained(log, expected=0)


async def test_those_who_append_at_once_make_one_chain(log: AuditLog) -> None:
    await asyncio.gather(*(log.append([denied(n), denied(n)]) for n in range(30)))
    await assert_chained(log, expected=60)


APPENDS = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from registry.adapters.sql.audit_log import SqlAuditLog
from registry.adapters.sql.engine import Database
from registry.domain.audit import AuditAction, AuditDraft

async def main():
    place = sys.argv[1]
    database = await Database.open(place if place.startswith("postgres") else Path(place))
    log = SqlAuditLog(database)
    for _ in range(20):
        await log.append([AuditDraft(AuditAction.ACCESS_DENIED, datetime.now(UTC), operation=None)])
    await log.append([AuditDraft(AuditAction.KEY_CREATED, datetime.now(UTC), operation="the same")])
    await database.close()

asyncio.run(main())
"""


async def test_several_processes_make_one_chain(log: AuditLog, place: Path | str) -> None:
    command = [sys.executable, "-c", APPENDS, str(place)]
    children = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) for _ in range(3)]
    told = [(await asyncio.to_thread(child.communicate, timeout=60))[1] for child in children]
    assert [child.returncode for child in children] == [0] * 3, told
    await assert_chained(log, expected=61)


FILTERS = [
    (AuditFilter(), [6, 5, 4, 3, 2, 1]),
    (AuditFilter(actor="kim"), [6, 2]),
    (AuditFilter(action=AuditAction.KEY_CREATED), [3]),
    (AuditFilter(repository="default"), [1]),
    (AuditFilter(key_id="k2"), [2]),
    (AuditFilter(address="192.0.2.7"), [6, 1]),
    (AuditFilter(actor="kim", address="192.0.2.7"), [6]),
    (AuditFilter(actor="nobody"), []),
    (AuditFilter(since=AT + timedelta(minutes=4)), [5, 4]),
    (AuditFilter(since=AT, until=AT + timedelta(minutes=4)), [6, 3, 2, 1]),
    (AuditFilter(name="고객/환불"), [1]),
    (AuditFilter(name="support"), []),
    (AuditFilter(name="support/Äb_%"), [4]),
    (AuditFilter(folder="support"), [5, 4]),
    (AuditFilter(folder="support/Äb_%"), [5]),
    (AuditFilter(folder="고객"), [1]),
    (AuditFilter(folder="suppor_"), []),
    (AuditFilter(label="production"), [5, 1]),
    (AuditFilter(label="production", folder="support", action=AuditAction.ACCESS_DENIED), [5]),
    (AuditFilter(ref="refs/heads/main"), [1]),
    (AuditFilter(ref="main"), []),
    (AuditFilter(name="고객/환불", label="production", ref="refs/heads/main", actor="김"), [1]),
    (AuditFilter(name="/고객/환불/"), []),
    (AuditFilter(name=normalize("NFD", "고객/환불"), folder="/고객/").typed(), [1]),  # in another normal form
]


@pytest.mark.parametrize(("wanted", "expected"), FILTERS)
async def test_what_fits_is_found_both_ways(log: AuditLog, wanted: AuditFilter, expected: list[int]) -> None:
    await log.append(
        [
            WHOLE,
            denied(2, origin=AuditOrigin("kim", "k2")),
            denied(3, action=AuditAction.KEY_CREATED),
            denied(4, name="support/Äb_%"),
            denied(5, name="support/Äb_%/x", label="production"),
            denied(0, name="support-desk/x", origin=AuditOrigin("kim", address="192.0.2.7")),
        ]
    )
    assert [entry.number for entry in await log.newest(wanted, limit=10)] == expected
    assert [entry.number for entry in await log.newest(wanted, limit=1)] == expected[:1]
    assert [entry.number for entry in await log.following(0, limit=10, wanted=wanted)] == expected[::-1]
    below = [entry.number for entry in await log.newest(wanted, limit=10, before=4)]
    assert below == [number for number in expected if number < 4]


async def test_what_was_pruned_is_stood_for_by_its_mark(log: AuditLog, ring: KeyRing) -> None:
    await log.append([denied(n) for n in range(5)])
    mark = signed(ring, AuditMarkKind.PRUNED, (await all_of(log))[2])
    assert await log.prune(mark, AuditDraft(AuditAction.AUDIT_PRUNED, AT, new={"through": 3})) == 3
    assert [entry.number for entry in await all_of(log)] == [4, 5, 6]
    state = await log.state()
    assert (state.mark(AuditMarkKind.PRUNED), state.start) == (mark, (3, mark.hash))
    await assert_chained(log, expected=3)
    await log.append([denied(9)])
    await assert_chained(log, expected=4)


async def test_marks_are_signed_anew_after_a_rotation(log: AuditLog, database: Database, ring: KeyRing) -> None:
    holder: SecretHolder = SqlAuditMarks(database)
    await log.append([denied(n) for n in range(5)])
    entries = await all_of(log)
    forged = replace(signed(ring, AuditMarkKind.PRUNED, entries[0]), hash="f" * 64)
    await log.mark(signed(ring, AuditMarkKind.HEAD, entries[4]))
    await log.mark(forged)
    assert await holder.renew(ring) == 0
    new = ring.rotate(AT)
    assert await holder.renew(ring) == 1
    assert await holder.renew(ring) == 0
    head = (await log.state()).mark(AuditMarkKind.HEAD)
    assert head is not None
    assert (head.key_id, ring.verify(PURPOSE, head.statement(), head.signed())) == (new.id, True)
    assert (await log.state()).mark(AuditMarkKind.PRUNED) == forged


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET actor = 'nobody' WHERE number = 1",
        "DELETE FROM audit_entries WHERE number = 3",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
    ],
)
async def test_the_database_refuses_to_change_entries(log: AuditLog, database: Database, statement: str) -> None:
    await log.append([denied(n) for n in range(3)])
    if statement.startswith("TRUNCATE") and type(database).__name__.startswith("Sqlite"):
        return  # it has no such statement
    with pytest.raises(DBAPIError, match="append-only"):
        await database.write(lambda connection: connection.execute(text(statement)))
    await assert_chained(log, expected=3)


async def test_what_was_tampered_with_past_the_triggers_is_read_and_shows(log: AuditLog, database: Database) -> None:
    await log.append([WHOLE, denied(2)])
    is_sqlite = type(database).__name__.startswith("Sqlite")
    drop = "DROP TRIGGER audit_entries_unchanged" if is_sqlite else "ALTER TABLE audit_entries DISABLE TRIGGER USER"
    change = "UPDATE audit_entries SET old_value = '{', action = 'nothing', at = 9000000000000000000 WHERE number = 1"
    for statement in (drop, change):
        await database.write(lambda connection, statement=statement: connection.execute(text(statement)))
    found = (await all_of(log))[0]
    fault = AuditChain().take(found)
    assert (found.draft.old, found.draft.action, fault and fault.number) == ("{", "nothing", 1)
    if not is_sqlite:
        enable = text("ALTER TABLE audit_entries ENABLE TRIGGER USER")
        await database.write(lambda connection: connection.execute(enable))


async def test_a_backup_brings_the_chain_back_and_it_goes_on(log: AuditLog, database: Database, ring: KeyRing) -> None:
    await log.append([WHOLE, *(denied(n) for n in range(2_500))])
    mark = signed(ring, AuditMarkKind.PRUNED, (await all_of(log))[1])
    await log.prune(mark, AuditDraft(AuditAction.AUDIT_PRUNED, AT))
    kept, records = SqlKeptRecords(database), list[KeptRecord]()
    await kept.copy(records.append)
    before = await all_of(log)
    await log.append([denied(1)])
    lines = [write_record(record) for record in records]
    await kept.load([read_record(line) for line in lines])
    assert await all_of(log) == before
    await log.append([AuditDraft(AuditAction.AUDIT_RESTORED, AT)])
    await assert_chained(log, expected=2_501)
    old = [record for record in records if record.kind not in {RecordKind.AUDIT_ENTRY, RecordKind.AUDIT_MARK}]
    await kept.load(old)
    await assert_chained(log, expected=0)
