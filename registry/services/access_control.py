"""Who may do what: users, groups, and the roles that are granted to them."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from registry.domain.access import Actor, Grant, Group, Identified, User
from registry.domain.audit import AuditAction, AuditDraft
from registry.domain.errors import BadRequest, Conflict, NotFound
from registry.domain.ids import GroupName, UserName
from registry.domain.rights import Place
from registry.domain.roles import Role
from registry.domain.template import Json
from registry.ports.accounts import Grants, Groups, Lost, Users
from registry.ports.clock import Clock
from registry.services.account_entries import grant_body, group_body, key_body, user_body
from registry.services.audit import Audit


class AccessControl:
    """What administrators do: those of a place grant roles there, those of the server have users and groups."""

    def __init__(
        self,
        *,
        users: Users,
        groups: Groups,
        grants: Grants,
        audit: Audit,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        """``changed`` is called after every change of somebody's rights."""
        self._users = users
        self._groups = groups
        self._grants = grants
        self._audit = audit
        self._clock = clock
        self._changed = changed

    async def users(self, actor: Actor) -> Sequence[User]:
        """All users, by name. Raises Denied."""
        actor.require(Role.ADMINISTRATOR)
        return await self._users.list_users()

    async def find_user(self, user: UserName, actor: Actor) -> Identified:
        """A user with his rights. Raises NotFound, Denied."""
        actor.require(Role.ADMINISTRATOR)
        found = await self._grants.identify(user)
        if found is None:
            raise NotFound(f"There is no user {user!r}.")
        return found

    async def put_user(
        self,
        user: UserName,
        *,
        actor: Actor,
        name: str | None = None,
        email: str | None = None,
        is_service: bool | None = None,
        disabled: bool | None = None,
    ) -> User:
        """Makes a user, or changes what is given of one.

        Who is disabled comes in by no way any more, within seconds. Raises Denied, BadRequest, Conflict for the last
        administrator, and for a person's address that another user has: nobody could sign in by it.
        """
        actor.require(Role.ADMINISTRATOR)
        there = await self._users.find(user)
        known = there or User(user, user, f"{user}@localhost")
        changed = replace(
            known,
            name=(name if name is not None else known.name).strip(),
            email=(email if email is not None else known.email).strip(),
            is_service=is_service if is_service is not None else known.is_service,
            disabled_at=known.disabled_at if disabled is None else self._disabled(known, disabled=disabled),
        )
        _check_identity(changed)
        await self._check_address(there, changed)
        action = AuditAction.USER_CHANGED if there is not None else AuditAction.USER_CREATED
        told = self._draft(action, actor, user_body(there) if there is not None else None, user_body(changed))
        await self._users.put(changed, told if changed != there else ())
        self._changed()
        return changed

    async def _check_address(self, there: User | None, changed: User) -> None:
        """Programs never sign in and may share an address; who shares one since before keeps it."""
        if changed.is_service or (there is not None and there.email == changed.email and not there.is_service):
            return
        address = changed.email.casefold()
        others = (each for each in await self._users.list_users() if each.user != changed.user)
        if other := next((each for each in others if each.email.casefold() == address), None):
            raise Conflict(f"{other.user} has the address {changed.email!r} already: nobody could sign in by it.")

    async def remove_user(self, user: UserName, *, actor: Actor) -> None:
        """Removes a user with his grants, keys and every way in; commits and the audit go on naming him.

        The first administrator stays, for in his name is done what nobody is named for. Raises NotFound, Denied,
        Conflict for him and for the last administrator.
        """
        actor.require(Role.ADMINISTRATOR)
        known = await self._users.find(user)
        if known is None:
            raise NotFound(f"There is no user {user!r}.")
        if known == await self._users.first():
            raise Conflict(f"{user} is the first administrator, and stays: take his roles back, or disable him.")
        (removed,) = self._draft(AuditAction.USER_REMOVED, actor, user_body(known), None)
        if not await self._users.remove(user, removed.at, lambda lost: [*_told_lost(removed, lost), removed]):
            raise NotFound(f"There is no user {user!r}.")
        self._changed()

    def _disabled(self, known: User, *, disabled: bool) -> datetime | None:
        return (known.disabled_at or self._clock.now()) if disabled else None

    async def groups(self, actor: Actor) -> Sequence[Group]:
        """All groups, by name. Raises Denied."""
        actor.require(Role.ADMINISTRATOR)
        return await self._groups.list_groups()

    async def put_group(
        self, group: GroupName, *, actor: Actor, name: str | None, members: Sequence[UserName] | None
    ) -> Group:
        """Makes a group, or changes what is given of one; whom providers tell of stays in it.

        Raises NotFound for a member, Denied, Conflict.
        """
        actor.require(Role.ADMINISTRATOR)
        known = next((each for each in await self._groups.list_groups() if each.group == group), None)
        now = known or Group(group, group)
        kept = tuple(members) if members is not None else now.members
        wanted = replace(now, name=(name or now.name).strip(), members=kept)
        told = self._draft(AuditAction.GROUP_CHANGED, actor, group_body(known) if known else None, group_body(wanted))
        if known is None or wanted.name != known.name:
            await self._groups.put(group, wanted.name, told if members is None else ())
        if members is not None:
            await self._groups.set_members(group, members, told)
        self._changed()
        return next(each for each in await self._groups.list_groups() if each.group == group)

    async def add_member(self, group: GroupName, user: UserName, *, actor: Actor) -> None:
        """Puts a user into a group, where he is not written already. Raises NotFound, Denied."""
        actor.require(Role.ADMINISTRATOR)

        draft = self._audit.draft(AuditAction.GROUP_CHANGED, actor=actor)  # here, where it is known who acts

        def told(old: Group) -> list[AuditDraft]:
            new = replace(old, members=(*old.members, user))
            return [replace(draft, old=group_body(old), new=group_body(new))]

        await self._groups.add_member(group, user, told)
        self._changed()

    async def remove_group(self, group: GroupName, *, actor: Actor) -> None:
        """Removes a group and what it gave. Raises NotFound, Denied, Conflict where it has the last administrator."""
        actor.require(Role.ADMINISTRATOR)
        draft = self._audit.draft(AuditAction.GROUP_CHANGED, actor=actor)

        def told(old: Group, lost: Lost) -> list[AuditDraft]:
            return [*_told_lost(draft, lost), replace(draft, old=group_body(old))]

        if not await self._groups.remove(group, told):
            raise NotFound(f"There is no group {group!r}.")
        self._changed()

    async def grants(self, actor: Actor) -> Sequence[Grant]:
        """The grants where the actor is administrator, by subject and place. Raises Denied for who is that nowhere."""
        actor.require_anywhere(Role.ADMINISTRATOR)
        granted = await self._grants.list_grants()
        return [each for each in granted if actor.rights.includes(Role.ADMINISTRATOR, each.place)]

    async def grant(
        self,
        role: Role,
        place: Place,
        *,
        actor: Actor,
        user: UserName | None = None,
        group: GroupName | None = None,
    ) -> Grant:
        """Gives a role to a user or to a group; what was given already stays as it is. Raises NotFound, Denied."""
        actor.require(Role.ADMINISTRATOR, place)
        wanted = Grant(secrets.token_hex(6), role, place, self._clock.now(), actor.user, user=user, group=group)
        made = await self._grants.add(wanted, self._draft(AuditAction.ROLE_GRANTED, actor, None, grant_body(wanted)))
        self._changed()
        return made

    async def take_back(self, grant_id: str, *, actor: Actor) -> Grant:
        """Takes a role back; it takes effect within seconds. Raises NotFound, Denied, Conflict."""
        known = next((each for each in await self._grants.list_grants() if each.id == grant_id), None)
        if known is None or actor.rights.role_at(known.place) is None:
            raise NotFound(f"There is no grant {grant_id!r}.")
        actor.require(Role.ADMINISTRATOR, known.place)
        told = self._draft(AuditAction.ROLE_REVOKED, actor, grant_body(known), None)
        taken = await self._grants.remove(grant_id, told)
        self._changed()
        return taken or known

    def _draft(self, action: AuditAction, actor: Actor, old: Json, new: Json) -> list[AuditDraft]:
        return [self._audit.draft(action, actor=actor, old=old, new=new)]


def _told_lost(draft: AuditDraft, lost: Lost) -> list[AuditDraft]:
    """What is told, beside a draft, of what went along."""
    keys = [replace(draft, action=AuditAction.KEY_REVOKED, old=key_body(key)) for key in lost.keys]
    return keys + [replace(draft, action=AuditAction.ROLE_REVOKED, old=grant_body(grant)) for grant in lost.grants]


def _check_identity(user: User) -> None:
    """Raises BadRequest for what Git could not write into a commit."""
    for what, text in (("name", user.name), ("e-mail", user.email)):
        if not text or len(text) > 200 or any(sign in "<>\0" or not sign.isprintable() for sign in text):
            raise BadRequest(f"The {what} {text!r} cannot stand in a commit: 1 to 200 signs, without < and >.")
    if "@" not in user.email or " " in user.email:
        raise BadRequest(f"{user.email!r} is no e-mail address.")
