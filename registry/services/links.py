"""Links by which people set their password: making them, handing them over, and using them."""

from dataclasses import dataclass
from datetime import datetime

from registry.domain import letters
from registry.domain.access import Actor, User
from registry.domain.audit import AuditAction, utc_text
from registry.domain.errors import Conflict, Denied, Unauthenticated
from registry.domain.key_secrets import LINK_PREFIX, hash_secret, new_secret, well_formed
from registry.domain.letters import Letter
from registry.domain.links import LIFETIMES, Link, LinkKind, link_address, secret_of
from registry.domain.rate_limits import LimitKind
from registry.domain.sign_in import PASSWORD_WAY, Session
from registry.ports.clock import Clock
from registry.ports.links import Links as StoredLinks
from registry.ports.mail import MailFailed
from registry.services.audit import Audit
from registry.services.audit_origin import current_network
from registry.services.passwords import PasswordSignIn
from registry.services.postbox import Postbox
from registry.services.rate_limits import RateLimiting
from registry.services.sessions import Sessions

NO_PASSWORDS = "Nobody signs in with a password here: sign in with an identity provider."
WORTHLESS = "This link does not hold, or not any more: it works once and for some time. Ask for a new one."

_LETTERS = {LinkKind.INVITATION: letters.invitation, LinkKind.RESET: letters.reset}


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A link that was mailed, or else its ``address``, which is told this once, and ``why`` it was not mailed.

    ``expires_at`` is None where there is no link: who signs in with an identity provider needs none.
    """

    user: User
    kind: LinkKind
    expires_at: datetime | None
    mailed: bool
    address: str | None = None
    why: str | None = None


class Links:
    """Makes links for users, and lets who has one set a password."""

    def __init__(
        self,
        *,
        stored: StoredLinks,
        passwords: PasswordSignIn,
        sessions: Sessions,
        postbox: Postbox,
        limits: RateLimiting,
        audit: Audit,
        clock: Clock,
        public_url: str | None,
        local_url: str,
    ) -> None:
        """Links lead to ``public_url`` and never to where a request says that it came to.

        ``local_url`` stands in links that are not mailed where there is none.
        """
        self._stored = stored
        self._passwords = passwords
        self._sessions = sessions
        self._postbox = postbox
        self._limits = limits
        self._audit = audit
        self._clock = clock
        self._public_url = public_url
        self._local_url = local_url

    async def make(self, kind: LinkKind, user: User, actor: Actor | None = None) -> tuple[Link, str]:
        """A new link for a user and its secret, which is not kept; his other one of the kind ends.

        Raises Denied where passwords are switched off, Conflict for who may not sign in.
        """
        if not self._passwords.is_allowed:
            raise Denied(NO_PASSWORDS)
        check_can_sign_in(user)
        secret, now = new_secret(LINK_PREFIX), self._clock.now()
        by = actor.user if actor is not None else None
        link = Link(hash_secret(secret), kind, user.user, now, now + LIFETIMES[kind], by)
        said = {"user": user.user, "kind": kind.value, "expires_at": utc_text(link.expires_at)}
        await self._stored.put(link, [self._audit.draft(AuditAction.LINK_CREATED, actor=actor, new=said)])
        return link, secret

    async def hand_over(self, kind: LinkKind, user: User, actor: Actor, *, by_mail: bool) -> HandedOver:
        """Makes a link, and mails it or says it; one that could not be mailed is said, too."""
        link, secret = await self.make(kind, user, actor)
        why = None
        if by_mail:
            why = self.why_not_mailed(user) or await self._mail(self.letter_of(link, user, secret))
            if why is None:
                return HandedOver(user, kind, link.expires_at, mailed=True)
        address = link_address(self._public_url or self._local_url, secret)
        return HandedOver(user, kind, link.expires_at, mailed=False, address=address, why=why)

    async def tell_of_provider(self, user: User, *, by_mail: bool) -> HandedOver:
        """Invites somebody who will sign in with an identity provider: without a link."""
        where = f"{self._public_url or self._local_url}/sign-in"
        why = None
        if by_mail:
            letter = letters.invitation_to_provider(user, where)
            why = self.why_not_mailed(user) or await self._mail(letter)
        mailed = by_mail and why is None
        return HandedOver(user, LinkKind.INVITATION, None, mailed=mailed, address=None if mailed else where, why=why)

    def why_not_mailed(self, user: User) -> str | None:
        """Why a user cannot be written to; None where he can."""
        if not self._postbox.is_set:
            return "No mail is sent: PROMPTUARY_SMTP_URL is not set."
        if self._public_url is None:
            return "No mail is sent: PROMPTUARY_PUBLIC_URL, to which the link would lead, is not set."
        if not letters.has_address(user):
            return f"{user.user} has no e-mail address: give him one."
        return None

    def letter_of(self, link: Link, user: User, secret: str) -> Letter:
        """The letter with a link."""
        return _LETTERS[link.kind](user, link_address(self._public_url or self._local_url, secret), link.expires_at)

    async def accept(self, link: str, password: str, agent: str) -> tuple[User, Session, str]:
        """Sets the password of a link's user and begins a session; the link and all his former sessions end.

        ``link`` is its secret, or the address that it stands in. Raises Unauthenticated for one that does not hold,
        BadRequest for a password that will not do, TooManyRequests, Denied where passwords are switched off,
        Unavailable.
        """
        if not self._passwords.is_allowed:
            raise Denied(NO_PASSWORDS)
        self._limits.require(LimitKind.LINKS, current_network())
        found = await self._find(secret_of(link))
        if found is None:
            said = {"user": None, "way": "link"}
            await self._audit.enter(self._audit.draft(AuditAction.SIGN_IN_FAILED, new=said))
            raise Unauthenticated(WORTHLESS)
        known, user = found
        if not await self._passwords.set(user, password, by_link=known):
            raise Unauthenticated(WORTHLESS)
        session, secret = await self._sessions.begin(user, PASSWORD_WAY, agent)
        return user, session, secret

    async def _find(self, secret: str) -> tuple[Link, User] | None:
        """The link that holds, of a user who may sign in."""
        found = await self._stored.find(hash_secret(secret)) if well_formed(secret, LINK_PREFIX) else None
        if found is None or found[0].expires_at <= self._clock.now():
            return None
        return found if found[1].may_sign_in else None

    async def _mail(self, letter: Letter) -> str | None:
        try:
            await self._postbox.send(letter)
        except MailFailed as failed:
            return failed.reason
        return None


def check_can_sign_in(user: User) -> None:
    """Raises Conflict for service accounts, which have keys, and for who is disabled."""
    if user.is_service:
        raise Conflict(f"{user.user} is a service account: it has keys, and never signs in.")
    if user.disabled_at is not None:
        raise Conflict(f"{user.user} is disabled: enable him first.")
