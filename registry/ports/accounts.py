"""Users, groups, grants and API keys: what lives in SQL alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from registry.domain.access import ApiKey, Grant, Group, Identified, User
from registry.domain.audit import AuditDraft
from registry.domain.ids import GroupName, ProviderName, UserName


@dataclass(frozen=True, slots=True)
class Lost:
    """What went with a user or a group: keys that had not been revoked, and grants."""

    grants: Sequence[Grant]
    keys: Sequence[ApiKey] = ()


class Users(Protocol):
    """People and programs with a name."""

    async def find(self, user: UserName) -> User | None:
        """The user of that name."""
        ...

    async def first(self) -> User | None:
        """The first administrator: the user that was made first."""
        ...

    async def list_users(self) -> list[User]:
        """All users, by name."""
        ...

    async def put(self, user: User, told: Sequence[AuditDraft] = ()) -> None:
        """Adds or changes a user, durably; all sessions end of who may not sign in any more.

        Raises Conflict as ``Grants.remove``.
        """
        ...

    async def remove(self, user: UserName, at: datetime, told: Callable[[Lost], Sequence[AuditDraft]] = ...) -> bool:
        """Removes a user, durably, with his grants, memberships, keys and every way in; False where there is none.

        What his keys have made for others is revoked. Raises Conflict as ``Grants.remove``.
        """
        ...


class Groups(Protocol):
    """Groups and who is in them."""

    async def list_groups(self) -> list[Group]:
        """All groups with their members, by name."""
        ...

    async def put(self, group: GroupName, name: str, told: Sequence[AuditDraft] = ()) -> None:
        """Adds a group, or changes its name for people, durably."""
        ...

    async def remove(self, group: GroupName, told: Callable[[Group, Lost], Sequence[AuditDraft]] = ...) -> bool:
        """Removes a group with its grants, durably; False where there is none of that name. Raises Conflict.

        What is ``told`` is made of the group as it was, and of what went with it.
        """
        ...

    async def set_members(self, group: GroupName, users: Sequence[UserName], told: Sequence[AuditDraft] = ()) -> None:
        """Makes these the members that were written here, durably; whom providers tell of stay.

        Raises NotFound for a group or user, Conflict as ``Grants.remove``.
        """
        ...

    async def add_member(
        self, group: GroupName, user: UserName, told: Callable[[Group], Sequence[AuditDraft]] = ...
    ) -> None:
        """Writes one more member, durably; nothing where he is written already.

        What is ``told`` is made of the group as it was. Raises NotFound for the group or user.
        """
        ...

    async def set_groups(
        self,
        user: UserName,
        groups: Sequence[GroupName],
        provider: ProviderName,
        told: Callable[[Sequence[GroupName], Sequence[GroupName]], Sequence[AuditDraft]] = ...,
    ) -> None:
        """Makes these the groups that a provider tells of a user, durably; those that are not there are left out.

        What is ``told``, where they are others than before, is made of those of before and of now. Raises Conflict as
        ``Grants.remove``.
        """
        ...


class Grants(Protocol):
    """Roles that were given to users and groups."""

    async def add(self, grant: Grant, told: Sequence[AuditDraft] = ()) -> Grant:
        """Stores a grant, durably; the one that there is where it says the same. Raises NotFound for its subject."""
        ...

    async def remove(self, grant_id: str, told: Sequence[AuditDraft] = ()) -> Grant | None:
        """Takes a grant back, durably, and says what it was; None where there is none of that id.

        Raises Conflict, with nothing changed, where nobody would be administrator of the server any more.
        """
        ...

    async def list_grants(self) -> list[Grant]:
        """All grants, by subject and place."""
        ...

    async def identify(self, user: UserName) -> Identified | None:
        """A user with the rights that he and his groups were given."""
        ...


class Keys(Protocol):
    """API keys by the SHA-256 of their secret."""

    async def add(self, key: ApiKey, told: Sequence[AuditDraft] = ()) -> None:
        """Stores a new key, durably; with it, or not at all, what is ``told`` to the audit.

        Raises NotFound for its user, Conflict for its id or secret, Unauthenticated where the key that made it was
        revoked meanwhile.
        """
        ...

    async def find(self, secret_hash: str) -> tuple[ApiKey, Identified] | None:
        """The key with that hash and its user with all rights; expired and revoked ones too: the caller judges."""
        ...

    async def list_keys(self, user: UserName | None = None) -> list[ApiKey]:
        """All keys, or one user's, newest first."""
        ...

    async def revoke(
        self, key_id: str, at: datetime, told: Callable[[ApiKey], AuditDraft] | None = None
    ) -> list[ApiKey] | None:
        """Revokes a key and all that came of it; None where there is none of that id.

        Returned and, one by one, ``told`` to the audit are those that had not been revoked before, as they were.
        """
        ...

    async def expire(
        self, key_id: str, at: datetime, told: Sequence[AuditDraft] = (), *, successor: str | None = None
    ) -> ApiKey | None:
        """Has a key end at a time, if it does not before, durably; None where there is none of that id.

        What the key made is from now on what its ``successor`` made, where there is one.
        """
        ...

    async def note_uses(self, uses: Mapping[str, datetime]) -> None:
        """When keys were used last, by their ids; an earlier time than is known already changes nothing."""
        ...
