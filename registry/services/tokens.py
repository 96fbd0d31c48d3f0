"""Tokens: access tokens that last minutes, and refresh tokens, each of which gives one new pair."""

import secrets
from contextlib import suppress
from datetime import datetime

from registry.domain.access import Actor
from registry.domain.access_tokens import (
    AccessClaims,
    FoundRefreshToken,
    IssuedTokens,
    OAuthFault,
    OAuthRefusal,
    RefreshToken,
    RefreshUse,
    TokenSpan,
    narrowed,
)
from registry.domain.audit import AuditAction, AuditDraft
from registry.domain.errors import Unauthenticated, Unavailable
from registry.domain.ids import UserName
from registry.domain.key_secrets import REFRESH_PREFIX, hash_secret, new_secret, secret_of, well_formed
from registry.domain.roles import Scope
from registry.domain.sign_in import Session, SessionSpan
from registry.ports.clock import Clock
from registry.ports.sign_in import Sessions as StoredSessions
from registry.ports.tokens import RefreshTokens, TokenSigner
from registry.services.audit import Audit
from registry.services.identification import Identification
from registry.services.sessions import SEEN_EVERY

REUSED = "a refresh token was used twice"
NO_ISSUER = "Tokens need a name that all processes share: set PROMPTUARY_PUBLIC_URL for each of them."
_GONE = "The refresh token does not hold here (any more): sign in again with promptuary login."


class TokenLookup:
    """Callers by an access token. Implements ``services.identification.Lookup``."""

    def __init__(
        self,
        *,
        signer: TokenSigner,
        families: RefreshTokens,
        stored: StoredSessions,
        span: SessionSpan,
        clock: Clock,
    ) -> None:
        self._signer = signer
        self._families = families
        self._stored = stored
        self._span = span
        self._clock = clock

    async def find(self, secret: str) -> Actor:
        """Whose token it is, with the rights that he has now. Raises Unauthenticated, Unavailable."""
        claims = self._signer.read(secret)
        found = await self._families.find_family(claims.session_id)
        now = self._clock.now()
        if found is None or found.user.user != claims.user or self._span.end_of(found.session) <= now:
            raise Unauthenticated("The sign-in of this access token was ended: sign in again with promptuary login.")
        session, user = found.session, found.user
        user.require_person()
        if now - session.seen_at >= SEEN_EVERY:
            with suppress(Unavailable):
                await self._stored.note_seen(session.id, now)
        return Actor(
            user.user,
            user.name,
            user.email,
            found.identified.rights.limited(claims.scope.ceiling),
            claims.scope,
            expires_at=min(claims.expires_at, self._span.end_of(session)),
            session_id=session.id,
            by_token=True,
        )


class Tokens:
    """Gives tokens to programs that somebody signed in with, and takes them back."""

    def __init__(
        self,
        *,
        signer: TokenSigner,
        stored: RefreshTokens,
        sessions: StoredSessions,
        identification: Identification,
        span: TokenSpan,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._signer = signer
        self._stored = stored
        self._sessions = sessions
        self._identification = identification
        self._audit = audit
        self._clock = clock
        self.span = span
        self.public_keys = signer.public_keys

    def require_issuer(self) -> str:
        """The server's address as tokens name it. Raises Unavailable where there are no tokens, as it is set up."""
        if self._signer.issuer is None:
            raise Unavailable(NO_ISSUER)
        self._signer.public_keys()  # nobody is to decide about a program that could not be given anything
        return self._signer.issuer

    def prepare(self) -> None:
        """Sees to it that there is a key to sign with, which replicas need and cannot make."""
        with suppress(Unavailable):  # who asks for a token is told
            self.require_issuer()

    def first(self, session: Session, scope: Scope) -> tuple[RefreshToken, IssuedTokens]:
        """What a new session begins with: its first refresh token, to be stored, and both. Raises Unavailable."""
        secret = new_secret(REFRESH_PREFIX)
        token = RefreshToken(hash_secret(secret), session.id, scope, session.made_at, session.expires_at)
        return token, self._issue(session, scope, secret, session.made_at)

    async def refresh(self, secret: str, scope: Scope | None = None) -> IssuedTokens:
        """New tokens for a refresh token, which holds no more then; the access token of ``scope``, where that is less.

        A client whose answer was lost gets the same refresh token again, for some seconds. One that comes later was
        copied: its whole family ends. Raises OAuthRefusal, Unavailable.
        """
        found, now = await self._find(secret), self._clock.now()
        if found is None or found.token.expires_at <= now or found.session.expires_at <= now:
            raise OAuthRefusal(OAuthFault.INVALID_GRANT, _GONE)
        try:
            found.user.require_person()
        except Unauthenticated as error:
            raise OAuthRefusal(OAuthFault.INVALID_GRANT, error.message) from error
        wanted = narrowed(found.token.scope, scope)
        following = secret_of(self._signer.successor(secret), REFRESH_PREFIX)
        end = self.span.refresh_end(found.session, now)
        token = RefreshToken(hash_secret(following), found.session.id, found.token.scope, now, end)
        issued = self._issue(found.session, wanted, following, now)  # before anything is used up
        use = await self._stored.use(found.token, token, [self._told_reuse(found)])
        if use is RefreshUse.REUSED:
            self._identification.end(found.session.id)
            raise OAuthRefusal(
                OAuthFault.INVALID_GRANT,
                "This refresh token was used before, so somebody may have copied it: all tokens of this sign-in have "
                "ended. Sign in again with promptuary login.",
            )
        if use is RefreshUse.GONE:
            raise OAuthRefusal(OAuthFault.INVALID_GRANT, _GONE)
        return issued

    async def revoke(self, secret: str) -> None:
        """Ends the sign-in that a token belongs to; nothing where it is none, or has ended. Raises Unavailable."""
        session_id, user = await self._owner(secret)
        if session_id is None:
            return
        told = self._audit.draft(AuditAction.SIGN_OUT, user=user, old={"id": session_id, "user": user})
        await self._sessions.end(session_id, [told])
        self._identification.end(session_id)

    async def _owner(self, secret: str) -> tuple[str | None, UserName | None]:
        if secret.startswith(REFRESH_PREFIX):
            found = await self._find(secret)
            return (found.session.id, found.user.user) if found is not None else (None, None)
        try:
            claims = self._signer.read(secret)
        except Unauthenticated:
            return None, None
        return claims.session_id, claims.user

    async def _find(self, secret: str) -> FoundRefreshToken | None:
        return await self._stored.find(hash_secret(secret)) if well_formed(secret, REFRESH_PREFIX) else None

    def _issue(self, session: Session, scope: Scope, refresh: str, now: datetime) -> IssuedTokens:
        ends = now + self.span.access
        claims = AccessClaims(secrets.token_hex(8), session.user, session.id, scope, now, ends)
        seconds = int(self.span.access.total_seconds())
        return IssuedTokens(self._signer.sign(claims), seconds, refresh, scope, session.user)

    def _told_reuse(self, found: FoundRefreshToken) -> AuditDraft:
        """Nobody is named as the one who did it: who has a copy of a token is not its user."""
        old = {"id": found.session.id, "user": found.user.user}
        return self._audit.draft(AuditAction.SESSION_REVOKED, old=old, new={"reason": REUSED})
