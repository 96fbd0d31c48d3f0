"""What every store of groups and grants promises."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from registry.adapters.sql.accounts import SqlKeys, SqlUsers
from registry.adapters.sql.audit_log import SqlAuditLog
from registry.adapters.sql.engine import Database
from registry.adapters.sql.grants import SqlGrants, SqlGroups
from registry.adapters.sql.links import SqlLinks
from registry.adapters.sql.passwords import SqlPasswords
from registry.adapters.sql.sessions import SqlSessions
from registry.domain.access import ApiKey, Grant, Group, Identified, User
from registry.domain.audit import AuditAction, AuditDraft
from registry.domain.errors import Conflict, NotFound
from registry.domain.links import Link, LinkKind
from registry.domain.rights import NOTHING, SERVER, Place, Rights, on_server
from registry.domain.roles import Role, Scope
from registry.domain.sign_in import Session, StoredPassword
from registry.ports.accounts import Grants, Groups, Keys, Lost, Users

NOW = datetime(2026, 4, 1, 12, 0, 0, 123456, tzinfo=UTC)
KIM, LEE = User("kim", "김민지", "kim@example.com"), User("lee", "Lee", "lee@example.com", is_service=True)
SUPPORT = Place("default", "고객지원/환불")
GRANT = Grant("g1", Role.AUTHOR, SUPPORT, NOW, "lee", user="kim")


class Stores(NamedTuple):
    users: Users
    groups: Groups
    grants: Grants
    keys: Keys


@pytest.fixture
async def stores(database: Database) -> Stores:
    found = Stores(SqlUsers(database), SqlGroups(database), SqlGrants(database), SqlKeys(database))
    for user in (LEE, KIM):
        await found.users.put(user)
    return found


async def rights(stores: Stores, user: str = "kim") -> Rights:
    found = await stores.grants.identify(user)
    assert found is not None
    return found.rights


async def test_who_was_granted_nothing_has_no_rights_and_who_is_not_there_is_nobody(stores: Stores) -> None:
    assert await stores.grants.identify("kim") == Identified(KIM, NOTHING)
    assert await stores.grants.identify("lee") == Identified(LEE, NOTHING)
    assert await stores.grants.identify("nobody") is None


async def test_rights_are_those_of_the_user_and_of_all_groups(stores: Stores) -> None:
    await stores.grants.add(GRANT)
    await stores.groups.put("writers", "Writers")
    await stores.groups.put("all", "모두")
    await stores.groups.set_members("writers", ["kim", "lee"])
    await stores.groups.set_members("all", ["kim"])
    await stores.grants.add(replace(GRANT, id="g2", user=None, group="writers", place=Place("other")))
    await stores.grants.add(replace(GRANT, id="g3", user=None, group="all", place=SERVER, role=Role.READER))
    everything = [(SUPPORT, Role.AUTHOR), (Place("other"), Role.AUTHOR), (SERVER, Role.READER)]
    assert await rights(stores) == Rights.of(everything)
    assert await rights(stores, "lee") == Rights.of([(Place("other"), Role.AUTHOR)])
    await stores.keys.add(ApiKey("k1", "kim", Scope.WRITE, "aa", NOW, places=(SUPPORT, Place("x"))))
    found = await stores.keys.find("aa")
    assert found is not None
    assert found[0].places == (SUPPORT, Place("x"))
    assert found[1] == Identified(KIM, Rights.of(everything)), "the key's own limits are the caller's affair"


async def test_the_same_grant_is_kept_once(stores: Stores) -> None:
    assert await stores.grants.add(GRANT) == GRANT
    assert await stores.grants.add(replace(GRANT, id="g2", made_by="kim")) == GRANT
    assert await stores.grants.list_grants() == [GRANT]
    stronger = replace(GRANT, id="g3", role=Role.MAINTAINER)
    assert await stores.grants.add(stronger) == stronger


async def test_a_grant_is_taken_back(stores: Stores) -> None:
    await stores.grants.add(GRANT)
    assert await stores.grants.remove("g1") == GRANT
    assert await stores.grants.remove("g1") is None
    assert await rights(stores) == NOTHING


async def test_a_grant_and_a_membership_need_who_they_are_about(stores: Stores) -> None:
    with pytest.raises(NotFound, match="user 'nobody'"):
        await stores.grants.add(replace(GRANT, user="nobody"))
    with pytest.raises(NotFound, match="group 'none'"):
        await stores.grants.add(replace(GRANT, user=None, group="none"))
    with pytest.raises(NotFound, match="group 'none'"):
        await stores.groups.set_members("none", ["kim"])
    await stores.groups.put("all", "All")
    with pytest.raises(NotFound, match="user 'nobody'"):
        await stores.groups.set_members("all", ["kim", "nobody"])
    assert await stores.groups.list_groups() == [Group("all", "All", ())]


async def test_groups_are_listed_by_name_with_their_members(stores: Stores) -> None:
    assert await stores.groups.list_groups() == []
    for group, name in (("b", "B"), ("a", "A"), ("b", "둘")):
        await stores.groups.put(group, name)
    await stores.groups.set_members("b", ["lee", "kim", "lee"])
    await stores.groups.set_groups("kim", ["b"], "google")
    by = {"google": ("kim",)}
    assert await stores.groups.list_groups() == [Group("a", "A"), Group("b", "둘", ("kim", "lee"), by)]
    await stores.groups.set_members("b", [])
    assert await stores.groups.list_groups() == [Group("a", "A"), Group("b", "둘", (), by)]


async def test_one_more_member_leaves_the_others_as_they_are(stores: Stores, database: Database) -> None:
    await stores.groups.put("a", "A")
    await stores.groups.set_groups("lee", ["a"], "google")
    seen = list[Group]()

    def told(old: Group) -> list[AuditDraft]:
        seen.append(old)
        return [AuditDraft(AuditAction.GROUP_CHANGED, NOW)]

    for _ in range(2):
        await stores.groups.add_member("a", "kim", told)
    by = {"google": ("lee",)}
    assert await stores.groups.list_groups() == [Group("a", "A", ("kim",), by)]
    assert seen == [Group("a", "A", (), by)]
    assert len(await SqlAuditLog(database).following(0, limit=9)) == 1
    for group, user in (("none", "kim"), ("a", "nobody")):
        with pytest.raises(NotFound, match=f"'{'none' if group == 'none' else user}'"):
            await stores.groups.add_member(group, user)


async def test_a_provider_says_its_own_groups_of_a_user_and_no_others(stores: Stores) -> None:
    for group in ("a", "b", "c"):
        await stores.groups.put(group, group)
    await stores.groups.set_members("a", ["kim"])
    await stores.groups.set_groups("kim", ["b", "unknown", "b"], "google")
    by = {"google": ("kim",)}
    written = Group("a", "a", ("kim",))
    assert await stores.groups.list_groups() == [written, Group("b", "b", (), by), Group("c", "c")]
    await stores.groups.set_groups("kim", ["c"], "google")
    assert await stores.groups.list_groups() == [written, Group("b", "b"), Group("c", "c", (), by)]


async def test_with_a_group_goes_what_it_gave(stores: Stores) -> None:
    await stores.groups.put("all", "All")
    await stores.groups.set_members("all", ["kim"])
    await stores.grants.add(replace(GRANT, user=None, group="all"))
    assert await rights(stores) != NOTHING
    assert await stores.groups.remove("all")
    assert not await stores.groups.remove("all")
    assert await rights(stores) == NOTHING
    assert await stores.grants.list_grants() == []


async def test_a_user_is_disabled_and_listed(stores: Stores) -> None:
    gone = replace(KIM, disabled_at=NOW)
    await stores.users.put(gone)
    assert await stores.users.list_users() == [gone, LEE]
    assert await stores.grants.identify("kim") == Identified(gone, NOTHING)


async def test_of_many_grants_all_count(stores: Stores) -> None:
    for number in range(50):
        await stores.grants.add(replace(GRANT, id=f"g{number}", place=Place("default", f"f{number}")))
    assert await rights(stores) == Rights.of((Place("default", f"f{number}"), Role.AUTHOR) for number in range(50))
    await stores.grants.add(replace(GRANT, id="all", place=SERVER))
    assert await rights(stores) == on_server(Role.AUTHOR)


async def test_the_last_administrator_stays_however_many_take_one_away_at_once(stores: Stores) -> None:
    admins = [
        replace(GRANT, id=f"a{n}", role=Role.ADMINISTRATOR, place=SERVER, user=user)
        for n, user in enumerate(("kim", "lee"))
    ]
    for grant in admins:
        await stores.grants.add(grant)
    done = await asyncio.gather(*(stores.grants.remove(grant.id) for grant in admins), return_exceptions=True)
    assert sorted(isinstance(each, Conflict) for each in done) == [False, True], done
    (left,) = await stores.grants.list_grants()
    with pytest.raises(Conflict, match="Nobody would be administrator"):
        await stores.users.put(replace(KIM if left.user == "kim" else LEE, disabled_at=NOW))
    await stores.groups.put("admins", "Admins")
    await stores.groups.set_members("admins", ["kim"])
    await stores.grants.add(replace(GRANT, id="g9", role=Role.ADMINISTRATOR, place=SERVER, user=None, group="admins"))
    await stores.grants.remove(left.id)
    for attempt in (stores.groups.remove("admins"), stores.groups.set_members("admins", [])):
        with pytest.raises(Conflict):
            await attempt
    assert (await rights(stores)) == on_server(Role.ADMINISTRATOR)


async def test_a_change_and_what_is_told_of_it_are_one(stores: Stores, database: Database) -> None:
    log = SqlAuditLog(database)

    def told(action: AuditAction) -> list[AuditDraft]:
        return [AuditDraft(action, NOW)]

    admin = replace(GRANT, role=Role.ADMINISTRATOR, place=SERVER)
    await stores.grants.add(admin, told(AuditAction.ROLE_GRANTED))
    await stores.grants.add(replace(admin, id="again"), told(AuditAction.ROLE_GRANTED))
    with pytest.raises(Conflict):
        await stores.grants.remove("g1", told(AuditAction.ROLE_REVOKED))
    with pytest.raises(NotFound):
        await stores.grants.add(replace(GRANT, user="nobody"), told(AuditAction.ROLE_GRANTED))
    await stores.groups.put("a", "A", told(AuditAction.GROUP_CHANGED))
    await stores.groups.remove("none", told(AuditAction.GROUP_CHANGED))
    await stores.users.put(replace(LEE, name="L"), told(AuditAction.USER_CHANGED))
    entered = [entry.draft.action for entry in await log.following(0, limit=9)]
    assert entered == ["role.granted", "group.changed", "user.changed"]


async def test_a_user_is_removed_with_all_that_is_his(stores: Stores, database: Database) -> None:
    key = ApiKey("k1", KIM.user, Scope.READ, "hash", NOW)
    links, sessions, passwords = SqlLinks(database), SqlSessions(database), SqlPasswords(database)
    await stores.keys.add(key)
    await stores.groups.put("a", "A")
    await stores.groups.set_members("a", ["kim", "lee"])
    await stores.grants.add(GRANT)
    await passwords.put(StoredPassword(KIM.user, "hash", NOW))
    await links.put(Link("link", LinkKind.RESET, KIM.user, NOW, NOW + timedelta(hours=1)))
    later = NOW + timedelta(days=1)
    await sessions.add(Session("s1", "session", KIM.user, "password", None, "curl", NOW, NOW, later))
    told = [AuditDraft(AuditAction.USER_REMOVED, NOW)]
    lost = list[Lost]()

    def tell(each: Lost) -> list[AuditDraft]:
        lost.append(each)
        return told

    assert await stores.users.remove(KIM.user, NOW, tell)
    assert not await stores.users.remove(KIM.user, NOW, tell)
    assert lost == [Lost([GRANT], [key])]
    assert (await stores.users.find(KIM.user), await stores.keys.find("hash")) == (None, None)
    assert await stores.groups.list_groups() == [Group("a", "A", ("lee",))]
    assert (await stores.grants.list_grants(), await stores.keys.list_keys()) == ([], [])
    assert (await links.find("link"), await sessions.find("session"), await passwords.find("kim")) == (None, None, None)
    await stores.users.put(KIM)
    assert await stores.grants.identify(KIM.user) == Identified(KIM, NOTHING), "the name alone gives nothing back"
    assert [entry.draft.action for entry in await SqlAuditLog(database).following(0, limit=9)] == ["user.removed"]


async def test_the_last_administrator_is_not_removed(stores: Stores) -> None:
    await stores.grants.add(replace(GRANT, role=Role.ADMINISTRATOR, place=SERVER))
    key = ApiKey("k1", KIM.user, Scope.READ, "hash", NOW)
    await stores.keys.add(key)
    with pytest.raises(Conflict, match="Nobody would be administrator"):
        await stores.users.remove(KIM.user, NOW)
    assert await stores.keys.list_keys() == [key]
