"""Groups, and roles that were granted (``registry.ports.accounts``): every write waits for the disk."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    FromClause,
    Row,
    and_,
    bindparam,
    delete,
    select,
    union_all,
)

from registry.adapters.sql.audit_log import append_drafts
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.kept_tables import grants, group_members, groups, users
from registry.adapters.sql.statements import insert_new, upsert, write_rows
from registry.adapters.sql.told_writes import write_told
from registry.adapters.sql.values import to_micros, to_time
from registry.domain.access import Grant, Group, Identified, User
from registry.domain.audit import AuditDraft
from registry.domain.errors import NotFound
from registry.domain.ids import GroupName, ProviderName, RepositoryName, UserName
from registry.domain.rights import Place, Rights
from registry.domain.roles import Role
from registry.ports.accounts import Lost

_HERE = "promptuary"
"""The source of memberships that were written here; others are identity providers, of which none has this name."""

USER_COLUMNS = (users.c.user, users.c.name, users.c.email, users.c.is_service, users.c.disabled_at)
_RIGHT_COLUMNS = (grants.c.role, grants.c.repository, grants.c.folder)


def with_rights(
    columns: Sequence[ColumnElement[Any]], start: FromClause, where: ColumnElement[bool]
) -> CompoundSelect[Any]:
    """Rows of users in ``start``: one for each right, and one without any.

    Two statements in one, each by its index, because what was granted to a user or to one of his groups has none.
    """
    shared = start.join(group_members, group_members.c.user == users.c.user)
    ways = (
        start.outerjoin(grants, grants.c.user == users.c.user),
        shared.join(grants, grants.c.group == group_members.c.group),
    )
    return union_all(*(select(*columns, *USER_COLUMNS, *_RIGHT_COLUMNS).select_from(way).where(where) for way in ways))


_IDENTIFY = with_rights((), users, users.c.user == bindparam("wanted"))
_GROUPS = (
    select(groups, group_members.c.user, group_members.c.source)
    .select_from(groups.outerjoin(group_members))
    .order_by(groups.c.group, group_members.c.source, group_members.c.user)
)
_GRANTS = select(grants).order_by(
    grants.c.user.is_(None), grants.c.user, grants.c.group, grants.c.repository, grants.c.folder, grants.c.id
)
_ADD_GRANT, _ADD_MEMBER = insert_new(grants), insert_new(group_members)


def user_of(row: Row[Any]) -> User:
    """The user of a row with ``USER_COLUMNS``."""
    disabled = to_time(row.disabled_at) if row.disabled_at is not None else None
    return User(row.user, row.name, row.email, row.is_service, disabled)


def rights_of(rows: Iterable[Row[Any]]) -> Rights:
    """The rights of rows that ``with_rights`` selects."""
    return Rights.of((_place(row), Role(row.role)) for row in rows if row.role is not None)


def _place(row: Row[Any]) -> Place:
    return Place(RepositoryName(row.repository) if row.repository else None, row.folder)


def grant_of(row: Row[Any]) -> Grant:
    """The grant of a row of its table."""
    return Grant(
        id=row.id,
        role=Role(row.role),
        place=_place(row),
        made_at=to_time(row.made_at),
        made_by=row.made_by,
        user=row.user,
        group=row.group,
    )


def take_grants(connection: Connection, which: ColumnElement[bool]) -> list[Grant]:
    """Deletes grants, within a transaction; those that there were, by their ids."""
    gone = connection.execute(delete(grants).where(which).returning(*grants.columns))
    return sorted(map(grant_of, gone), key=attrgetter("id"))


class SqlGroups:
    """Groups and who is in them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list_groups(self) -> list[Group]:
        """All groups with their members, by name."""
        return await self._database.read(lambda connection: _groups(connection.execute(_GROUPS)))

    async def put(self, group: GroupName, name: str, told: Sequence[AuditDraft] = ()) -> None:
        """Adds a group, or changes its name for people, durably."""
        row = {"group": group, "name": name}
        await write_told(self._database, lambda connection: write_rows(connection, upsert(groups), [row]), told)

    async def remove(
        self, group: GroupName, told: Callable[[Group, Lost], Sequence[AuditDraft]] = lambda *_: ()
    ) -> bool:
        """Removes a group with its grants, durably; False where there is none of that name. Raises Conflict."""
        held = select(groups.c.group).where(groups.c.group == group).with_for_update()

        def write(connection: Connection) -> bool:
            if connection.execute(held).first() is None:
                return False
            (known,) = _groups(connection.execute(_GROUPS.where(groups.c.group == group)))
            lost = Lost(take_grants(connection, grants.c.group == group))
            connection.execute(delete(groups).where(groups.c.group == group))
            append_drafts(connection, told(known, lost))
            return True

        return await write_told(self._database, write, ())

    async def set_members(self, group: GroupName, users_: Sequence[UserName], told: Sequence[AuditDraft] = ()) -> None:
        """Makes these the members that were written here, durably; whom providers tell of stay.

        Raises NotFound for a group or user, Conflict.
        """

        def write(connection: Connection) -> int:
            _require(connection, groups.c.group, [group], "group")
            _require(connection, users.c.user, users_, "user")
            mine = and_(group_members.c.group == group, group_members.c.source == _HERE)
            connection.execute(delete(group_members).where(mine))
            rows = [{"group": group, "user": user, "source": _HERE} for user in dict.fromkeys(users_)]
            return write_rows(connection, _ADD_MEMBER, rows)

        await write_told(self._database, write, told, lambda _: True)

    async def add_member(
        self, group: GroupName, user: UserName, told: Callable[[Group], Sequence[AuditDraft]] = lambda _: ()
    ) -> None:
        """Writes one more member, durably; nothing where he is written already. Raises NotFound."""

        def write(connection: Connection) -> None:
            _require(connection, users.c.user, [user], "user")
            there = _groups(connection.execute(_GROUPS.where(groups.c.group == group)))
            if not there:
                raise NotFound(f"There is no group {group!r}.")
            if write_rows(connection, _ADD_MEMBER, [{"group": group, "user": user, "source": _HERE}]):
                append_drafts(connection, told(there[0]))

        await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)

    async def set_groups(
        self,
        user: UserName,
        groups_: Sequence[GroupName],
        provider: ProviderName,
        told: Callable[[Sequence[GroupName], Sequence[GroupName]], Sequence[AuditDraft]] = lambda *_: (),
    ) -> None:
        """Makes these the groups that a provider tells of a user, durably; those that are not there are left out."""

        def write(connection: Connection) -> None:
            known = set(connection.execute(select(groups.c.group)).scalars())
            mine = and_(group_members.c.user == user, group_members.c.source == provider)
            before = set(connection.execute(select(group_members.c.group).where(mine)).scalars())
            wanted = known.intersection(groups_)
            if wanted == before:
                return
            connection.execute(delete(group_members).where(mine))
            rows = [{"group": each, "user": user, "source": provider} for each in sorted(wanted)]
            write_rows(connection, _ADD_MEMBER, rows)
            append_drafts(connection, told(sorted(before), sorted(wanted)))

        await write_told(self._database, write, ())


def _groups(rows: Iterable[Row[Any]]) -> list[Group]:
    """The groups of rows that ``_GROUPS`` selects."""
    found = []
    for (group, name), members in groupby(rows, key=attrgetter("group", "name")):
        by = {
            source: tuple(row.user for row in some)
            for source, some in groupby(members, key=attrgetter("source"))
            if source is not None
        }
        found.append(Group(group, name, by.pop(_HERE, ()), by))
    return found


def _require(connection: Connection, column: Any, names: Sequence[str], noun: str) -> None:
    known = set(connection.execute(select(column)).scalars())
    missing = [name for name in names if name not in known]
    if missing:
        raise NotFound(f"There is no {noun} {missing[0]!r}.")


class SqlGrants:
    """Roles that were given to users and groups."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, grant: Grant, told: Sequence[AuditDraft] = ()) -> Grant:
        """Stores a grant, durably; the one that there is where it says the same. Raises NotFound for its subject."""
        subject = grants.c.user == grant.user if grant.user is not None else grants.c.group == grant.group
        what = {
            "user": grant.user,
            "group": grant.group,
            "role": str(grant.role),
            "repository": grant.place.repository or "",
            "folder": grant.place.folder,
        }

        def write(connection: Connection) -> Grant:
            if grant.user is not None:
                _require(connection, users.c.user, [grant.user], "user")
            else:
                _require(connection, groups.c.group, [grant.group or ""], "group")
            row = {"id": grant.id, "made_at": to_micros(grant.made_at), "made_by": grant.made_by, **what}
            write_rows(connection, _ADD_GRANT, [row])
            same = [grants.c[name] == what[name] for name in ("role", "repository", "folder")]
            return grant_of(connection.execute(select(grants).where(subject, *same)).one())

        return await write_told(self._database, write, told, lambda made: made.id == grant.id)

    async def remove(self, grant_id: str, told: Sequence[AuditDraft] = ()) -> Grant | None:
        """Takes a grant back, durably, and says what it was; None where there is none of that id. Raises Conflict."""

        def write(connection: Connection) -> Grant | None:
            mine = grants.c.id == grant_id
            row = connection.execute(select(grants).where(mine)).one_or_none()
            connection.execute(delete(grants).where(mine))
            return grant_of(row) if row is not None else None

        return await write_told(self._database, write, told)

    async def list_grants(self) -> list[Grant]:
        """All grants, by subject and place."""
        return await self._database.read(lambda connection: [grant_of(row) for row in connection.execute(_GRANTS)])

    async def identify(self, user: UserName) -> Identified | None:
        """A user with the rights that he and his groups were given."""
        rows = await self._database.fetch(_IDENTIFY, {"wanted": user})
        return Identified(user_of(rows[0]), rights_of(rows)) if rows else None
