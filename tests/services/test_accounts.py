"""API keys: shown once, stored hashed, with scope and expiry; the administrator's key file."""

import stat
from datetime import timedelta

import pytest

from registry.bootstrap import Registry
from registry.domain.access import Scope
from registry.domain.errors import BadRequest, NotFound, Unauthenticated


async def test_a_key_identifies_its_user(registry: Registry) -> None:
    key, secret = await registry.accounts.create_key(user="kim", scope=Scope.WRITE)
    actor = await registry.accounts.authenticate(secret)
    assert (actor.user, actor.scope, actor.key_id) == ("kim", Scope.WRITE, key.id)
    assert registry.accounts.cached(secret) == actor
    assert secret not in registry.settings.catalogue.read_bytes().decode("latin-1")


async def test_the_default_user_is_the_first_administrator(registry: Registry) -> None:
    await registry.accounts.ensure_administrator()
    key, _ = await registry.accounts.create_key()
    assert (key.user, key.scope) == ("admin", Scope.READ)


@pytest.mark.parametrize("secret", ["", "x", "pmt_short", "pmt_" + "a" * 51, "ключ", "pmt_\x00"])
async def test_what_is_no_key_is_refused(registry: Registry, secret: str) -> None:
    with pytest.raises(Unauthenticated):
        await registry.accounts.authenticate(secret)


async def test_a_key_that_was_altered_is_unknown(registry: Registry) -> None:
    _, secret = await registry.accounts.create_key()
    with pytest.raises(Unauthenticated):
        await registry.accounts.authenticate(secret[:-9] + ("A" if secret[-9] != "A" else "B") + secret[-8:])


async def test_revoked_and_expired_keys_say_so(registry: Registry) -> None:
    key, secret = await registry.accounts.create_key()
    await registry.accounts.authenticate(secret)
    await registry.accounts.revoke_key(key.id)
    with pytest.raises(Unauthenticated, match="revoked"):
        await registry.accounts.authenticate(secret)
    with pytest.raises(NotFound):
        await registry.accounts.revoke_key("nothing")
    _, short = await registry.accounts.create_key(expires_in=timedelta(microseconds=1))
    with pytest.raises(Unauthenticated, match="expired"):
        await registry.accounts.authenticate(short)


@pytest.mark.parametrize("user", ["", " ", "a b", "../x", "x" * 65])
async def test_names_that_are_none(registry: Registry, user: str) -> None:
    with pytest.raises(BadRequest):
        await registry.accounts.create_key(user=user)


async def test_the_administrators_key_file(registry: Registry) -> None:
    path = await registry.accounts.ensure_administrator()
    secret = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (await registry.accounts.authenticate(secret)).scope is Scope.ADMIN
    assert (await registry.accounts.ensure_administrator()).read_text().strip() == secret
    path.chmod(0o644)
    assert stat.S_IMODE((await registry.accounts.ensure_administrator()).stat().st_mode) == 0o600
    await registry.accounts.revoke_key((await registry.accounts.authenticate(secret)).key_id or "")
    renewed = (await registry.accounts.ensure_administrator()).read_text().strip()
    assert (await registry.accounts.authenticate(renewed)).scope is Scope.ADMIN
    path.write_text("lost\n")
    again = await registry.accounts.ensure_administrator()
    assert (await registry.accounts.authenticate(again.read_text().strip())).scope is Scope.ADMIN
