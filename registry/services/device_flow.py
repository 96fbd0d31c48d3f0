"""Signing in on a device without a browser: the device asks, a person decides in a browser, the device gets tokens."""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime

from registry.domain.access import Actor, User
from registry.domain.access_tokens import IssuedTokens, OAuthFault, OAuthRefusal
from registry.domain.audit import AuditAction
from registry.domain.device_grants import LASTS, DeviceDecision, DeviceGrant, new_user_code, typed_code
from registry.domain.errors import Denied, NotFound, Unauthenticated, Unavailable
from registry.domain.key_secrets import DEVICE_PREFIX, SESSION_PREFIX, hash_secret, new_secret, well_formed
from registry.domain.rate_limits import LimitKind
from registry.domain.roles import Scope
from registry.domain.sign_in import DEVICE_WAY, Session
from registry.ports.clock import Clock
from registry.ports.tokens import DeviceGrants
from registry.services.audit import Audit
from registry.services.audit_origin import current_network, current_origin
from registry.services.rate_limits import RateLimiting
from registry.services.sessions import shown_agent
from registry.services.tokens import Tokens

ATTEMPTS = 5
"""How often another user code is tried where one is taken, of 25 thousand millions."""

NO_CODE = "There is no device that waits with this code: codes hold ten minutes, for one use. Is it typed as shown?"


@dataclass(frozen=True, slots=True)
class DeviceAsked:
    """What a device is told: its own code, which is nowhere else, and the one for a person."""

    device_code: str
    user_code: str


class DeviceFlow:
    """Devices that ask to act for somebody, and who decides."""

    def __init__(
        self, *, stored: DeviceGrants, tokens: Tokens, limits: RateLimiting, audit: Audit, clock: Clock
    ) -> None:
        self._stored = stored
        self._tokens = tokens
        self._limits = limits
        self._audit = audit
        self._clock = clock

    async def begin(self, scope: Scope, agent: str) -> DeviceAsked:
        """A device asks. Raises TooManyRequests for an address with too many of them, Unavailable."""
        origin, now = current_origin(), self._clock.now()
        self._limits.require(LimitKind.DEVICES, current_network())
        secret = new_secret(DEVICE_PREFIX)
        for _ in range(ATTEMPTS):
            grant = DeviceGrant(
                hash=hash_secret(secret),
                user_code=new_user_code(),
                scope=scope,
                address=origin.address,
                agent=shown_agent(agent),
                made_at=now,
                expires_at=now + LASTS,
            )
            if await self._stored.add(grant):
                return DeviceAsked(secret, grant.user_code)
        raise Unavailable("No code could be found for this device: try again.")

    async def find(self, actor: Actor, typed: str) -> DeviceGrant:
        """What waits under a code that a person typed in.

        Raises NotFound, Denied for who may not decide, TooManyRequests for who tried too many, Unavailable.
        """
        _require_decider(actor)
        self._limits.require(LimitKind.USER_CODES, actor.user)
        code = typed_code(typed)
        grant = await self._stored.find(code) if code is not None else None
        if grant is None or grant.decision is not None or grant.expires_at <= self._clock.now():
            raise NotFound(NO_CODE)
        return grant

    async def decide(self, actor: Actor, typed: str, decision: DeviceDecision) -> DeviceGrant:
        """Lets a device act for the actor, or does not. Raises what ``find`` does."""
        grant = await self.find(actor, typed)
        is_denied = decision is DeviceDecision.DENIED
        said = {"user": actor.user, "way": DEVICE_WAY, "address": grant.address, "scope": grant.scope.value}
        said |= {"reason": "denied"} if is_denied else {"session": actor.session_id}
        action = AuditAction.SIGN_IN_FAILED if is_denied else AuditAction.DEVICE_APPROVED
        told = [self._audit.draft(action, actor=actor, new=said)]
        decided = replace(grant, user=actor.user, session=actor.session_id, decision=decision)
        if not await self._stored.decide(decided, self._clock.now(), told):
            raise NotFound(NO_CODE)  # somebody else was quicker
        return grant

    async def redeem(self, secret: str) -> IssuedTokens:
        """The tokens of a device that somebody has let act for him, once. Raises OAuthRefusal, Unavailable."""
        if not well_formed(secret, DEVICE_PREFIX):
            raise OAuthRefusal(OAuthFault.INVALID_GRANT, "That is no device code.")
        device, now = hash_secret(secret), self._clock.now()
        found = await self._stored.poll(device, now)
        if found is None:
            raise OAuthRefusal(OAuthFault.INVALID_GRANT, "The device code is not known, or was used.")
        grant, user = found
        if (fault := _fault_of(grant, now)) is not None:
            raise OAuthRefusal(*fault)
        if user is None:
            raise OAuthRefusal(OAuthFault.INVALID_GRANT, "Whoever approved this is no user any more.")
        try:
            user.require_person()
        except Unauthenticated as error:
            raise OAuthRefusal(OAuthFault.ACCESS_DENIED, error.message) from error
        return await self._begin(grant, user, now)

    async def _begin(self, grant: DeviceGrant, user: User, now: datetime) -> IssuedTokens:
        """A session that no secret opens: its tokens name it."""
        session = Session(
            id=secrets.token_hex(6),
            hash=hash_secret(new_secret(SESSION_PREFIX)),
            user=user.user,
            way=DEVICE_WAY,
            address=current_origin().address,
            agent=grant.agent,
            made_at=now,
            seen_at=now,
            expires_at=now + min(self._tokens.span.refresh, self._tokens.span.longest),
        )
        token, issued = self._tokens.first(session, grant.scope)
        said = {"id": session.id, "way": DEVICE_WAY, "scope": grant.scope.value}
        told = self._audit.draft(AuditAction.SIGN_IN_SUCCEEDED, user=user.user, new=said)
        if not await self._stored.redeem(grant.hash, session, token, [told]):
            raise OAuthRefusal(OAuthFault.INVALID_GRANT, "The device code was used.")
        return issued


def _require_decider(actor: Actor) -> None:
    """A key or token must not make itself another one that lasts longer, nor a password that is to be changed first."""
    if not actor.is_signed_in:
        raise Denied("A device is let in by who is signed in in a browser, not with a key or token.")
    if actor.must_change_password:
        raise Denied("Change your password first: somebody else gave it to you.")
    actor.require_certain()


def _fault_of(grant: DeviceGrant, now: datetime) -> tuple[OAuthFault, str] | None:
    """Why a device gets nothing (yet)."""
    if grant.expires_at <= now:
        return OAuthFault.EXPIRED_TOKEN, "Nobody decided in time: ask for another code."
    if grant.decision is DeviceDecision.DENIED:
        return OAuthFault.ACCESS_DENIED, "The sign-in was denied."
    if grant.is_too_soon(now):
        return OAuthFault.SLOW_DOWN, "Ask less often: five seconds longer each time."
    if grant.decision is None:
        return OAuthFault.AUTHORIZATION_PENDING, "Nobody has decided yet."
    return None
