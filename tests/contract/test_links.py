"""Links for one use (``registry.ports.links``), and what ends them, on every database."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from registry.adapters.sql.accounts import SqlUsers
from registry.adapters.sql.audit_log import SqlAuditLog
from registry.adapters.sql.engine import Database
from registry.adapters.sql.links import SqlLinks
from registry.adapters.sql.passwords import SqlPasswords
from registry.domain.access import User
from registry.domain.audit import AuditAction, AuditDraft, AuditFilter
from registry.domain.errors import NotFound
from registry.domain.ids import UserName
from registry.domain.links import Link, LinkKind
from registry.domain.sign_in import StoredPassword

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
KIM, LEE = User(UserName("kim"), "김민지", "kim@example.com"), User(UserName("lee"), "이", "lee@example.com")
LINK = Link("hash-1", LinkKind.RESET, KIM.user, NOW, NOW + timedelta(hours=1))
PASSWORD = StoredPassword(KIM.user, "$argon2id$one", NOW)
TOLD = [AuditDraft(AuditAction.PASSWORD_CHANGED, NOW)]


class Stored(NamedTuple):
    users: SqlUsers
    links: SqlLinks
    passwords: SqlPasswords
    audit: SqlAuditLog

    async def entered(self) -> int:
        return len(await self.audit.newest(AuditFilter(), limit=9))


@pytest.fixture
async def stored(database: Database) -> Stored:
    users = SqlUsers(database)
    for user in (KIM, LEE):
        await users.put(user)
    return Stored(users, SqlLinks(database), SqlPasswords(database), SqlAuditLog(database))


async def test_a_link_is_found_with_its_user(stored: Stored) -> None:
    made = replace(LINK, kind=LinkKind.INVITATION, made_by=LEE.user)
    await stored.links.put(made, TOLD)
    assert await stored.links.find(made.hash) == (made, KIM)
    assert await stored.links.find("another hash") is None
    assert await stored.entered() == 1
    with pytest.raises(NotFound, match="nobody"):
        await stored.links.put(replace(LINK, user=UserName("nobody")), TOLD)
    assert await stored.entered() == 1


async def test_a_new_link_ends_the_one_of_its_kind_and_those_that_are_over(stored: Stored) -> None:
    invitation = replace(LINK, hash="i", kind=LinkKind.INVITATION)
    others = replace(LINK, hash="o", user=LEE.user)
    over = replace(LINK, hash="over", kind=LinkKind.INVITATION, user=LEE.user, expires_at=NOW)
    for link in (over, invitation, others, LINK, new := replace(LINK, hash="new")):
        await stored.links.put(link)
    found = {
        each.hash: await stored.links.find(each.hash) is not None for each in (over, invitation, others, LINK, new)
    }
    assert found == {"over": False, "i": True, "o": True, LINK.hash: False, "new": True}


async def test_a_link_sets_one_password_and_all_links_of_its_user_end(stored: Stored) -> None:
    invitation = replace(LINK, hash="i", kind=LinkKind.INVITATION)
    await stored.links.put(LINK)
    await stored.links.put(invitation)
    tries = (stored.passwords.put(PASSWORD, TOLD, by_link=LINK.hash) for _ in range(4))
    assert sorted(await asyncio.gather(*tries)) == [False, False, False, True]
    assert await stored.entered() == 1
    assert await stored.links.find(invitation.hash) is None
    assert not await stored.passwords.put(replace(PASSWORD, hash="two"), TOLD, by_link=LINK.hash)
    assert (await stored.passwords.find("kim") or ())[1] == PASSWORD


async def test_a_link_sets_no_other_users_password(stored: Stored) -> None:
    await stored.links.put(LINK)
    assert not await stored.passwords.put(replace(PASSWORD, user=LEE.user), by_link=LINK.hash)
    assert await stored.passwords.find("lee") == (LEE, None)


@pytest.mark.parametrize("change", [{"email": "kim@elsewhere.example"}, {"disabled_at": NOW}])
async def test_links_end_with_their_address_and_where_their_user_is_disabled(
    stored: Stored, change: dict[str, object]
) -> None:
    await stored.links.put(LINK)
    await stored.users.put(replace(KIM, name="Minji"))
    await stored.users.put(replace(LEE, **change))  # type: ignore[arg-type]
    assert await stored.links.find(LINK.hash) is not None
    await stored.users.put(replace(KIM, **change))  # type: ignore[arg-type]
    assert await stored.links.find(LINK.hash) is None


async def test_any_new_password_ends_the_links(stored: Stored) -> None:
    await stored.links.put(LINK)
    assert await stored.passwords.put(PASSWORD)
    assert await stored.links.find(LINK.hash) is None
