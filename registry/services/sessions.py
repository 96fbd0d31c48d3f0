"""Sessions: begun by who signs in, found by their secret, listed and ended by their users and by administrators."""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from registry.domain.access import Actor, User
from registry.domain.audit import AuditAction, utc_text
from registry.domain.errors import Denied, NotFound, Unauthenticated, Unavailable
from registry.domain.ids import UserName
from registry.domain.key_secrets import SESSION_PREFIX, hash_secret, new_secret, well_formed
from registry.domain.rights import NOTHING, SERVER
from registry.domain.roles import Role, Scope
from registry.domain.sign_in import PASSWORD_WAY, Session, SessionSpan, SignedIn, StoredPassword
from registry.ports.clock import Clock
from registry.ports.sign_in import Sessions as StoredSessions
from registry.services.audit import Audit
from registry.services.audit_origin import current_origin
from registry.services.identification import Identification

SEEN_EVERY = timedelta(minutes=1)
"""How exactly it is known when a session was used last."""

AGENT_LETTERS = 200


class SessionLookup:
    """Callers by the secret of a session. Implements ``services.identification.Lookup``."""

    def __init__(self, *, stored: StoredSessions, span: SessionSpan, clock: Clock) -> None:
        self._stored = stored
        self._span = span
        self._clock = clock

    async def find(self, secret: str) -> Actor:
        """Whose session it is. Raises Unauthenticated, Unavailable."""
        found = await self._stored.find(hash_secret(secret)) if well_formed(secret, SESSION_PREFIX) else None
        now = self._clock.now()
        if found is None or self._span.end_of(found.session) <= now:
            raise Unauthenticated("You are not signed in any more: sign in again.")
        actor = actor_of(found, self._span)
        if now - found.session.seen_at >= SEEN_EVERY:
            with suppress(Unavailable):
                await self._stored.note_seen(found.session.id, now)
        return actor


def actor_of(found: SignedIn, span: SessionSpan) -> Actor:
    """Who has a session. Raises Unauthenticated for a user who is disabled."""
    session, user = found.session, found.user
    user.require_person()
    # A password that somebody else gave opens nothing; who came in by another way does not need it.
    held_up = found.must_change_password and session.way == PASSWORD_WAY
    return Actor(
        user.user,
        user.name,
        user.email,
        NOTHING if held_up else found.identified.rights,
        expires_at=span.end_of(session),
        session_id=session.id,
        must_change_password=held_up,
    )


class Sessions:
    """Begins and ends sessions; who may see them is asked of the actor."""

    def __init__(
        self,
        *,
        stored: StoredSessions,
        span: SessionSpan,
        identification: Identification,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._stored = stored
        self._span = span
        self._identification = identification
        self._audit = audit
        self._clock = clock

    async def begin(
        self, user: User, way: str, agent: str, *, password: StoredPassword | None = None
    ) -> tuple[Session, str]:
        """A new session and its secret, which is not kept: what the browser had before is worth nothing.

        Raises Unauthenticated for a user who may not sign in, or whose password is not ``password`` any more,
        Unavailable.
        """
        user.require_person()
        secret, now = new_secret(SESSION_PREFIX), self._clock.now()
        origin = current_origin()
        session = Session(
            id=secrets.token_hex(6),
            hash=hash_secret(secret),
            user=user.user,
            way=way,
            address=origin.address,
            agent=shown_agent(agent),
            made_at=now,
            seen_at=now,
            expires_at=now + self._span.longest,
        )
        said = {"id": session.id, "way": way}
        told = self._audit.draft(AuditAction.SIGN_IN_SUCCEEDED, user=user.user, new=said)
        set_at = password.set_at if password is not None else None
        await self._stored.add(session, [told], password_set_at=set_at)
        return session, secret

    def end_of(self, session: Session) -> str:
        """When a session ends unless it is used before (RFC 3339)."""
        return utc_text(self._span.end_of(session))

    async def list_sessions(self, actor: Actor, user: UserName | None = None) -> Sequence[Session]:
        """A user's sessions that have not ended, the one used last first; without one the actor's own.

        Raises Denied for somebody else's, and for a key or token that may less than its user.
        """
        _require_all_of(actor)
        now = self._clock.now()
        found = await self._stored.list_sessions(_whose(user, actor))
        return [each for each in found if self._span.end_of(each) > now]

    async def sign_out(self, actor: Actor) -> None:
        """Ends the actor's own session; nothing for who has none."""
        if actor.session_id is not None:
            await self._end(actor.session_id, AuditAction.SIGN_OUT, actor, actor.user)

    async def revoke(self, session_id: str, actor: Actor, user: UserName | None = None) -> None:
        """Ends a session of the actor, or of a user for an administrator.

        Raises NotFound, and Denied as ``list_sessions``.
        """
        _require_all_of(actor)
        owner = _whose(user, actor)
        if session_id not in {each.id for each in await self._stored.list_sessions(owner)}:
            raise NotFound(f"There is no session {session_id!r}.")
        await self._end(session_id, AuditAction.SESSION_REVOKED, actor, owner)

    async def _end(self, session_id: str, action: AuditAction, actor: Actor, owner: UserName) -> None:
        told = self._audit.draft(action, actor=actor, old={"id": session_id, "user": owner})
        await self._stored.end(session_id, [told])
        self._identification.end(session_id)


def shown_agent(agent: str) -> str:
    """A program's own name, as it is shown in lists."""
    return "".join(letter for letter in agent if letter.isprintable())[:AGENT_LETTERS]


def _require_all_of(actor: Actor) -> None:
    """A key that was given away to read is not to sign its user out, or to tell where he is."""
    if actor.scope is not Scope.ADMIN or SERVER not in actor.places:
        raise Denied("Sessions are the affair of who is signed in, or has a key of scope admin for everything.")


def _whose(user: UserName | None, actor: Actor) -> UserName:
    if user is None or user == actor.user:
        return actor.user
    if not actor.rights.includes(Role.ADMINISTRATOR, SERVER):
        raise Denied("Only administrators of the server see the sessions of others.")
    return user
