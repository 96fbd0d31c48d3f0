"""API keys: shown once, stored hashed, with scope and expiry; the administrator's key file."""

import asyncio
import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from registry.bootstrap import Registry
from registry.domain.access import ApiKey, User
from registry.domain.errors import BadRequest, NotFound, Unauthenticated, Unavailable
from registry.domain.ids import UserName
from registry.domain.key_secrets import KEY_PREFIX
from registry.domain.rights import SERVER
from registry.domain.roles import Role, Scope
from registry.ports.accounts import Keys
from registry.services import identification


async def test_a_key_identifies_its_user(registry: Registry) -> None:
    key, secret = await registry.accounts.create_key(user="kim", scope=Scope.WRITE)
    actor = await registry.identification.authenticate(secret)
    assert (actor.user, actor.scope, actor.key_id) == ("kim", Scope.WRITE, key.id)
    assert registry.identification.cached(secret) == actor
    assert secret not in registry.settings.catalogue.read_bytes().decode("latin-1")


async def test_the_default_user_is_the_first_administrator(registry: Registry) -> None:
    await registry.accounts.ensure_administrator()
    key, _ = await registry.accounts.create_key()
    assert (key.user, key.scope) == ("admin", Scope.READ)


@pytest.mark.parametrize("secret", ["", "x", "pmt_short", "pmt_" + "a" * 51, "ключ", "pmt_\x00"])
async def test_what_is_no_key_is_refused(registry: Registry, secret: str) -> None:
    with pytest.raises(Unauthenticated):
        await registry.identification.authenticate(secret)


async def test_a_key_that_was_altered_is_unknown(registry: Registry) -> None:
    _, secret = await registry.accounts.create_key()
    with pytest.raises(Unauthenticated):
        await registry.identification.authenticate(secret[:-9] + ("A" if secret[-9] != "A" else "B") + secret[-8:])


async def test_revoked_and_expired_keys_say_so(registry: Registry) -> None:
    key, secret = await registry.accounts.create_key()
    await registry.identification.authenticate(secret)
    await registry.accounts.revoke_key(key.id)
    with pytest.raises(Unauthenticated, match="revoked"):
        await registry.identification.authenticate(secret)
    with pytest.raises(NotFound):
        await registry.accounts.revoke_key("nothing")
    _, short = await registry.accounts.create_key(expires_in=timedelta(microseconds=1))
    with pytest.raises(Unauthenticated, match="expired"):
        await registry.identification.authenticate(short)


@pytest.mark.parametrize("user", ["", " ", "a b", "../x", "x" * 65])
async def test_names_that_are_none(registry: Registry, user: str) -> None:
    with pytest.raises(BadRequest):
        await registry.accounts.create_key(user=user)


async def test_the_administrators_key_file(registry: Registry) -> None:
    path = await registry.accounts.ensure_administrator()
    secret = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (await registry.identification.authenticate(secret)).scope is Scope.ADMIN
    assert (await registry.accounts.ensure_administrator()).read_text().strip() == secret
    path.chmod(0o644)
    assert stat.S_IMODE((await registry.accounts.ensure_administrator()).stat().st_mode) == 0o600
    await registry.accounts.revoke_key((await registry.identification.authenticate(secret)).key_id or "")
    renewed = (await registry.accounts.ensure_administrator()).read_text().strip()
    assert (await registry.identification.authenticate(renewed)).scope is Scope.ADMIN
    path.write_text("lost\n")
    again = await registry.accounts.ensure_administrator()
    assert (await registry.identification.authenticate(again.read_text().strip())).scope is Scope.ADMIN


async def test_the_key_before_is_kept_beside(registry: Registry) -> None:
    """Another database may have been mistaken for the right one, which still knows that key."""
    path = await registry.accounts.ensure_administrator()
    former = path.read_text()
    lose_all_users(registry)
    await registry.accounts.ensure_administrator()
    kept = path.with_name("admin-key.before")
    assert (kept.read_text(), stat.S_IMODE(kept.stat().st_mode)) == (former, 0o600)
    assert path.read_text() != former


def lose_all_users(registry: Registry) -> None:
    with closing(sqlite3.connect(registry.settings.catalogue)) as connection, connection:
        connection.executescript("DELETE FROM keys; DELETE FROM users")
    registry.identification._checked.clear()


async def test_an_administrator_is_made_where_two_looks_in_a_row_find_no_user(registry: Registry) -> None:
    old = (await registry.accounts.ensure_administrator()).read_text()
    for _ in range(2):
        lose_all_users(registry)
        assert not await registry.accounts.restore_administrator()
        await registry.accounts.create_key(user="kim")  # as by a restore
        assert not await registry.accounts.restore_administrator()
    assert registry.accounts.key_path.read_text() == old
    lose_all_users(registry)
    assert [await registry.accounts.restore_administrator() for _ in range(3)] == [False, True, False]
    secret = registry.accounts.key_path.read_text().strip()
    assert (await registry.identification.authenticate(secret)).scope is Scope.ADMIN
    assert len(await registry.accounts.list_keys()) == 1


async def test_no_administrator_is_made_whose_key_cannot_be_written(registry: Registry) -> None:
    in_the_way = registry.accounts.key_path.with_name("admin-key.new")
    in_the_way.mkdir()
    for _ in range(3):
        assert not await registry.accounts.restore_administrator()
        with pytest.raises(Unavailable, match="Cannot write the administrator's key"):
            await registry.accounts.restore_administrator()
    assert await registry.accounts.list_keys() == []
    in_the_way.rmdir()
    assert [await registry.accounts.restore_administrator() for _ in range(2)] == [False, True]


class Switched:
    """The keys of a registry, which can be away, or say nothing for a while."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.away = False
        self.silent = 0.0

    async def find(self, key_hash: str) -> tuple[ApiKey, User] | None:
        await asyncio.sleep(self.silent)
        if self.away:
            raise Unavailable("away")
        return await self._keys.find(key_hash)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._keys, name)


@pytest.fixture
def switched(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Switched:
    monkeypatch.setattr(identification, "CACHE_SECONDS", 0.0)
    lookup = registry.identification._lookups[KEY_PREFIX]
    keys = Switched(lookup._keys)
    monkeypatch.setattr(lookup, "_keys", keys)
    return keys


async def test_without_sql_a_key_that_was_looked_up_reads_and_does_no_more(
    registry: Registry, switched: Switched
) -> None:
    _, secret = await registry.accounts.create_key(user="kim", scope=Scope.ADMIN)
    known = await registry.identification.authenticate(secret)
    switched.away = True
    remembered = await registry.identification.authenticate(secret)
    assert remembered == replace(known, remembered=True)
    remembered.require(Role.READER)
    for role in (Role.AUTHOR, Role.ADMINISTRATOR):
        with pytest.raises(Unavailable, match="reads go on"):
            remembered.require(role)
    switched.away = False
    assert await registry.identification.authenticate(secret) == known


async def test_without_sql_nobody_waits_long_for_a_key_that_is_remembered(
    registry: Registry, switched: Switched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identification, "PATIENCE_SECONDS", 0.02)
    _, secret = await registry.accounts.create_key(user="kim")
    await registry.identification.authenticate(secret)
    switched.silent = 20
    async with asyncio.timeout(10):
        assert (await registry.identification.authenticate(secret)).remembered
    switched.silent = 0.3
    _, other = await registry.accounts.create_key(user="kim")
    assert not (await registry.identification.authenticate(other)).remembered, "who is not remembered waits"


@pytest.mark.parametrize("change", ["revoked", "deleted"])
async def test_what_a_slow_look_up_says_counts_although_nobody_waited_for_it(
    registry: Registry, switched: Switched, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(identification, "PATIENCE_SECONDS", 0.02)
    key, secret = await registry.accounts.create_key(user="kim")
    await registry.identification.authenticate(secret)

    class Elsewhere(Switched):
        async def find(self, key_hash: str) -> tuple[ApiKey, User] | None:
            found = await super().find(key_hash)
            assert found is not None
            return (replace(found[0], revoked_at=key.created_at), found[1]) if change == "revoked" else None

    registry.identification._lookups[KEY_PREFIX]._keys = Elsewhere(switched)
    switched.silent = 0.1
    assert (await registry.identification.authenticate(secret)).remembered, "nobody knows better yet"
    await asyncio.sleep(0.15)
    for _ in range(2):
        with pytest.raises(Unauthenticated):
            await registry.identification.authenticate(secret)


async def test_a_slow_look_up_that_finds_the_key_ends_the_grace_and_the_caution(
    registry: Registry, switched: Switched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identification, "PATIENCE_SECONDS", 0.02)
    monkeypatch.setattr(registry.identification, "_grace", 0.25)
    _, secret = await registry.accounts.create_key(user="kim")
    await registry.identification.authenticate(secret)
    switched.silent = 0.1
    for _ in range(3):  # longer than the grace, which begins anew after each answer
        assert (await registry.identification.authenticate(secret)).remembered
        await asyncio.sleep(0.15)
    monkeypatch.setattr(identification, "CACHE_SECONDS", 60.0)
    await registry.identification.authenticate(secret)
    await asyncio.sleep(0.15)
    known = registry.identification.cached(secret)
    assert known is not None
    assert not known.remembered, "what came late is as good"


async def test_the_grace_ends_and_begins_anew_after_an_answer(
    registry: Registry, switched: Switched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.identification, "_grace", 0.1)
    _, secret = await registry.accounts.create_key(user="kim")
    for _ in range(2):
        switched.away = False
        assert not (await registry.identification.authenticate(secret)).remembered
        switched.away = True
        assert (await registry.identification.authenticate(secret)).remembered
        await asyncio.sleep(0.15)
        with pytest.raises(Unavailable):
            await registry.identification.authenticate(secret)


async def test_keys_that_do_not_count_without_sql(
    registry: Registry, switched: Switched, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoked, old = await registry.accounts.create_key(user="kim")
    _, known = await registry.accounts.create_key(user="kim")
    _, unseen = await registry.accounts.create_key(user="kim")
    _, short = await registry.accounts.create_key(user="kim", expires_in=timedelta(seconds=0.2))
    for secret in (old, known, short):
        await registry.identification.authenticate(secret)
    await registry.accounts.revoke_key(revoked.id)
    await asyncio.sleep(0.25)
    switched.away = True
    assert (await registry.identification.authenticate(known)).remembered
    for secret in (old, unseen, short):
        with pytest.raises(Unavailable):
            await registry.identification.authenticate(secret)
    with pytest.raises(Unauthenticated):
        await registry.identification.authenticate("nonsense")
    monkeypatch.setattr(identification, "REMEMBERED_SECONDS", 0.1)
    with pytest.raises(Unavailable):
        await registry.identification.authenticate(known)
    monkeypatch.setattr(identification, "REMEMBERED_SECONDS", 3600.0)
    monkeypatch.setattr(registry.identification, "_grace", 0.0)
    with pytest.raises(Unavailable):
        await registry.identification.authenticate(known)


async def test_a_look_up_that_began_before_a_revocation_does_not_outlast_it(
    registry: Registry, switched: Switched
) -> None:
    key, secret = await registry.accounts.create_key(user="kim")

    class Late(Switched):
        async def find(self, key_hash: str) -> tuple[ApiKey, User] | None:
            found = await super().find(key_hash)
            await asyncio.sleep(0.1)
            return found

    registry.identification._lookups[KEY_PREFIX]._keys = Late(switched)
    looking = asyncio.create_task(registry.identification.authenticate(secret))
    await asyncio.sleep(0.05)
    await registry.accounts.revoke_key(key.id)
    with pytest.raises(Unauthenticated, match="revoked"):
        await looking


async def test_forgetting_a_user_leaves_what_is_known_of_others(registry: Registry) -> None:
    _, kims = await registry.accounts.create_key(user="kim")
    _, lees = await registry.accounts.create_key(user="lee")
    for secret in (kims, lees):
        await registry.identification.authenticate(secret)
    registry.identification.forget_user(UserName("kim"))
    assert registry.identification.cached(kims) is None
    assert registry.identification.cached(lees) is not None


async def test_a_first_user_who_is_administrator_no_more_gets_no_new_key_at_each_start(registry: Registry) -> None:
    path = await registry.accounts.ensure_administrator()
    secret = path.read_text()
    admin = await registry.identification.authenticate(secret.strip())
    await registry.access.put_user(UserName("kim"), actor=admin)
    await registry.access.grant(Role.ADMINISTRATOR, SERVER, actor=admin, user=UserName("kim"))
    (own,) = [each for each in await registry.access.grants(admin) if each.user == "admin"]
    await registry.access.take_back(own.id, actor=admin)
    for _ in range(2):
        assert (await registry.accounts.ensure_administrator()).read_text() == secret
    assert len(await registry.accounts.list_keys()) == 1
