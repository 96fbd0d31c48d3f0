"""Access and refresh tokens, and the device flow that gives the first ones."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.bootstrap import Registry
from registry.domain.access import Actor
from registry.domain.access_tokens import GRACE, IssuedTokens, OAuthFault, OAuthRefusal
from registry.domain.audit import AuditAction, AuditEntry, AuditFilter, AuditOrigin
from registry.domain.device_grants import DeviceDecision, shown_code, typed_code
from registry.domain.errors import Denied, NotFound, TooManyRequests, Unauthenticated, Unavailable
from registry.domain.ids import UserName
from registry.domain.key_secrets import DEVICE_PREFIX, REFRESH_PREFIX, SESSION_PREFIX, new_secret
from registry.domain.rights import SERVER
from registry.domain.roles import Role, Scope
from registry.services import identification
from registry.services.audit_origin import acting

KIM = UserName("kim")


class Clock:
    """The time as it is, and later."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    entrance = registry.signing_in
    for service in (entrance.tokens, entrance.devices, entrance.sessions):
        monkeypatch.setattr(service, "_clock", made)
    return made


@pytest.fixture
async def kim(registry: Registry, admin: Actor) -> Actor:
    """Kim as he is signed in in a browser; he is author everywhere."""
    await registry.access.put_user(KIM, actor=admin, name="김민지", email="kim@example.com")
    await registry.access.grant(Role.AUTHOR, SERVER, actor=admin, user=KIM)
    return await signed_in(registry)


@pytest.fixture
async def admin(registry: Registry) -> Actor:
    path = await registry.accounts.ensure_administrator()
    return await registry.identification.authenticate(path.read_text().strip())


async def signed_in(registry: Registry, name: UserName = KIM) -> Actor:
    found = await registry.accounts._users.find(name)
    assert found is not None
    _, secret = await registry.signing_in.sessions.begin(found, "password", "Firefox")
    return await registry.identification.authenticate(secret)


async def logged_in(registry: Registry, person: Actor, scope: Scope = Scope.WRITE) -> IssuedTokens:
    """What ``promptuary login`` gets."""
    devices = registry.signing_in.devices
    asked = await devices.begin(scope, "promptuary 1.0 on laptop")
    await devices.decide(person, asked.user_code, DeviceDecision.APPROVED)
    return await devices.redeem(asked.device_code)


async def entries(registry: Registry, action: AuditAction) -> Sequence[AuditEntry]:
    return (await registry.audit.list_entries(AuditFilter(action=action))).items


async def fault_of(doing: Any) -> OAuthFault:
    with pytest.raises(OAuthRefusal) as raised:
        await doing
    return raised.value.fault


async def test_a_device_gets_tokens_for_who_lets_it_in(registry: Registry, kim: Actor, clock: Clock) -> None:
    devices = registry.signing_in.devices
    asked = await devices.begin(Scope.WRITE, "promptuary 1.0")
    assert await fault_of(devices.redeem(asked.device_code)) is OAuthFault.AUTHORIZATION_PENDING
    assert await fault_of(devices.redeem(asked.device_code)) is OAuthFault.SLOW_DOWN
    shown = await devices.find(kim, shown_code(asked.user_code).lower())
    assert (shown.agent, shown.scope) == ("promptuary 1.0", Scope.WRITE)
    await devices.decide(kim, asked.user_code, DeviceDecision.APPROVED)
    clock.ahead += timedelta(seconds=4.5)
    issued = await devices.redeem(asked.device_code)
    actor = await registry.identification.authenticate(issued.access_token)
    assert (actor.user, actor.scope, actor.rights.role_at(SERVER)) == (KIM, Scope.WRITE, Role.AUTHOR)
    assert await fault_of(devices.redeem(asked.device_code)) is OAuthFault.INVALID_GRANT, "it is for one use"
    done = (await entries(registry, AuditAction.SIGN_IN_SUCCEEDED))[0].draft
    assert done.origin.actor == KIM
    assert done.new == {"id": actor.session_id, "way": "device", "scope": "write"}


async def test_a_device_is_turned_away(registry: Registry, kim: Actor, clock: Clock) -> None:
    devices = registry.signing_in.devices
    asked = await devices.begin(Scope.ADMIN, "somebody else's")
    await devices.decide(kim, asked.user_code, DeviceDecision.DENIED)
    assert await fault_of(devices.redeem(asked.device_code)) is OAuthFault.ACCESS_DENIED
    with pytest.raises(NotFound):
        await devices.decide(kim, asked.user_code, DeviceDecision.APPROVED)
    denied = (await entries(registry, AuditAction.SIGN_IN_FAILED))[0].draft
    assert denied.new == {"user": "kim", "way": "device", "reason": "denied", "address": None, "scope": "admin"}
    late = await devices.begin(Scope.READ, "late")
    clock.ahead += timedelta(minutes=11)
    assert await fault_of(devices.redeem(late.device_code)) is OAuthFault.EXPIRED_TOKEN
    with pytest.raises(NotFound):
        await devices.decide(kim, late.user_code, DeviceDecision.APPROVED)


async def test_codes_that_are_none_get_nothing(registry: Registry, kim: Actor) -> None:
    devices = registry.signing_in.devices
    asked = await devices.begin(Scope.READ, "x")
    await devices.decide(kim, asked.user_code, DeviceDecision.APPROVED)
    for code in ("", "x", asked.user_code, new_secret(DEVICE_PREFIX), asked.device_code[:-1], "pmd_\ud800"):
        assert await fault_of(devices.redeem(code)) is OAuthFault.INVALID_GRANT
    assert (await devices.redeem(asked.device_code)).user == KIM


async def test_a_user_code_cannot_be_guessed(registry: Registry, kim: Actor) -> None:
    devices = registry.signing_in.devices
    asked = await devices.begin(Scope.READ, "x")
    for _ in range(20):
        with pytest.raises(NotFound):
            await devices.find(kim, "BBBB-BBBB")
    with pytest.raises(TooManyRequests, match="codes of devices"):
        await devices.decide(kim, asked.user_code, DeviceDecision.APPROVED)


async def test_one_address_has_not_any_number_of_devices(registry: Registry) -> None:
    with acting(AuditOrigin(address="10.0.0.9")):
        for _ in range(30):
            await registry.signing_in.devices.begin(Scope.READ, "x")
        with pytest.raises(TooManyRequests, match="devices"):
            await registry.signing_in.devices.begin(Scope.READ, "x")
    with acting(AuditOrigin(address="10.0.0.10")):
        await registry.signing_in.devices.begin(Scope.READ, "x")


async def test_keys_and_tokens_let_no_device_in(registry: Registry, kim: Actor, admin: Actor) -> None:
    devices = registry.signing_in.devices
    asked = await devices.begin(Scope.READ, "x")
    token = await registry.identification.authenticate((await logged_in(registry, kim)).access_token)
    held_up = replace(kim, must_change_password=True)
    for actor in (admin, token, held_up):
        with pytest.raises(Denied):
            await devices.decide(actor, asked.user_code, DeviceDecision.APPROVED)
    with pytest.raises(Unavailable):
        await devices.decide(replace(kim, remembered=True), asked.user_code, DeviceDecision.APPROVED)


async def test_the_scope_holds_the_rights_down(registry: Registry, kim: Actor) -> None:
    issued = await logged_in(registry, kim, Scope.READ)
    actor = await registry.identification.authenticate(issued.access_token)
    assert actor.rights.role_at(SERVER) is Role.READER
    with pytest.raises(Denied, match="scope write"):
        actor.require(Role.AUTHOR)
    wide = await logged_in(registry, kim, Scope.ADMIN)
    assert (await registry.identification.authenticate(wide.access_token)).rights.role_at(SERVER) is Role.AUTHOR


async def test_refresh_tokens_rotate(registry: Registry, kim: Actor) -> None:
    tokens, first = registry.signing_in.tokens, await logged_in(registry, kim)
    second = await tokens.refresh(first.refresh_token)
    third = await tokens.refresh(second.refresh_token, Scope.READ)
    assert len({each.refresh_token for each in (first, second, third)}) == 3
    assert (third.scope, (await tokens.refresh(third.refresh_token)).scope) == (Scope.READ, Scope.WRITE)
    actor = await registry.identification.authenticate(third.access_token)
    assert (actor.user, actor.scope) == (KIM, Scope.READ)
    assert second.refresh_token not in registry.settings.catalogue.read_bytes().decode("latin-1")


async def test_a_scope_never_grows(registry: Registry, kim: Actor) -> None:
    first = await logged_in(registry, kim, Scope.READ)
    doing = registry.signing_in.tokens.refresh(first.refresh_token, Scope.ADMIN)
    assert await fault_of(doing) is OAuthFault.INVALID_SCOPE
    assert (await registry.signing_in.tokens.refresh(first.refresh_token)).scope is Scope.READ, "nothing was used up"


async def test_a_lost_answer_is_given_again(registry: Registry, kim: Actor, clock: Clock) -> None:
    tokens, first = registry.signing_in.tokens, await logged_in(registry, kim)
    lost = await tokens.refresh(first.refresh_token)
    clock.ahead += timedelta(seconds=5)
    again = await tokens.refresh(first.refresh_token)
    assert again.refresh_token == lost.refresh_token, "there is one successor, whoever asks how often"
    assert (await registry.identification.authenticate(again.access_token)).user == KIM


@pytest.mark.parametrize("thief_is_first", [True, False])
async def test_a_stolen_refresh_token_ends_the_family(
    registry: Registry, kim: Actor, clock: Clock, *, thief_is_first: bool
) -> None:
    """Whoever comes second betrays that there are two; then neither has anything."""
    tokens, first = registry.signing_in.tokens, await logged_in(registry, kim)
    other = await logged_in(registry, kim)
    taken = await tokens.refresh(first.refresh_token)
    assert (await registry.identification.authenticate(taken.access_token)).user == KIM
    if thief_is_first:
        clock.ahead += GRACE + timedelta(seconds=1)
    else:
        taken = await tokens.refresh(taken.refresh_token)
    assert await fault_of(tokens.refresh(first.refresh_token)) is OAuthFault.INVALID_GRANT
    assert await fault_of(tokens.refresh(taken.refresh_token)) is OAuthFault.INVALID_GRANT
    with pytest.raises(Unauthenticated):
        await registry.identification.authenticate(taken.access_token)
    assert (await registry.identification.authenticate(other.access_token)).user == KIM, "another sign-in goes on"
    told = (await entries(registry, AuditAction.SESSION_REVOKED))[0].draft
    assert told.new == {"reason": "a refresh token was used twice"}
    assert isinstance(told.old, dict)
    assert told.old["user"] == "kim"
    assert told.origin.actor is None, "it is not said that Kim did it"


async def test_a_token_ends_with_its_sign_in(registry: Registry, kim: Actor) -> None:
    issued = await logged_in(registry, kim)
    actor = await registry.identification.authenticate(issued.access_token)
    await registry.signing_in.sessions.revoke(actor.session_id or "", kim)
    with pytest.raises(Unauthenticated, match="ended"):
        await registry.identification.authenticate(issued.access_token)
    assert await fault_of(registry.signing_in.tokens.refresh(issued.refresh_token)) is OAuthFault.INVALID_GRANT


async def test_signing_out_with_a_token_ends_its_sign_in(registry: Registry, kim: Actor) -> None:
    issued = await logged_in(registry, kim)
    await registry.signing_in.sessions.sign_out(await registry.identification.authenticate(issued.access_token))
    with pytest.raises(Unauthenticated):
        await registry.identification.authenticate(issued.access_token)


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
async def test_a_token_that_is_given_back_ends_its_sign_in(registry: Registry, kim: Actor, which: str) -> None:
    tokens, issued = registry.signing_in.tokens, await logged_in(registry, kim)
    await registry.identification.authenticate(issued.access_token)
    for nothing in ("", "x", "eyJ", new_secret(REFRESH_PREFIX), new_secret(SESSION_PREFIX)):
        await tokens.revoke(nothing)
    await tokens.revoke(getattr(issued, which))
    await tokens.revoke(getattr(issued, which))
    with pytest.raises(Unauthenticated):
        await registry.identification.authenticate(issued.access_token)
    assert [entry.draft.origin.actor for entry in await entries(registry, AuditAction.SIGN_OUT)] == [KIM]


async def test_who_is_disabled_has_no_tokens(registry: Registry, kim: Actor, admin: Actor) -> None:
    issued, devices = await logged_in(registry, kim), registry.signing_in.devices
    await registry.identification.authenticate(issued.access_token)
    asked = await devices.begin(Scope.READ, "x")
    await devices.decide(kim, asked.user_code, DeviceDecision.APPROVED)
    await registry.access.put_user(KIM, actor=admin, disabled=True)
    with pytest.raises(Unauthenticated):
        await registry.identification.authenticate(issued.access_token)
    assert await fault_of(registry.signing_in.tokens.refresh(issued.refresh_token)) is OAuthFault.INVALID_GRANT
    assert await fault_of(devices.redeem(asked.device_code)) is OAuthFault.INVALID_GRANT


async def test_rights_are_those_of_now(
    registry: Registry, kim: Actor, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = await logged_in(registry, kim, Scope.ADMIN)
    before = await registry.identification.authenticate(issued.access_token)
    await registry.access.grant(Role.MAINTAINER, SERVER, actor=admin, user=KIM)
    after = await registry.identification.authenticate(issued.access_token)
    assert (before.rights.role_at(SERVER), after.rights.role_at(SERVER)) == (Role.AUTHOR, Role.MAINTAINER)


async def test_other_secrets_are_no_access_tokens(registry: Registry, kim: Actor) -> None:
    issued = await logged_in(registry, kim)
    asked = await registry.signing_in.devices.begin(Scope.READ, "x")
    for secret in (issued.refresh_token, asked.device_code, asked.user_code, f"Bearer {issued.access_token}"):
        with pytest.raises(Unauthenticated):
            await registry.identification.authenticate(secret)


async def test_a_token_is_worth_nothing_with_a_session_of_another(registry: Registry, kim: Actor, admin: Actor) -> None:
    issued = await logged_in(registry, kim)
    signer = registry.signing_in.tokens._signer
    claims = signer.read(issued.access_token)
    assert (await registry.identification.authenticate(signer.sign(claims))).user == KIM
    for changed in (replace(claims, user=UserName("admin")), replace(claims, session_id="another")):
        with pytest.raises(Unauthenticated, match="ended"):
            await registry.identification.authenticate(signer.sign(changed))


class Away:
    """Sessions that cannot be asked."""

    async def find_family(self, session_id: str) -> None:
        raise Unavailable("away")


async def test_without_sql_a_token_reads_until_it_expires(
    registry: Registry, kim: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identification, "CACHE_SECONDS", 0.0)
    issued, fresh = await logged_in(registry, kim), await logged_in(registry, kim)
    await registry.identification.authenticate(issued.access_token)
    monkeypatch.setattr(registry.identification._lookups["eyJ"], "_families", Away())
    remembered = await registry.identification.authenticate(issued.access_token)
    assert remembered.remembered
    with pytest.raises(Unavailable):
        await registry.identification.authenticate(fresh.access_token)
    clock = Clock()
    clock.ahead = timedelta(minutes=10, seconds=1)
    monkeypatch.setattr(registry.identification, "_clock", clock)
    with pytest.raises(Unavailable):
        await registry.identification.authenticate(issued.access_token)


async def test_a_sign_in_ends_when_it_is_not_used_and_in_any_case(registry: Registry, kim: Actor, clock: Clock) -> None:
    tokens, unused = registry.signing_in.tokens, await logged_in(registry, kim)
    issued = await logged_in(registry, kim)
    clock.ahead += timedelta(days=29)
    issued = await tokens.refresh(issued.refresh_token)
    clock.ahead += timedelta(days=2)
    assert await fault_of(tokens.refresh(unused.refresh_token)) is OAuthFault.INVALID_GRANT
    for _ in range(6):
        clock.ahead += timedelta(days=24)
        issued = await tokens.refresh(issued.refresh_token)
    clock.ahead += timedelta(days=7)
    assert await fault_of(tokens.refresh(issued.refresh_token)) is OAuthFault.INVALID_GRANT, "half a year is over"


@pytest.mark.parametrize("typed", ["bdfg-hjkl", " BDFG HJKL ", "bdfghjkl", "B-D-F-G-H-J-K-L"])
def test_codes_may_be_typed_in_any_way(typed: str) -> None:
    assert typed_code(typed) == "BDFGHJKL"


@pytest.mark.parametrize(
    "typed", ["", "BDFG", "AEIO-UAEI", "BDFG-HJK1", "BDFGHJKLM", "-" * 99, "ＢＤＦＧＨＪＫＬ", "\0"]
)
def test_what_is_no_code(typed: str) -> None:
    assert typed_code(typed) is None
