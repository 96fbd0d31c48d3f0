"""Inviting people: a user, what he may do, and the link by which he chooses a password."""

from collections.abc import Sequence

from registry.domain.access import Actor
from registry.domain.errors import Conflict, NotFound
from registry.domain.ids import GroupName, UserName
from registry.domain.links import LinkKind
from registry.domain.rights import SERVER, Place
from registry.domain.roles import Role
from registry.ports.accounts import Users
from registry.ports.sign_in import Passwords
from registry.services.access_control import AccessControl
from registry.services.links import HandedOver, Links, check_can_sign_in


class Invitations:
    """What administrators of the server do for people who shall come."""

    def __init__(
        self, *, access: AccessControl, users: Users, passwords: Passwords, links: Links, by_link: bool
    ) -> None:
        """``by_link``: people sign in with passwords; else with identity providers alone."""
        self._access = access
        self._users = users
        self._passwords = passwords
        self._links = links
        self._by_link = by_link

    async def invite(
        self,
        user: UserName,
        *,
        actor: Actor,
        email: str,
        name: str | None = None,
        groups: Sequence[GroupName] = (),
        role: Role | None = None,
        place: Place = SERVER,
        by_mail: bool = True,
    ) -> HandedOver:
        """Makes a user, puts him into groups, grants him a role, and gives him a link.

        Who was invited before and has no password yet is invited again; repeated after it broke off, it goes on. Raises
        Denied, BadRequest, NotFound for a group, Conflict for who has a password or may not sign in.
        """
        actor.require(Role.ADMINISTRATOR)
        await self._check_is_new(user)
        known = {each.group for each in await self._access.groups(actor)}
        if missing := [group for group in groups if group not in known]:
            raise NotFound(f"There is no group {missing[0]!r}.")
        made = await self._access.put_user(user, actor=actor, name=name, email=email)
        for group in groups:
            await self._access.add_member(group, user, actor=actor)
        if role is not None:
            await self._access.grant(role, place, actor=actor, user=user)
        if not self._by_link:
            return await self._links.tell_of_provider(made, by_mail=by_mail)
        return await self._links.hand_over(LinkKind.INVITATION, made, actor, by_mail=by_mail)

    async def _check_is_new(self, user: UserName) -> None:
        there = await self._users.find(user)
        if there is None:
            return
        check_can_sign_in(there)
        found = await self._passwords.find(user)
        if found is not None and found[1] is not None:
            raise Conflict(f"{user} has a password already. Reset it with: promptuary user reset-password {user}")
