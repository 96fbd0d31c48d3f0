"""Signing in with an identity provider: setting out for it, and coming back."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from registry.domain.access import User
from registry.domain.audit import AuditAction, AuditDraft, utc_text
from registry.domain.errors import BadRequest, NotFound, PromptuaryError, Unauthenticated, Unavailable
from registry.domain.identity_providers import SECRET_PURPOSE, PendingSignIn, Provider, ProviderAnswer
from registry.domain.ids import GroupName, ProviderName
from registry.domain.names import printable
from registry.domain.provider_claims import check_admission, groups_here, read_claims
from registry.domain.sign_in import Session
from registry.domain.template import Json
from registry.ports.accounts import Groups
from registry.ports.cache import Cache
from registry.ports.clock import Clock
from registry.ports.identity_providers import ProviderClient, Providers
from registry.ports.keyring import KeyRing
from registry.services.audit import Audit
from registry.services.identification import Identification
from registry.services.provider_users import ProviderUsers
from registry.services.sessions import Sessions

PENDING = timedelta(minutes=10)
"""How long somebody may take at the provider."""

PURPOSE = "sign-in"
"""What the key ring encrypts pending sign-ins for; the record is the provider's name."""

LONGEST = 4_000
"""Letters of a sealed one, which a cookie holds."""

MOST_TOLD = 100
"""Groups of somebody that the audit names."""

BEGIN_AGAIN = "Begin again on the page where you sign in."


@dataclass(frozen=True, slots=True)
class Departure:
    """Where the browser goes, and what it keeps until it comes back."""

    address: str
    sealed: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A session that has begun, its secret, and the local path that was wanted."""

    session: Session
    secret: str = field(repr=False)
    going_to: str


class ProviderSignIn:
    """The authorization code flow, without anything kept here: what is pending, the browser holds, sealed."""

    def __init__(
        self,
        *,
        providers: Providers,
        client: ProviderClient,
        users: ProviderUsers,
        groups: Groups,
        sessions: Sessions,
        identification: Identification,
        ring: KeyRing,
        cache: Cache,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._providers = providers
        self._client = client
        self._users = users
        self._groups = groups
        self._sessions = sessions
        self._identification = identification
        self._ring = ring
        self._cache = cache
        self._audit = audit
        self._clock = clock

    async def begin(self, name: str, going_to: str, redirect_uri: str) -> Departure:
        """Sets out. Raises NotFound for a provider that nobody can sign in with, Unavailable."""
        provider = await self._offered(name)
        pending = PendingSignIn(
            provider.provider,
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            redirect_uri=redirect_uri,
            going_to=going_to,
            ends_at=self._clock.now() + PENDING,
        )
        address = await self._client.address(provider, pending)
        return Departure(address, self._ring.encrypt(PURPOSE, provider.provider, _written(pending)))

    async def finish(self, name: str, answer: ProviderAnswer, sealed: str | None, agent: str) -> Arrival:
        """Comes back: a new session for whoever the provider says it is.

        Raises BadRequest for who did not set out in this browser or comes a second time, Unauthenticated where the
        provider's answer does not hold, Denied for who may not come in, NotFound, Conflict, Unavailable.
        """
        provider = await self._offered(name)
        pending = self._read(provider, sealed)
        if not hmac.compare_digest((answer.state or "").encode(), pending.state.encode()):
            raise BadRequest(f"This answer of {provider.name} belongs to another sign-in. {BEGIN_AGAIN}")
        await self._use_up(pending)
        try:
            user = await self._identify(provider, pending, answer)
            session, secret = await self._sessions.begin(user, provider.provider, agent)
        except PromptuaryError as error:
            failed = {"user": None, "way": provider.provider, "reason": error.message[:500]}
            await self._audit.enter(self._audit.draft(AuditAction.SIGN_IN_FAILED, new=failed))
            raise
        return Arrival(session, secret, pending.going_to)

    async def _offered(self, name: str) -> Provider:
        found = await self._providers.find(ProviderName(name))
        if found is None or found.disabled_at is not None:
            raise NotFound(f"Nobody can sign in with {printable(name)} here.")
        return found

    def _read(self, provider: Provider, sealed: str | None) -> PendingSignIn:
        """What this browser set out with. Raises BadRequest."""
        try:
            plain = self._ring.decrypt(PURPOSE, provider.provider, (sealed or "")[:LONGEST])
        except Unavailable as error:
            raise BadRequest(
                f"This sign-in did not begin in this browser, or it is over. {BEGIN_AGAIN} "
                "Your browser has to take cookies."
            ) from error
        pending = _pending_of(provider.provider, plain)
        if pending.ends_at <= self._clock.now():
            raise BadRequest(f"This sign-in took longer than {PENDING.seconds // 60} minutes. {BEGIN_AGAIN}")
        return pending

    async def _use_up(self, pending: PendingSignIn) -> None:
        """Raises BadRequest for a second use; who has another process's cookie still lacks a new code."""
        key = f"sign-in-used/{hashlib.sha256(pending.state.encode()).hexdigest()}"
        if await self._cache.find(key) is not None:
            raise BadRequest(f"This sign-in is over. {BEGIN_AGAIN}")
        await self._cache.put(key, b"used", seconds=PENDING.total_seconds())

    async def _identify(self, provider: Provider, pending: PendingSignIn, answer: ProviderAnswer) -> User:
        if answer.error is not None:
            said = printable(f"{answer.error}: {answer.description}" if answer.description else answer.error)
            raise Unauthenticated(f"{provider.name} did not sign you in: {said}")
        if not answer.code:
            raise BadRequest(f"The answer of {provider.name} has no code. {BEGIN_AGAIN}")
        secret = None
        if provider.secret is not None:
            secret = self._ring.decrypt(SECRET_PURPOSE, provider.provider, provider.secret).decode()
        told = await self._client.claims(provider, secret, pending, answer, self._clock.now())
        claims = read_claims(told, provider)
        check_admission(claims, provider.settings)
        user = await self._users.user_of(provider, claims)
        groups = groups_here(claims, provider.settings)
        await self._groups.set_groups(user.user, groups, provider.provider, self._telling(provider, user))
        self._identification.forget_user(user.user)
        return user

    def _telling(
        self, provider: Provider, user: User
    ) -> Callable[[Sequence[GroupName], Sequence[GroupName]], Sequence[AuditDraft]]:
        draft = self._audit.draft(AuditAction.GROUP_CHANGED, user=user.user)

        def said(groups: Sequence[GroupName]) -> Json:
            return {"user": user.user, "groups": list(groups[:MOST_TOLD]), "source": provider.provider}

        return lambda old, new: [replace(draft, old=said(old), new=said(new))]


def _written(pending: PendingSignIn) -> bytes:
    said = [pending.state, pending.nonce, pending.verifier, pending.redirect_uri, pending.going_to]
    return json.dumps([*said, utc_text(pending.ends_at)]).encode()


def _pending_of(provider: ProviderName, plain: bytes) -> PendingSignIn:
    state, nonce, verifier, redirect_uri, going_to, ends_at = json.loads(plain)
    ends = datetime.fromisoformat(ends_at)
    return PendingSignIn(provider, state, nonce, verifier, redirect_uri, going_to, ends)
