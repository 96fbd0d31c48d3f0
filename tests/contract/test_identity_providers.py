"""Identity providers and whose their identities are: ``registry.ports.identity_providers``, on every database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from registry.adapters.local.keyring import FileKeyRing
from registry.adapters.sql.accounts import SqlUsers
from registry.adapters.sql.engine import Database
from registry.adapters.sql.grants import SqlGrants, SqlGroups
from registry.adapters.sql.provider_accounts import SqlProviderAccounts
from registry.adapters.sql.providers import SqlProviders
from registry.adapters.sql.sessions import SqlSessions
from registry.domain.access import Grant, User
from registry.domain.errors import Conflict, NotFound, Unavailable
from registry.domain.identity_providers import SECRET_PURPOSE, Provider, ProviderKind, ProviderSettings
from registry.domain.ids import GroupName, ProviderName, UserName
from registry.domain.rights import SERVER
from registry.domain.roles import Role
from registry.domain.sign_in import Identity, Session

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
CORP = ProviderName("corp")
KIM = User(UserName("kim"), "김민지", "Kim@example.com")
SETTINGS = ProviderSettings(
    scopes=("openid", "groups"),
    groups_claim="realm_access.roles",
    groups={"/prompts/writers": "writers"},
    required_groups=("staff",),
    domains=("example.com",),
    sign_up=True,
    allow_private=True,
)
KEYCLOAK = Provider(
    CORP, "회사 계정", ProviderKind.KEYCLOAK, "https://id.example.com/realms/a", "promptuary", NOW, SETTINGS
)


class Stored(NamedTuple):
    users: SqlUsers
    groups: SqlGroups
    grants: SqlGrants
    sessions: SqlSessions
    providers: SqlProviders
    accounts: SqlProviderAccounts


@pytest.fixture
async def stored(database: Database) -> Stored:
    users, providers = SqlUsers(database), SqlProviders(database)
    await users.put(KIM)
    await providers.put(KEYCLOAK)
    accounts = SqlProviderAccounts(database)
    return Stored(users, SqlGroups(database), SqlGrants(database), SqlSessions(database), providers, accounts)


def identity(subject: str = "s-1", user: str = "kim", email: str | None = "kim@example.com") -> Identity:
    return Identity(CORP, subject, UserName(user), email, NOW, NOW)


def session(way: str) -> Session:
    return Session(f"id-{way}", f"hash-{way}", KIM.user, way, None, "curl", NOW, NOW, NOW + timedelta(days=1))


async def test_a_provider_comes_back_as_it_was_stored(stored: Stored) -> None:
    assert await stored.providers.find(CORP) == KEYCLOAK
    assert await stored.providers.find(ProviderName("none")) is None
    changed = replace(KEYCLOAK, name="회사", secret="pk1.k.s", disabled_at=NOW, settings=ProviderSettings())
    await stored.providers.put(changed)
    assert await stored.providers.list_providers() == [changed]


@pytest.mark.parametrize("change", [{"issuer": "https://evil.example"}, {"kind": ProviderKind.OIDC}])
async def test_the_same_name_is_never_another_provider(stored: Stored, change: dict[str, object]) -> None:
    """Else the accounts of one would be those of whoever has the same number at the other."""
    with pytest.raises(Conflict, match=r"id\.example\.com"):
        await stored.providers.put(replace(KEYCLOAK, **change))  # type: ignore[arg-type]
    assert await stored.providers.find(CORP) == KEYCLOAK


async def test_who_came_by_a_provider_that_is_disabled_is_signed_out(stored: Stored) -> None:
    for way in (CORP, "password"):
        await stored.sessions.add(session(way))
    await stored.providers.put(replace(KEYCLOAK, disabled_at=NOW))
    assert [each.way for each in await stored.sessions.list_sessions(KIM.user)] == ["password"]


async def test_with_a_provider_go_its_identities_groups_and_sessions(stored: Stored) -> None:
    await stored.accounts.link(identity())
    await stored.groups.put(GroupName("writers"), "Writers")
    await stored.groups.set_groups(KIM.user, [GroupName("writers")], CORP)
    await stored.sessions.add(session(CORP))
    assert await stored.providers.remove(CORP)
    assert not await stored.providers.remove(CORP)
    assert await stored.accounts.find(CORP, "s-1") is None
    assert (await stored.groups.list_groups())[0].by_provider == {}
    assert await stored.sessions.list_sessions(KIM.user) == []
    assert await stored.users.find(KIM.user) == KIM


async def test_a_provider_that_gave_the_last_administrator_his_role_stays(stored: Stored) -> None:
    await stored.groups.put(GroupName("admins"), "Admins")
    await stored.groups.set_groups(KIM.user, [GroupName("admins")], CORP)
    await stored.grants.add(Grant("g", Role.ADMINISTRATOR, SERVER, NOW, KIM.user, group=GroupName("admins")))
    with pytest.raises(Conflict, match="administrator"):
        await stored.providers.remove(CORP)
    with pytest.raises(Conflict, match="administrator"):
        await stored.groups.set_groups(KIM.user, [], CORP)
    assert await stored.providers.find(CORP) == KEYCLOAK


async def test_an_identity_is_found_with_its_user(stored: Stored) -> None:
    await stored.accounts.link(identity())
    assert await stored.accounts.find(CORP, "s-1") == (identity(), KIM)
    assert await stored.accounts.find(CORP, "S-1") is None
    with pytest.raises(Conflict):
        await stored.accounts.link(identity())
    with pytest.raises(NotFound):
        await stored.accounts.link(identity("s-2", "nobody"))


@pytest.mark.parametrize(("name", "email"), [("kim", "x@y.org"), ("KIM", "x@y.org"), ("other", "KIM@EXAMPLE.COM")])
async def test_a_new_user_takes_nobodys_name_and_address(stored: Stored, name: str, email: str) -> None:
    user = User(UserName(name), "X", email)
    assert not await stored.accounts.add(identity("s-9", name), user)
    assert await stored.accounts.find(CORP, "s-9") is None
    assert await stored.users.list_users() == [KIM]


async def test_a_new_user_comes_with_his_identity_or_not_at_all(stored: Stored) -> None:
    lee = User(UserName("lee"), "이", "lee@example.com")
    assert await stored.accounts.add(identity("s-2", "lee", "lee@example.com"), lee)
    assert await stored.accounts.find(CORP, "s-2") == (identity("s-2", "lee", "lee@example.com"), lee)
    with pytest.raises(Conflict):
        await stored.accounts.add(identity("s-2", "lee2"), User(UserName("lee2"), "이", "lee2@example.com"))
    assert await stored.users.find(UserName("lee2")) is None


async def test_a_sign_in_changes_name_and_address_but_takes_nobodys(stored: Stored) -> None:
    from registry.domain.audit import AuditAction, AuditDraft

    told = [AuditDraft(AuditAction.USER_CHANGED, NOW)]
    await stored.accounts.link(identity())
    later = replace(identity(), email="min@example.com", seen_at=NOW + timedelta(days=1))
    changed = replace(KIM, name="민지", email="min@example.com")
    await stored.accounts.note_sign_in(later, changed, told)
    assert await stored.accounts.find(CORP, "s-1") == (later, changed)
    await stored.users.put(User(UserName("lee"), "이", "lee@example.com"))
    with pytest.raises(Conflict):
        await stored.accounts.note_sign_in(later, replace(KIM, email="LEE@example.com"), told)
    assert await stored.accounts.find(CORP, "s-1") == (later, changed)


async def test_users_are_found_by_their_address_in_any_case(stored: Stored) -> None:
    assert await stored.accounts.find_by_email("kim@EXAMPLE.com") == [KIM]
    assert await stored.accounts.find_by_email("%") == []


async def test_secrets_are_encrypted_and_follow_a_rotation(stored: Stored, tmp_path: Path) -> None:
    ring = FileKeyRing(tmp_path / "keyring.json", makes=True)
    sealed = ring.encrypt(SECRET_PURPOSE, CORP, b"s3cret-of-the-client")
    assert "s3cret" not in sealed
    await stored.providers.put(replace(KEYCLOAK, secret=sealed))
    assert await stored.providers.renew(ring) == 0
    new = ring.rotate(NOW)
    assert await stored.providers.renew(ring) == 1
    found = (await stored.providers.find(CORP) or KEYCLOAK).secret or ""
    assert found.split(".")[1] == new.id
    assert ring.decrypt(SECRET_PURPOSE, CORP, found) == b"s3cret-of-the-client"
    with pytest.raises(Unavailable):
        ring.decrypt(SECRET_PURPOSE, "another", found)


async def test_a_secret_that_the_ring_cannot_read_stays_as_it_is(stored: Stored, tmp_path: Path) -> None:
    other = FileKeyRing(tmp_path / "other.json", makes=True)
    sealed = other.encrypt(SECRET_PURPOSE, CORP, b"x")
    await stored.providers.put(replace(KEYCLOAK, secret=sealed))
    ring = FileKeyRing(tmp_path / "keyring.json", makes=True)
    ring.rotate(NOW)
    assert await stored.providers.renew(ring) == 0
    assert (await stored.providers.find(CORP) or KEYCLOAK).secret == sealed
