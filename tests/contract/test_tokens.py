"""Refresh tokens and the codes of devices: the ports of ``registry.ports.tokens``, on every database."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from registry.adapters.sql.accounts import SqlUsers
from registry.adapters.sql.audit_log import SqlAuditLog
from registry.adapters.sql.device_grants import SqlDeviceGrants
from registry.adapters.sql.engine import Database
from registry.adapters.sql.passwords import SqlPasswords
from registry.adapters.sql.refresh_tokens import SqlRefreshTokens
from registry.adapters.sql.sessions import SqlSessions
from registry.domain.access import User
from registry.domain.access_tokens import GRACE, RefreshToken, RefreshUse
from registry.domain.audit import AuditAction, AuditDraft
from registry.domain.device_grants import DeviceDecision, DeviceGrant
from registry.domain.errors import Unauthenticated
from registry.domain.ids import UserName
from registry.domain.roles import Scope
from registry.domain.sign_in import DEVICE_WAY, Session, StoredPassword

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
SOON, LATE = NOW + timedelta(seconds=5), NOW + GRACE + timedelta(seconds=1)
KIM = User(UserName("kim"), "김민지", "kim@example.com")
LEE = UserName("lee")
NUMBERS = itertools.count(1)
TOLD = [AuditDraft(AuditAction.SESSION_REVOKED, NOW)]


class Stored(NamedTuple):
    database: Database
    users: SqlUsers
    sessions: SqlSessions
    tokens: SqlRefreshTokens
    devices: SqlDeviceGrants
    audit: SqlAuditLog


def over(database: Database) -> Stored:
    return Stored(
        database,
        SqlUsers(database),
        SqlSessions(database),
        SqlRefreshTokens(database),
        SqlDeviceGrants(database),
        SqlAuditLog(database),
    )


@pytest.fixture
async def stored(database: Database) -> Stored:
    made = over(database)
    await made.users.put(KIM)
    return made


@pytest.fixture
async def other(place: Path | str, stored: Stored) -> AsyncIterator[Stored]:
    """The same database over connections of its own, as another process has them."""
    opened = await Database.open(place, seconds=10)
    yield over(opened)
    await opened.close()


def session() -> Session:
    number, end = next(NUMBERS), NOW + timedelta(days=30)
    return Session(f"s{number}", f"hash-{number}", KIM.user, DEVICE_WAY, "127.0.0.1", "cli", NOW, NOW, end, "corp")


def token(family: str, word: str, at: datetime = NOW) -> RefreshToken:
    return RefreshToken(f"{family}-{word}", family, Scope.WRITE, at, at + timedelta(days=30))


def grant(**changes: object) -> DeviceGrant:
    number = next(NUMBERS)
    made = DeviceGrant(
        f"device-{number}", f"CODE{number}", Scope.READ, "10.0.0.1", "cli", NOW, NOW + timedelta(minutes=10)
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def decided(
    stored: Stored,
    asked: DeviceGrant,
    decision: DeviceDecision,
    at: datetime = NOW,
    *,
    user: UserName = KIM.user,
    told: Sequence[AuditDraft] = (),
) -> bool:
    """Somebody decides in a browser, where he came in by the provider ``corp``."""
    mine = replace(session(), user=user, way="corp")
    await stored.sessions.add(mine)
    change = replace(asked, user=user, session=mine.id, decision=decision)
    return await stored.devices.decide(change, at, told)


async def begun(stored: Stored) -> tuple[Session, RefreshToken]:
    """A session that came out of a device's grant, and its first refresh token."""
    asked, made = grant(), session()
    first = token(made.id, "first")
    assert await stored.devices.add(asked)
    assert await decided(stored, asked, DeviceDecision.APPROVED)
    assert await stored.devices.redeem(asked.hash, made, first, [])
    return made, first


async def test_a_used_token_gives_way_to_its_successor(stored: Stored) -> None:
    made, first = await begun(stored)
    second = token(made.id, "second", SOON)
    assert await stored.tokens.use(first, second, TOLD) is RefreshUse.USED
    found = await stored.tokens.find(first.hash)
    assert found is not None
    assert found.token == replace(first, used_at=SOON)
    assert found.user == KIM
    assert (found.session.seen_at, found.session.expires_at) == (SOON, second.expires_at), "it lives as long"
    assert (await stored.tokens.find(second.hash) or found).token == second
    assert await stored.tokens.find("nothing") is None
    assert await stored.tokens.use(token(made.id, "unknown"), token(made.id, "x"), TOLD) is RefreshUse.GONE


async def test_a_lost_answer_is_given_again_for_a_moment(stored: Stored) -> None:
    made, first = await begun(stored)
    assert await stored.tokens.use(first, token(made.id, "second"), TOLD) is RefreshUse.USED
    assert await stored.tokens.use(first, token(made.id, "second", NOW + GRACE), TOLD) is RefreshUse.REPEATED
    assert await stored.tokens.find_family(made.id) is not None
    assert (await stored.audit.state()).number == 0


@pytest.mark.parametrize("case", ["late", "successor used", "another successor"])
async def test_a_token_that_comes_again_ends_its_family(stored: Stored, case: str) -> None:
    made, first = await begun(stored)
    other_family, theirs = await begun(stored)
    second = token(made.id, "second")
    assert await stored.tokens.use(first, second, TOLD) is RefreshUse.USED
    if case == "successor used":
        assert await stored.tokens.use(second, token(made.id, "third"), TOLD) is RefreshUse.USED
    at = LATE if case == "late" else SOON
    following = token(made.id, "second" if case != "another successor" else "forged", at)
    assert await stored.tokens.use(first, following, TOLD) is RefreshUse.REUSED
    assert await stored.tokens.find_family(made.id) is None
    assert await stored.tokens.find(second.hash) is None, "the family is gone"
    assert await stored.tokens.use(second, token(made.id, "third"), TOLD) is RefreshUse.GONE
    assert (await stored.audit.state()).number == 1
    assert await stored.tokens.find_family(other_family.id) is not None
    assert await stored.tokens.find(theirs.hash) is not None


async def test_of_many_who_come_at_once_one_uses_the_token(stored: Stored, other: Stored) -> None:
    for _ in range(3):
        made, first = await begun(stored)
        ways = [stored if each % 2 else other for each in range(8)]
        uses = await asyncio.gather(*(way.tokens.use(first, token(made.id, "second"), TOLD) for way in ways))
        assert sorted(uses) == [RefreshUse.REPEATED] * 7 + [RefreshUse.USED]
    made, first = await begun(stored)
    thieves = [token(made.id, f"successor-{each}") for each in range(8)]
    uses = await asyncio.gather(
        *((stored, other)[each % 2].tokens.use(first, thief, TOLD) for each, thief in enumerate(thieves))
    )
    assert uses.count(RefreshUse.USED) == 1
    assert uses.count(RefreshUse.REUSED) == 1, "those behind it find no family any more"
    assert await stored.tokens.find_family(made.id) is None


async def test_tokens_of_a_family_that_have_ended_are_forgotten(stored: Stored) -> None:
    made, first = await begun(stored)
    second = token(made.id, "second")
    assert await stored.tokens.use(first, second, TOLD) is RefreshUse.USED
    third = token(made.id, "third", NOW + timedelta(days=30))
    assert await stored.tokens.use(second, third, TOLD) is RefreshUse.USED
    assert await stored.tokens.find(first.hash) is None
    assert await stored.tokens.find(third.hash) is not None


async def test_who_ends_the_session_ends_its_tokens(stored: Stored) -> None:
    made, first = await begun(stored)
    assert await stored.sessions.end(made.id)
    assert await stored.tokens.find(first.hash) is None
    made, first = await begun(stored)
    await SqlPasswords(stored.database).put(StoredPassword(KIM.user, "$argon2id$x", NOW))
    assert await stored.tokens.find(first.hash) is None, "a new password ends what was begun with the old one"


async def test_a_device_is_found_polled_and_decided_once(stored: Stored) -> None:
    asked = grant()
    assert await stored.devices.add(asked)
    assert not await stored.devices.add(grant(user_code=asked.user_code)), "two people would not know which"
    assert await stored.devices.find(asked.user_code) == asked
    assert await stored.devices.find("another") is None
    assert await stored.devices.poll("another", NOW) is None
    assert await stored.devices.poll(asked.hash, NOW) == (asked, None)
    assert await stored.devices.poll(asked.hash, SOON) == (replace(asked, polled_at=NOW), None)
    assert await decided(stored, asked, DeviceDecision.DENIED, told=TOLD)
    assert not await decided(stored, asked, DeviceDecision.APPROVED, told=TOLD)
    assert (await stored.audit.state()).number == 1
    found = await stored.devices.poll(asked.hash, NOW)
    assert found is not None
    denied = replace(asked, polled_at=SOON, user=KIM.user, session=found[0].session, decision=DeviceDecision.DENIED)
    assert found == (denied, KIM)
    made = session()
    assert not await stored.devices.redeem(asked.hash, made, token(made.id, "first"), TOLD)
    assert await stored.tokens.find_family(made.id) is None


async def test_a_device_that_asks_too_late_gets_nothing(stored: Stored) -> None:
    asked = grant()
    await stored.devices.add(asked)
    assert not await decided(stored, asked, DeviceDecision.APPROVED, asked.expires_at)
    assert await decided(stored, asked, DeviceDecision.APPROVED)
    made = replace(session(), made_at=asked.expires_at)
    assert not await stored.devices.redeem(asked.hash, made, token(made.id, "first"), TOLD)
    later = grant(made_at=NOW + timedelta(hours=2), expires_at=NOW + timedelta(hours=3))
    assert await stored.devices.add(later)
    assert await stored.devices.find(asked.user_code) is None, "it is forgotten"


async def test_of_many_who_redeem_at_once_one_gets_tokens(stored: Stored, other: Stored) -> None:
    asked = grant()
    await stored.devices.add(asked)
    assert await decided(stored, asked, DeviceDecision.APPROVED)
    made = [session() for _ in range(8)]
    got = await asyncio.gather(
        *(
            (stored, other)[number % 2].devices.redeem(asked.hash, each, token(each.id, "first"), TOLD)
            for number, each in enumerate(made)
        )
    )
    assert got.count(True) == 1
    assert (await stored.audit.state()).number == 1
    assert len([each for each in await stored.sessions.list_sessions(KIM.user) if each.way == DEVICE_WAY]) == 1


async def test_of_two_who_decide_at_once_one_does(stored: Stored, other: Stored) -> None:
    await stored.users.put(replace(KIM, user=LEE))
    for _ in range(4):
        asked = grant()
        await stored.devices.add(asked)
        done = await asyncio.gather(
            decided(stored, asked, DeviceDecision.APPROVED),
            decided(other, asked, DeviceDecision.APPROVED, user=LEE),
        )
        assert sorted(done) == [False, True]
        found = await stored.devices.find(asked.user_code)
        assert found is not None
        assert found.user == (KIM.user if done[0] else LEE)


async def test_what_was_approved_ends_with_the_session_that_it_was_approved_in(stored: Stored) -> None:
    asked = grant()
    await stored.devices.add(asked)
    assert await decided(stored, asked, DeviceDecision.APPROVED)
    for each in await stored.sessions.list_sessions(KIM.user):
        await stored.sessions.end(each.id)
    made = session()
    assert not await stored.devices.redeem(asked.hash, made, token(made.id, "first"), TOLD)
    assert await stored.tokens.find_family(made.id) is None


async def test_a_device_is_let_in_by_the_way_in_of_who_let_it(stored: Stored) -> None:
    made, _ = await begun(stored)
    family = await stored.tokens.find_family(made.id)
    assert family is not None
    assert (family.session.way, family.session.origin) == (DEVICE_WAY, "corp")


async def test_who_is_disabled_or_a_program_gets_no_tokens(stored: Stored) -> None:
    for changed in (replace(KIM, disabled_at=NOW), replace(KIM, is_service=True)):
        await stored.users.put(KIM)
        asked = grant()
        await stored.devices.add(asked)
        assert await decided(stored, asked, DeviceDecision.APPROVED)
        await stored.users.put(changed)
        made = session()
        with pytest.raises(Unauthenticated):
            await stored.devices.redeem(asked.hash, made, token(made.id, "first"), TOLD)
