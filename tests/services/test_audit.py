"""The audit as services use it: what is entered, how denials are counted, and what a verification finds."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from api.audit_lines import audit_lines
from registry.adapters.local.keyring import FileKeyRing
from registry.adapters.sql.audit_log import SqlAuditLog
from registry.adapters.sql.engine import Database
from registry.bootstrap import Registry
from registry.domain.aims import Aim
from registry.domain.audit import AuditAction, AuditFilter, AuditOrigin
from registry.domain.audit_verification import MarkTrust
from registry.domain.errors import BadRequest, Unavailable
from registry.domain.roles import Scope
from registry.services import audit_keeping
from registry.services.audit import Audit
from registry.services.audit_origin import acting
from registry.services.denials import AT_MOST, EACH, LONGEST, Denials, DeniedCall
from registry.settings import Settings

CALL = DeniedCall("kim", "k1", "192.0.2.7", "GET", "/api/v1/audit", 403)
KIM = AuditOrigin("kim", "k1", "192.0.2.7", "r-1")


@dataclass
class Clock:
    """One that is turned by hand."""

    seconds: float = 0.0
    at: datetime = field(default_factory=lambda: datetime(2026, 11, 30, tzinfo=UTC))

    def now(self) -> datetime:
        return self.at + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqlAuditLog]:
    database = await Database.open(tmp_path / "catalogue.sqlite")
    yield SqlAuditLog(database)
    await database.close()


@pytest.fixture
def audit(log: SqlAuditLog, clock: Clock, tmp_path: Path) -> Audit:
    return Audit(log=log, ring=FileKeyRing(tmp_path / "keyring.json", makes=True), clock=clock)


@pytest.fixture
def denials(log: SqlAuditLog, clock: Clock) -> Denials:
    return Denials(log=log, clock=clock, monotonic=clock.monotonic)


async def counts(log: SqlAuditLog) -> list[tuple[str | None, int]]:
    return [(e.draft.origin.actor, e.draft.new["count"]) for e in await log.following(0, limit=1000)]


def tamper(tmp_path: Path, *statements: str) -> None:
    """As somebody who owns the file, past the triggers."""
    with closing(sqlite3.connect(tmp_path / "catalogue.sqlite")) as connection, connection:
        for name in ("audit_entries_kept", "audit_entries_unchanged"):
            connection.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in statements:
            connection.execute(statement)


async def test_keys_are_audited_with_the_change(registry: Registry) -> None:
    with acting(KIM):
        key, secret = await registry.accounts.create_key(user="ci", scope=Scope.WRITE, note="빌드")
        await registry.accounts.revoke_key(key.id)
    await registry.accounts.revoke_key(key.id)
    revoked, created, granted, made = (await registry.audit.list_entries(AuditFilter())).items[:4]
    assert (made.draft.action, granted.draft.action) == (AuditAction.USER_CREATED, AuditAction.ROLE_GRANTED)
    assert (made.draft.new["user"], granted.draft.new["user"], granted.draft.new["role"]) == ("ci", "ci", "author")
    assert made.draft.origin == granted.draft.origin == KIM
    assert (created.draft.action, created.draft.origin) == (AuditAction.KEY_CREATED, KIM)
    assert created.draft.new == {"id": key.id, "user": "ci", "scope": "write", "note": "빌드"}
    assert (revoked.draft.action, revoked.draft.old) == (AuditAction.KEY_REVOKED, created.draft.new)
    assert revoked.draft.origin == KIM
    assert secret not in repr((created, revoked))


async def test_a_key_that_is_not_made_is_not_audited(registry: Registry) -> None:
    with pytest.raises(BadRequest):
        await registry.accounts.create_key(user="a b")
    assert (await registry.audit.list_entries(AuditFilter())).items == ()


async def test_pages_follow_one_another(audit: Audit) -> None:
    await audit.enter(*(audit.draft(AuditAction.ACCESS_DENIED, new=n) for n in range(7)))
    numbers, cursor = list[int](), None
    while True:
        page = await audit.list_entries(AuditFilter(), limit=3, cursor=cursor)
        numbers += [entry.number for entry in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert numbers == [7, 6, 5, 4, 3, 2, 1]
    page = await audit.list_entries(AuditFilter(), limit=3)
    with pytest.raises(BadRequest, match="another list"):
        await audit.list_entries(AuditFilter(actor="kim"), cursor=page.next_cursor)


async def test_the_first_denial_is_entered_soon_and_repeats_are_counted(
    log: SqlAuditLog, denials: Denials, clock: Clock
) -> None:
    denials.note(CALL, "r-1")
    assert await denials.flush() == 0
    clock.seconds = 1
    for _ in range(9):
        denials.note(CALL)
    assert await denials.flush() == 1
    assert await counts(log) == [("kim", 10)]
    entry = (await log.following(0, limit=1))[0].draft
    assert (entry.at, entry.origin, entry.new["until"]) == (clock.at, KIM, "2026-11-30T00:00:01Z")
    clock.seconds = 30
    denials.note(CALL)
    assert await denials.flush() == 0
    clock.seconds = 61
    assert await denials.flush() == 1
    assert await counts(log) == [("kim", 10), ("kim", 1)]
    clock.seconds = 200
    assert await denials.flush() == 0


async def test_a_flood_of_different_ones_is_bounded(log: SqlAuditLog, denials: Denials, clock: Clock) -> None:
    for number in range(5_000):
        denials.note(CALL._replace(address=f"2001:db8::{number:x}"))
    clock.seconds = 1
    assert await denials.flush() == AT_MOST + 1
    assert sum(count for _, count in await counts(log)) == 5_000
    assert (await counts(log))[-1] == (None, 5_000 - AT_MOST)


async def test_one_caller_cannot_fill_it_with_names(log: SqlAuditLog, denials: Denials, clock: Clock) -> None:
    for number in range(1_000):
        denials.note(CALL._replace(aim=Aim("default", f"made/up{number}"), reason="hidden"))
    denials.note(CALL._replace(actor="lee", aim=Aim("default", "a", "x" * 5_000)))
    denials.note(CALL._replace(actor="lee", aim=Aim("default", "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8")))
    clock.seconds = 1
    assert await denials.flush() == EACH + 3
    found = [entry.draft for entry in await log.following(0, limit=100)]
    assert [each.name for each in found[:2]] == ["made/up0", "made/up1"]
    rest = found[EACH]
    assert (rest.repository, rest.name, rest.new["count"], rest.new["reason"]) == (None, None, 1_000 - EACH, "hidden")
    long, secret = found[EACH + 1 :]
    assert (long.origin.actor, long.name, len(str(long.label))) == ("lee", "a", LONGEST)
    assert (secret.repository, secret.name) == ("default", "***")


async def test_what_cannot_be_written_stays_noted(denials: Denials, log: SqlAuditLog, clock: Clock) -> None:
    denials.note(CALL)
    clock.seconds = 1
    await log._database.close()
    with pytest.raises(Unavailable):
        await denials.flush()
    database = await Database.open(log._database.path)  # type: ignore[attr-defined]
    log._database = database
    denials.note(CALL)
    assert await denials.flush() == 1
    assert await counts(log) == [("kim", 2)]
    await database.close()


async def test_the_whole_of_it_fits(audit: Audit) -> None:
    found = await audit.verify()
    assert (found.entries, found.fault, found.marks) == (0, None, [])
    await audit.enter(*(audit.draft(AuditAction.ACCESS_DENIED, new=n) for n in range(2_500)))
    assert await audit.sign_head()
    assert not await audit.sign_head()
    steps = list[tuple[int, int]]()
    found = await audit.verify(lambda done, total: steps.append((done, total)))
    assert (found.entries, found.number, found.fault) == (2_500, 2_500, None)
    assert [(judged.mark.number, judged.trust) for judged in found.marks] == [(2_500, MarkTrust.SIGNED)]
    assert steps == [(1_000, 2_500), (2_000, 2_500), (2_500, 2_500)]
    assert (await audit.hash_at(2_500), await audit.hash_at(2_501)) == (found.hash, None)


@pytest.mark.parametrize(
    ("statement", "number", "word"),
    [
        ("UPDATE audit_entries SET actor = 'nobody' WHERE number = 3", 3, "changed"),
        ("UPDATE audit_entries SET action = 'a.newer' WHERE number = 3", 3, "changed"),
        ("UPDATE audit_entries SET old_value = '{' WHERE number = 3", 3, "changed"),
        ("DELETE FROM audit_entries WHERE number = 4", 4, "missing"),
        ("DELETE FROM audit_entries WHERE number = 1", 1, "missing"),
        ("DELETE FROM audit_entries WHERE number > 4", 5, "newest entries are missing"),
        ("DELETE FROM audit_entries", 1, "missing"),
        ("UPDATE audit_entries SET number = number + 100 WHERE number = 2", 2, "missing"),
        ("UPDATE audit_marks SET number = 4", 4, "not signed"),
        ("UPDATE audit_marks SET signature = ''", 6, "not signed"),
    ],
)
async def test_what_was_tampered_with_is_named(
    audit: Audit, tmp_path: Path, statement: str, number: int, word: str
) -> None:
    await audit.enter(*(audit.draft(AuditAction.ACCESS_DENIED, new=n) for n in range(6)))
    await audit.sign_head()
    tamper(tmp_path, statement)
    found = await audit.verify()
    assert found.fault is not None
    assert (found.fault.number, word in found.fault.reason) == (number, True), found.fault


async def test_a_chain_that_was_computed_anew_does_not_fit_its_signed_head(audit: Audit, tmp_path: Path) -> None:
    await audit.enter(*(audit.draft(AuditAction.ACCESS_DENIED, new=n) for n in range(3)))
    await audit.sign_head()
    tamper(tmp_path, "DELETE FROM audit_entries")
    await audit.enter(*(audit.draft(AuditAction.ACCESS_DENIED, new=n) for n in (0, 7, 2)))
    found = (await audit.verify()).fault
    assert found is not None
    assert (found.number, "another hash" in found.reason) == (3, True)
    assert not await audit.sign_head()
    await audit.enter(*(audit.draft(AuditAction.ACCESS_DENIED, new=n) for n in range(5)))
    assert not await audit.sign_head()  # it would cover it up
    assert (await audit.verify()).fault == found


async def test_entries_that_were_taken_away_are_not_covered_up_by_new_ones(
    audit: Audit, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await audit.enter(*(audit.draft(AuditAction.ACCESS_DENIED, new=n) for n in range(4)))
    await audit.sign_head()
    tamper(tmp_path, "DELETE FROM audit_entries WHERE number > 2")
    assert not await audit.sign_head()
    await audit.enter(*(audit.draft(AuditAction.ACCESS_DENIED, new=n) for n in range(4)))
    assert not await audit.sign_head()
    assert "entry 5 is not as it was" in caplog.text
    fault = (await audit.verify()).fault
    assert fault is not None
    assert (fault.number, "another hash" in fault.reason) == (4, True)


async def test_a_forged_mark_is_not_replaced_by_a_good_one(
    audit: Audit, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await audit.enter(*(audit.draft(AuditAction.ACCESS_DENIED, new=n) for n in range(4)))
    await audit.sign_head()
    second = await audit.hash_at(2)
    tamper(
        tmp_path,
        "DELETE FROM audit_entries WHERE number > 2",
        f"UPDATE audit_marks SET number = 2, hash = '{second}'",  # as if no more had been signed
    )
    await audit.enter(audit.draft(AuditAction.ACCESS_DENIED))
    assert not await audit.sign_head()
    assert "its mark was not signed" in caplog.text
    fault = (await audit.verify()).fault
    assert fault is not None
    assert fault.number == 2


async def test_another_key_ring_cannot_say_who_signed(audit: Audit, log: SqlAuditLog, tmp_path: Path) -> None:
    await audit.enter(audit.draft(AuditAction.ACCESS_DENIED))
    await audit.sign_head()
    other = Audit(log=log, ring=FileKeyRing(tmp_path / "other.json", makes=False), clock=Clock())
    found = await other.verify()
    assert (found.fault, [judged.trust for judged in found.marks]) == (None, [MarkTrust.UNKNOWN_KEY])


async def test_the_same_entries_are_exported_in_pieces(audit: Audit) -> None:
    await audit.enter(*(audit.draft(AuditAction.ACCESS_DENIED, new=n) for n in range(1_500)))
    pieces = [len(piece) async for piece in audit.export(AuditFilter())]
    assert pieces == [1_000, 500]
    none = [piece async for piece in audit.export(AuditFilter(actor="nobody"))]
    assert none == [[]]


async def aged(audit: Audit, clock: Clock, *days: float) -> None:
    """Entries that were made so many days ago."""
    for each in days:
        clock.seconds = -each * 86_400
        await audit.enter(audit.draft(AuditAction.ACCESS_DENIED, new=each))
    clock.seconds = 0


async def test_old_entries_go_and_the_rest_is_verified_from_their_mark(
    audit: Audit, log: SqlAuditLog, clock: Clock
) -> None:
    await aged(audit, clock, 900, 800, 731, 10, 740, 0)  # of one that came late the time is older than its neighbours'
    await audit.sign_head()
    assert await audit.prune(730) == 3
    left = await log.following(0, limit=100)
    assert [entry.number for entry in left] == [4, 5, 6, 7]
    pruned = left[-1].draft
    said = {"through": 3, "hash": await audit.hash_at(3), "before": "2024-11-30T00:00:00Z"}
    assert (pruned.action, pruned.new) == ("audit.pruned", said)
    found = await audit.verify()
    assert (found.start, found.entries, found.fault) == (3, 4, None)
    assert [(j.mark.kind, j.mark.number, j.trust) for j in found.marks] == [
        ("head", 6, MarkTrust.SIGNED),
        ("pruned", 3, MarkTrust.SIGNED),
    ]
    assert await audit.prune(730) == 0


async def test_all_may_be_old(audit: Audit, log: SqlAuditLog, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await audit.prune(730) == 0
    await aged(audit, clock, 900, 900, 900, 900, 900)
    monkeypatch.setattr("registry.services.audit.AT_ONCE", 2)
    assert await audit.prune(730) == 5
    assert [(e.number, e.draft.new["through"]) for e in await log.following(0, limit=9)] == [(6, 2), (7, 4), (8, 5)]
    assert (await audit.verify()).fault is None


async def test_what_does_not_fit_is_not_removed(
    audit: Audit, log: SqlAuditLog, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await aged(audit, clock, 900, 900, 900, 0)
    tamper(tmp_path, "UPDATE audit_entries SET actor = 'nobody' WHERE number = 2")
    assert await audit.prune(730) == 0
    assert "entry 2 is not as it was" in caplog.text
    assert len(await log.following(0, limit=9)) == 4


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_marks SET number = 1 WHERE mark = 'pruned'",
        "UPDATE audit_marks SET hash = hash || '0' WHERE mark = 'pruned'",
        "DELETE FROM audit_marks WHERE mark = 'pruned'",
        "DELETE FROM audit_entries WHERE number = 3",
    ],
)
async def test_nobody_else_can_prune(audit: Audit, clock: Clock, tmp_path: Path, statement: str) -> None:
    await aged(audit, clock, 900, 900, 0, 0)
    await audit.prune(730)
    tamper(tmp_path, statement)
    assert (await audit.verify()).fault is not None


async def test_the_export_begins_with_the_mark(audit: Audit, clock: Clock) -> None:
    await aged(audit, clock, 900, 0)
    await audit.prune(730)
    lines = b"".join([piece async for piece in audit_lines(audit, AuditFilter())]).splitlines()
    first, *others = [json.loads(line) for line in lines]
    assert (first["mark"]["kind"], first["mark"]["number"]) == ("pruned", 1)
    assert [line["number"] for line in others] == [2, 3]


async def test_settings_are_entered_where_they_changed(audit: Audit, log: SqlAuditLog) -> None:
    secret = "postgresql://promptuary:hunter2@db/promptuary"
    with acting(AuditOrigin("root", address="local")):
        for days, expected in ((730, True), (730, False), (30, True), (30, False), (730, True)):
            settings = Settings(audit_days=days, database_url=SecretStr(secret))
            assert await audit.note_settings(settings.told()) is expected
    first, second, third = (entry.draft for entry in await log.following(0, limit=9))
    assert (first.old, first.new["database_url"], first.origin.actor) == (None, "(set)", "root")
    assert (second.old, second.new["audit_days"]) == ({"audit_days": 730}, 30)
    assert third.old == {"audit_days": 30}
    assert "hunter2" not in repr((first, second, third))


async def test_the_end_of_a_process_does_not_wait_for_a_database_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_keeping, "LAST_SECONDS", 0.05)

    class Hanging:
        async def flush(self, *, everything: bool = False) -> None:
            await asyncio.sleep(60 if everything else 0)

    keeping = audit_keeping.AuditKeeping(audit=None, denials=Hanging(), moves=None, days=0)  # type: ignore[arg-type]
    running = asyncio.create_task(keeping.run())
    await asyncio.sleep(0)
    running.cancel()
    async with asyncio.timeout(10):
        with pytest.raises(asyncio.CancelledError):
            await running
