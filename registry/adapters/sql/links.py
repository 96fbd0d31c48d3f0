"""Links (``registry.ports.links``): every write waits for the disk."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, or_, select

from registry.adapters.sql.audit_log import append_drafts
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.grants import USER_COLUMNS, user_of
from registry.adapters.sql.kept_tables import users
from registry.adapters.sql.passwords import require_user
from registry.adapters.sql.sign_in_tables import links
from registry.adapters.sql.statements import insert_new, write_rows
from registry.adapters.sql.values import to_micros, to_time
from registry.domain.access import User
from registry.domain.audit import AuditDraft
from registry.domain.ids import UserName
from registry.domain.links import Link, LinkKind

_ADD = insert_new(links)
_FIND = (
    select(links.c.hash, links.c.kind, links.c.made_at, links.c.made_by, links.c.expires_at, *USER_COLUMNS)
    .join(users, users.c.user == links.c.user)
    .where(links.c.hash == bindparam("secret_hash"))
)


class SqlLinks:
    """Links by the SHA-256 of their secret."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, link: Link, told: Sequence[AuditDraft] = ()) -> None:
        """Stores a new link in the place of its user's other one of that kind, durably; forgets those that have ended.

        Raises NotFound for its user.
        """
        row = {
            "hash": link.hash,
            "kind": str(link.kind),
            "user": link.user,
            "made_at": to_micros(link.made_at),
            "made_by": link.made_by,
            "expires_at": to_micros(link.expires_at),
        }
        former = (links.c.user == link.user) & (links.c.kind == str(link.kind))

        def write(connection: Connection) -> None:
            require_user(connection, link.user)
            connection.execute(delete(links).where(or_(former, links.c.expires_at <= row["made_at"])))
            write_rows(connection, _ADD, [row])
            append_drafts(connection, told)

        await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)

    async def find(self, secret_hash: str) -> tuple[Link, User] | None:
        """The link with that hash, and its user; one that has ended, too: the caller judges."""
        rows = await self._database.fetch(_FIND, {"secret_hash": secret_hash})
        if not rows:
            return None
        row = rows[0]
        made_by = UserName(row.made_by) if row.made_by is not None else None
        kind, user = LinkKind(row.kind), user_of(row)
        return Link(row.hash, kind, user.user, to_time(row.made_at), to_time(row.expires_at), made_by), user
