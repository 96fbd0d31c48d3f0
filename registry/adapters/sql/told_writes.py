"""Changes of who may do what: each in one transaction with its entry in the audit, and never the end of all rights."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection, and_, or_, select

from registry.adapters.sql.audit_log import append_drafts
from registry.adapters.sql.dialect import in_turn
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.kept_tables import grants, group_members, users
from registry.domain.audit import AuditDraft
from registry.domain.errors import Conflict
from registry.domain.roles import Role

T = TypeVar("T")

_OF_ALL = and_(grants.c.role == Role.ADMINISTRATOR.value, grants.c.repository == "")
_OF_A_GROUP = (
    select(group_members.c.user).join(grants, grants.c.group == group_members.c.group).where(_OF_ALL).scalar_subquery()
)
_ADMINISTRATOR = (
    select(users.c.user)
    .where(
        users.c.disabled_at.is_(None),
        or_(
            select(grants.c.id).where(_OF_ALL, grants.c.user == users.c.user).exists(),
            users.c.user.in_(_OF_A_GROUP),
        ),
    )
    .limit(1)
)


async def write_told(
    database: Database,
    work: Callable[[Connection], T],
    told: Sequence[AuditDraft],
    changes: Callable[[T], bool] = bool,
) -> T:
    """What ``work`` gives, durably, with what is told of it where that ``changes`` something.

    Raises Conflict, with nothing changed, where nobody would be administrator of the server any more.
    """

    def write(connection: Connection) -> T:
        had_one = _has_administrator(connection)
        done = work(connection)
        if changes(done):
            append_drafts(connection, told)
        in_turn(connection)  # two who take the last two away see each other
        if had_one and not _has_administrator(connection):
            raise Conflict("Nobody would be administrator of the server any more: make somebody else one first.")
        return done

    return await database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)


def _has_administrator(connection: Connection) -> bool:
    return connection.execute(_ADMINISTRATOR).first() is not None
