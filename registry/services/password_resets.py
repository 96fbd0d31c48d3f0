"""A forgotten password: a link for who asks for one, and for whom an administrator gives one."""

from registry.domain.access import Actor
from registry.domain.errors import Denied, NotFound
from registry.domain.ids import UserName
from registry.domain.links import LinkKind
from registry.domain.rate_limits import LimitKind
from registry.domain.roles import Role
from registry.ports.accounts import Users
from registry.ports.sign_in import Passwords
from registry.services.audit_origin import current_network
from registry.services.links import NO_PASSWORDS, HandedOver, Links
from registry.services.postbox import Postbox
from registry.services.rate_limits import RateLimiting


class PasswordResets:
    """Gives links in the place of forgotten passwords."""

    def __init__(
        self,
        *,
        users: Users,
        passwords: Passwords,
        links: Links,
        postbox: Postbox,
        limits: RateLimiting,
        is_allowed: bool,
    ) -> None:
        """``is_allowed``: whether anybody signs in with a password."""
        self._users = users
        self._passwords = passwords
        self._links = links
        self._postbox = postbox
        self._limits = limits
        self._is_allowed = is_allowed

    def ask(self, name: str) -> None:
        """Has a link mailed to the user of a name or e-mail address who has a password and can be written to.

        Whether there is is looked at afterwards: no answer and no time says it. Raises TooManyRequests for an address
        that asked too often, Denied where passwords are switched off.
        """
        if not self._is_allowed:
            raise Denied(NO_PASSWORDS)
        self._limits.require(LimitKind.RESETS, current_network())
        self._postbox.start(self._answer(name))

    async def give(self, user: UserName, actor: Actor, *, by_mail: bool) -> HandedOver:
        """A link for a user, by an administrator of the server; his password holds until he uses it.

        Raises NotFound, Denied, Conflict for who may not sign in.
        """
        actor.require(Role.ADMINISTRATOR)
        known = await self._users.find(user)
        if known is None:
            raise NotFound(f"There is no user {user!r}.")
        return await self._links.hand_over(LinkKind.RESET, known, actor, by_mail=by_mail)

    async def _answer(self, name: str) -> None:
        user, stored = await self._passwords.find(name) or (None, None)
        if user is None or stored is None:
            return  # who signs in with a provider alone gets no second way in by himself
        if not user.may_sign_in or self._links.why_not_mailed(user) is not None:
            return
        allowance = self._limits.take(LimitKind.RESETS_OF_USER, user.user)
        if allowance is not None and not allowance.is_allowed:
            return
        link, secret = await self._links.make(LinkKind.RESET, user)
        await self._postbox.deliver(self._links.letter_of(link, user, secret), user.user)
