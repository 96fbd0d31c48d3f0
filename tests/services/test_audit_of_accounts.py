"""What the audit says of accounts: what each change was before and after, and all that went with it."""

from typing import Any

import pytest

from registry.bootstrap import Registry
from registry.domain.access import Actor
from registry.domain.audit import AuditAction, AuditDraft, AuditFilter, AuditOrigin
from registry.domain.errors import Conflict
from registry.domain.ids import GroupName, UserName
from registry.domain.rights import EVERY_RIGHT, SERVER, Place
from registry.domain.roles import Role, Scope
from registry.services.audit_origin import acting
from tests.stock import DEFAULT

ADMIN = Actor(UserName("root"), "Root", "root@example.com", EVERY_RIGHT, session_id="s1")
FROM = AuditOrigin(address="192.0.2.7", request_id="r-1")
BY = AuditOrigin("root", address="192.0.2.7", request_id="r-1")
KIM, LEE, TEAM = UserName("kim"), UserName("lee"), GroupName("team")
SUPPORT = Place(DEFAULT, "support")


@pytest.fixture(autouse=True)
async def _people(registry: Registry) -> None:
    for user in (UserName("root"), KIM, LEE):
        await registry.access.put_user(user, actor=ADMIN, email=f"{user}@example.com")


async def newest(registry: Registry, count: int) -> list[AuditDraft]:
    """The newest entries, in the order in which they were entered."""
    return [each.draft for each in (await registry.audit.list_entries(AuditFilter(), limit=count)).items][::-1]


def told(drafts: list[AuditDraft]) -> list[tuple[str, Any, Any]]:
    return [(each.action, each.old, each.new) for each in drafts]


async def test_a_revoked_key_is_told_as_it_was_made(registry: Registry) -> None:
    key, _ = await registry.api_keys.create(ADMIN, Scope.WRITE, user=KIM, places=[SUPPORT], note="빌드")
    with acting(FROM):
        await registry.api_keys.revoke(ADMIN, key.id)
    said = {"id": key.id, "user": "kim", "scope": "write", "note": "빌드", "places": ["default/support"]}
    made, revoked = await newest(registry, 2)
    assert told([made, revoked]) == [("key.created", None, said), ("key.revoked", said, None)]
    assert revoked.origin == BY


async def test_with_a_group_its_members_and_roles_are_told(registry: Registry) -> None:
    await registry.access.put_group(TEAM, actor=ADMIN, name="팀", members=[KIM])
    grants = [
        await registry.access.grant(role, SUPPORT, actor=ADMIN, group=TEAM) for role in (Role.READER, Role.AUTHOR)
    ]
    with acting(FROM):
        await registry.access.remove_group(TEAM, actor=ADMIN)
    *roles, changed = await newest(registry, 3)
    assert {(each.action, each.old["id"], each.new) for each in roles} == {("role.revoked", g.id, None) for g in grants}
    assert {(each.old["group"], each.old["folder"]) for each in roles} == {("team", "support")}
    was = {"group": "team", "name": "팀", "members": ["kim"], "members_by_provider": {}}
    assert told([changed]) == [("group.changed", was, None)]
    assert {each.origin for each in (*roles, changed)} == {BY}


async def test_with_a_user_his_keys_and_roles_are_told(registry: Registry) -> None:
    ended, _ = await registry.accounts.create_key(user="kim", scope=Scope.READ)
    await registry.accounts.revoke_key(ended.id)
    key, secret = await registry.accounts.create_key(user="kim", scope=Scope.READ)
    child, _ = await registry.api_keys.create(await registry.identification.authenticate(secret), Scope.READ)
    (grant,) = [each for each in await registry.access.grants(ADMIN) if each.user == "kim"]
    with acting(FROM):
        await registry.access.remove_user(KIM, actor=ADMIN)
    *went, removed = await newest(registry, 4)
    gone = {("key.revoked", key.id), ("key.revoked", child.id), ("role.revoked", grant.id)}
    assert {(each.action, each.old["id"]) for each in went} == gone
    assert {each.old["user"] for each in (*went, removed)} == {"kim"}
    assert (removed.action, removed.new) == ("user.removed", None)
    assert {each.origin for each in (*went, removed)} == {BY}


async def test_what_is_refused_is_not_told(registry: Registry) -> None:
    await registry.access.put_group(TEAM, actor=ADMIN, name=None, members=[KIM])
    await registry.access.grant(Role.ADMINISTRATOR, SERVER, actor=ADMIN, group=TEAM)
    await registry.accounts.create_key(user="kim")
    before = await newest(registry, 1)
    for attempt in (registry.access.remove_group(TEAM, actor=ADMIN), registry.access.remove_user(KIM, actor=ADMIN)):
        with pytest.raises(Conflict):
            await attempt
    assert await newest(registry, 1) == before
    assert [each.revoked_at for each in await registry.accounts.list_keys("kim")] == [None]


async def test_whose_session_was_ended_is_told(registry: Registry) -> None:
    kim = (await registry.access.find_user(KIM, ADMIN)).user
    sessions = registry.signing_in.sessions
    one, _ = await sessions.begin(kim, "password", "curl")
    other, secret = await sessions.begin(kim, "password", "curl")
    await sessions.revoke(one.id, ADMIN, KIM)
    await sessions.sign_out(await registry.identification.authenticate(secret))
    revoked, out = await newest(registry, 2)
    assert told([revoked]) == [("session.revoked", {"id": one.id, "user": "kim"}, None)]
    assert told([out]) == [("sign_out", {"id": other.id, "user": "kim"}, None)]
    assert (revoked.origin.actor, out.origin.actor) == ("root", "kim")


@pytest.mark.parametrize("change", [{"disabled": True}, {"is_service": True}])
async def test_who_may_not_sign_in_any_more_has_no_session_when_he_may_again(
    registry: Registry, change: dict[str, bool]
) -> None:
    kim = (await registry.access.find_user(KIM, ADMIN)).user
    await registry.signing_in.sessions.begin(kim, "password", "curl")
    await registry.access.put_user(KIM, actor=ADMIN, **change)  # type: ignore[arg-type]
    await registry.access.put_user(KIM, actor=ADMIN, **dict.fromkeys(change, False))  # type: ignore[arg-type]
    assert await registry.signing_in.sessions.list_sessions(ADMIN, KIM) == []
    assert [each.action for each in await newest(registry, 2)] == [AuditAction.USER_CHANGED] * 2
