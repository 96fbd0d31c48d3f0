"""Signing in with a password, and setting one."""

import asyncio
from dataclasses import replace

from registry.domain.access import Actor, User
from registry.domain.audit import AuditAction
from registry.domain.errors import Conflict, Denied, PasswordRefused, Unauthenticated
from registry.domain.links import Link
from registry.domain.passwords import LONGEST, PasswordFault, check_new_password, comparable
from registry.domain.rate_limits import LimitKind
from registry.domain.sign_in import PASSWORD_WAY, Session, StoredPassword
from registry.domain.template import Json
from registry.ports.clock import Clock
from registry.ports.sign_in import PasswordHasher
from registry.ports.sign_in import Passwords as StoredPasswords
from registry.services.audit import Audit
from registry.services.audit_origin import current_network, current_origin
from registry.services.identification import Identification
from registry.services.rate_limits import RateLimiting
from registry.services.sessions import Sessions

HASHED_AT_ONCE = 2
"""Each takes 64 MiB and a core for a tenth of a second."""

WRONG = "There is no such user, or the password is another one."


class PasswordSignIn:
    """Users by name and password. Wrong names take as long as wrong passwords, and are answered alike."""

    def __init__(
        self,
        *,
        stored: StoredPasswords,
        hasher: PasswordHasher,
        sessions: Sessions,
        identification: Identification,
        limits: RateLimiting,
        audit: Audit,
        clock: Clock,
        is_allowed: bool,
    ) -> None:
        """``is_allowed``: whether anybody may sign in with a password; else identity providers are the only way."""
        self._stored = stored
        self._hasher = hasher
        self._sessions = sessions
        self._identification = identification
        self._limits = limits
        self._audit = audit
        self._clock = clock
        self._hashing = asyncio.Semaphore(HASHED_AT_ONCE)
        self.is_allowed = is_allowed

    async def sign_in(self, name: str, password: str, agent: str) -> tuple[User, Session, str]:
        """The user of a name or e-mail address, a new session and its secret.

        Raises Unauthenticated, TooManyRequests for who tried too often, Denied where passwords are switched off,
        Unavailable.
        """
        if not self.is_allowed:
            raise Denied("Nobody signs in with a password here: sign in with an identity provider.")
        self._count(name)
        found = await self._stored.find(name)
        user, stored = found or (None, None)
        is_right = await self._verify(stored, password)
        if user is None or stored is None or not is_right:
            await self._enter_failure(user)
            raise Unauthenticated(WRONG)
        if self._hasher.is_outdated(stored.hash):
            await self._stored.rehash(replace(stored, hash=await self._hash(password)))
        try:
            session, secret = await self._sessions.begin(user, PASSWORD_WAY, agent, password=stored)
        except Unauthenticated:
            await self._enter_failure(user)
            raise
        return user, session, secret

    async def change(self, actor: Actor, current: str, new: str, agent: str) -> tuple[Session, str]:
        """Sets the actor's own password; all his sessions end, and a new one begins.

        Raises Unauthenticated where ``current`` is not the present one, BadRequest for a new one that will not do,
        TooManyRequests, Denied, Conflict, Unavailable.
        """
        if not actor.is_signed_in:
            raise Denied("A password is changed by who is signed in, not with a key or token.")
        actor.require_certain()
        self._count(actor.user)
        found = await self._stored.find(actor.user)
        user, stored = found or (None, None)
        if user is None or stored is None or not await self._verify(stored, current):
            await self._enter_failure(user)
            raise Unauthenticated("The present password is another one.")
        if comparable(new) == comparable(current):
            raise PasswordRefused("The new password is the present one: take another.", PasswordFault.SAME)
        if not await self.set(user, new, instead_of=stored):
            raise Conflict("Your password was set anew meanwhile: sign in with that one.")
        return await self._sessions.begin(user, PASSWORD_WAY, agent)

    async def set(
        self,
        user: User,
        password: str,
        *,
        must_change: bool = False,
        by_link: Link | None = None,
        instead_of: StoredPassword | None = None,
    ) -> bool:
        """Gives a user a password; all his sessions and links end.

        ``by_link`` is the link that allows it, ``instead_of`` the password that does: False where it was used, or is
        another one, meanwhile. Raises BadRequest for one that will not do, Unavailable.
        """
        if not must_change:
            await asyncio.to_thread(check_new_password, password, (user.user, user.name, user.email))
        stored = StoredPassword(user.user, await self._hash(password), self._clock.now(), must_change)
        said: dict[str, Json] = {"user": user.user, "must_change": must_change}
        if by_link is not None:
            said["by_link"] = by_link.kind.value
        himself = user.user if current_origin().actor is None else None
        told = self._audit.draft(AuditAction.PASSWORD_CHANGED, user=himself, new=said)
        link = by_link.hash if by_link is not None else None
        is_set = await self._stored.put(stored, [told], by_link=link, instead_of=instead_of)
        self._identification.forget_user(user.user)
        return is_set

    def _count(self, name: str) -> None:
        """Counts an attempt, right or wrong, whether there is such a user or not. Raises TooManyRequests."""
        network, one = current_network(), comparable(name).strip().casefold()
        counted = (
            (LimitKind.SIGN_INS, f"{network} {one}"),
            (LimitKind.SIGN_INS_OF_USER, one),
            (LimitKind.SIGN_INS_OF_ADDRESS, network),
        )
        for kind, who in counted:
            self._limits.require(kind, who)

    async def _verify(self, stored: StoredPassword | None, password: str) -> bool:
        if len(password) > 4 * LONGEST:
            password = ""  # no password is that long, and hashing it would take somebody else's time
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.verify, stored.hash if stored else None, comparable(password))

    async def _hash(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, comparable(password))

    async def _enter_failure(self, user: User | None) -> None:
        """Names who is there; what was typed in may be a password."""
        new = {"user": user.user if user is not None else None, "way": PASSWORD_WAY}
        await self._audit.enter(self._audit.draft(AuditAction.SIGN_IN_FAILED, new=new))
