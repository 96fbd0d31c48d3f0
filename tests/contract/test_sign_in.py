"""Passwords and sessions: the ports of ``registry.ports.sign_in``, on every database."""

import asyncio
import itertools
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from registry.adapters.local.password_hasher import Argon2Hasher
from registry.adapters.sql.accounts import SqlUsers
from registry.adapters.sql.engine import Database
from registry.adapters.sql.grants import SqlGrants
from registry.adapters.sql.passwords import SqlPasswords
from registry.adapters.sql.sessions import SqlSessions
from registry.domain.access import Grant, User
from registry.domain.errors import BadRequest, NotFound, Unauthenticated
from registry.domain.ids import UserName
from registry.domain.rights import SERVER, Rights
from registry.domain.roles import Role
from registry.domain.sign_in import Session, StoredPassword

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
KIM = User(UserName("kim"), "김민지", "Kim@example.com")
NUMBERS = itertools.count(1)


class Stored(NamedTuple):
    database: Database
    users: SqlUsers
    grants: SqlGrants
    passwords: SqlPasswords
    sessions: SqlSessions


@pytest.fixture
async def stored(database: Database) -> Stored:
    users = SqlUsers(database)
    await users.put(KIM)
    return Stored(database, users, SqlGrants(database), SqlPasswords(database), SqlSessions(database))


def session(user: str = "kim", **changes: object) -> Session:
    number = next(NUMBERS)
    made = Session(
        f"s{number}",
        f"hash-{number}",
        UserName(user),
        "password",
        "127.0.0.1",
        "curl",
        NOW,
        NOW,
        NOW + timedelta(days=1),
        "password",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_a_user_is_found_by_name_and_by_an_address_that_is_his_alone(stored: Stored) -> None:
    assert await stored.passwords.find("kim") == (KIM, None)
    assert await stored.passwords.find("kim@EXAMPLE.com") == (KIM, None)
    assert await stored.passwords.find("nobody") is None
    await stored.users.put(User(UserName("lee"), "이", "kim@example.com"))
    assert await stored.passwords.find("kim@example.com") is None, "whose would it be?"
    assert (await stored.passwords.find("lee") or [None])[0] is not None


async def test_a_name_with_nul_is_nobodys(stored: Stored) -> None:
    with suppress(BadRequest):  # what PostgreSQL cannot even look for
        assert await stored.passwords.find("kim\0") is None


async def test_a_new_password_ends_all_sessions(stored: Stored) -> None:
    mine = session()
    await stored.sessions.add(mine)
    password = StoredPassword(KIM.user, "$argon2id$one", NOW, must_change=True)
    await stored.passwords.put(password)
    assert await stored.passwords.find("kim") == (KIM, password)
    assert await stored.sessions.find(mine.hash) is None
    with pytest.raises(NotFound, match="nobody"):
        await stored.passwords.put(replace(password, user=UserName("nobody")))


async def test_another_hash_does_not_undo_a_new_password(stored: Stored) -> None:
    password = StoredPassword(KIM.user, "one", NOW)
    await stored.passwords.put(password)
    await stored.passwords.rehash(replace(password, hash="two"))
    assert (await stored.passwords.find("kim") or ())[1] == replace(password, hash="two")
    newer = StoredPassword(KIM.user, "three", NOW + timedelta(seconds=1))
    await stored.passwords.put(newer)
    await stored.passwords.rehash(replace(password, hash="four"))
    assert (await stored.passwords.find("kim") or ())[1] == newer


async def test_a_session_is_found_with_its_user_and_all_his_rights(stored: Stored) -> None:
    mine = session()
    await stored.sessions.add(mine)
    for role in (Role.READER, Role.AUTHOR):
        await stored.grants.add(Grant(role.value, role, SERVER, NOW, KIM.user, user=KIM.user))
    found = await stored.sessions.find(mine.hash)
    assert found is not None
    assert (found.session, found.user, found.must_change_password) == (mine, KIM, False)
    assert found.identified.rights == Rights.of([(SERVER, Role.AUTHOR)])
    await stored.passwords.put(StoredPassword(KIM.user, "one", NOW, must_change=True))
    again = session()
    await stored.sessions.add(again)
    assert (await stored.sessions.find(again.hash) or found).must_change_password
    assert await stored.sessions.find("another hash") is None
    with pytest.raises(NotFound):
        await stored.sessions.add(session("nobody"))


async def test_sessions_are_listed_by_their_last_use_and_ended(stored: Stored) -> None:
    one, two = session(), session()
    await stored.sessions.add(one)
    await stored.sessions.add(two)
    await stored.sessions.note_seen(two.id, NOW + timedelta(minutes=5))
    assert [each.id for each in await stored.sessions.list_sessions(KIM.user)] == [two.id, one.id]
    assert await stored.sessions.end(one.id)
    assert not await stored.sessions.end(one.id)
    assert await stored.sessions.find(one.hash) is None


async def test_with_the_right_to_sign_in_end_all_sessions(stored: Stored) -> None:
    for changed in (replace(KIM, disabled_at=NOW), replace(KIM, is_service=True)):
        await stored.sessions.add(session())
        await stored.users.put(replace(KIM, name="K"))
        assert len(await stored.sessions.list_sessions(KIM.user)) == 1
        await stored.users.put(changed)
        await stored.users.put(KIM)
        assert await stored.sessions.list_sessions(KIM.user) == []


async def test_sessions_that_are_long_over_are_forgotten(stored: Stored) -> None:
    over = session(made_at=NOW - timedelta(days=9), expires_at=NOW - timedelta(days=1))
    await stored.sessions.add(over)
    await stored.sessions.add(session())
    assert await stored.sessions.find(over.hash) is None


def test_passwords_are_hashed_by_argon2id_with_a_salt_of_their_own() -> None:
    hasher = Argon2Hasher()
    hashed = hasher.hash("열려라 참깨 1001")
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert hashed != hasher.hash("열려라 참깨 1001")
    assert hasher.verify(hashed, "열려라 참깨 1001")
    assert not hasher.verify(hashed, "열려라 참깨 1002")
    assert not hasher.verify(None, "")
    assert not hasher.verify("no hash", "x")
    assert not hasher.is_outdated(hashed)
    assert hasher.is_outdated(hashed.replace("t=3", "t=2"))


def test_a_hash_of_nobody_takes_as_long_as_that_of_somebody() -> None:
    hasher = Argon2Hasher()
    hashed = hasher.hash("one")
    hasher.verify(None, "warm")

    def seconds(known: str | None) -> float:
        began = time.perf_counter()
        hasher.verify(known, "two")
        return time.perf_counter() - began

    times = {known: min(seconds(known) for _ in range(5)) for known in (hashed, None)}
    assert 0.5 < times[hashed] / times[None] < 2


async def test_no_session_begins_with_a_password_that_is_another_one_by_now(stored: Stored) -> None:
    password = StoredPassword(KIM.user, "one", NOW)
    await stored.passwords.put(password)
    await stored.passwords.put(StoredPassword(KIM.user, "two", NOW + timedelta(seconds=1)))
    late = session()
    with pytest.raises(Unauthenticated, match="set anew"):
        await stored.sessions.add(late, password_set_at=password.set_at)
    assert await stored.sessions.find(late.hash) is None
    await stored.sessions.add(session(), password_set_at=NOW + timedelta(seconds=1))


async def test_a_password_does_not_replace_another_one_than_it_was_changed_for(stored: Stored) -> None:
    password = StoredPassword(KIM.user, "one", NOW)
    await stored.passwords.put(password)
    other = replace(password, hash="by a link", set_at=NOW + timedelta(seconds=1))
    await stored.passwords.put(other)
    assert not await stored.passwords.put(replace(password, hash="three"), instead_of=password)
    assert (await stored.passwords.find("kim") or ())[1] == other
    assert await stored.passwords.put(replace(password, hash="three"), instead_of=other)


async def test_no_session_begins_for_who_may_not_sign_in(stored: Stored) -> None:
    for changed in (replace(KIM, disabled_at=NOW), replace(KIM, is_service=True)):
        await stored.users.put(changed)
        with pytest.raises(Unauthenticated):
            await stored.sessions.add(session())


async def test_sessions_that_begin_beside_a_new_password_do_not_outlive_it(stored: Stored) -> None:
    old = StoredPassword(KIM.user, "0", NOW)
    await stored.passwords.put(old)
    for number in range(1, 6):
        new = replace(old, hash=str(number), set_at=NOW + timedelta(seconds=number))
        beside = [stored.sessions.add(session(), password_set_at=old.set_at) for _ in range(6)]
        await asyncio.gather(*beside[:3], stored.passwords.put(new), *beside[3:], return_exceptions=True)
        assert await stored.sessions.list_sessions(KIM.user) == []
        old = new
