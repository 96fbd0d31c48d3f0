"""Passwords (``registry.ports.sign_in``): every write waits for the disk."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, or_, select, update

from registry.adapters.sql.audit_log import append_drafts
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.grants import USER_COLUMNS, user_of
from registry.adapters.sql.kept_tables import users
from registry.adapters.sql.sign_in_tables import links, passwords, sessions
from registry.adapters.sql.statements import upsert, write_rows
from registry.adapters.sql.values import to_micros, to_time
from registry.domain.access import User
from registry.domain.audit import AuditDraft
from registry.domain.errors import NotFound
from registry.domain.ids import UserName
from registry.domain.sign_in import StoredPassword

_FIND = (
    select(*USER_COLUMNS, passwords.c.hash, passwords.c.set_at, passwords.c.must_change)
    .select_from(users.outerjoin(passwords, passwords.c.user == users.c.user))
    .where(or_(users.c.user == bindparam("name"), func.lower(users.c.email) == bindparam("email")))
)

_USER: Select[Any] = select(*USER_COLUMNS).where(users.c.user == bindparam("name"))


class SqlPasswords:
    """The passwords of users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, name: str) -> tuple[User, StoredPassword | None] | None:
        """The user of that name, or with that e-mail address where it is one user's alone, and his password."""
        rows = await self._database.fetch(_FIND, {"name": name, "email": name.lower()})
        row = next((row for row in rows if row.user == name), rows[0] if len(rows) == 1 else None)
        return (user_of(row), _password_of(row)) if row is not None else None

    async def put(
        self,
        password: StoredPassword,
        told: Sequence[AuditDraft] = (),
        *,
        by_link: str | None = None,
        instead_of: StoredPassword | None = None,
    ) -> bool:
        """Sets a user's password, durably, and ends all sessions and links that he has.

        ``by_link`` is the hash of the link of his that allows it, ``instead_of`` the password that does: False, with
        nothing changed, where it was used, or is another one, meanwhile. Raises NotFound for the user.
        """
        row = {
            "user": password.user,
            "hash": password.hash,
            "set_at": to_micros(password.set_at),
            "must_change": password.must_change,
        }

        present = select(passwords.c.hash).where(passwords.c.user == password.user)
        used = delete(links).where(links.c.hash == by_link, links.c.user == password.user)

        def write(connection: Connection) -> bool:
            hold_user(connection, password.user, changes=True)
            if instead_of is not None and connection.execute(present).scalar_one_or_none() != instead_of.hash:
                return False
            if by_link is not None and not connection.execute(used).rowcount:
                return False
            write_rows(connection, upsert(passwords), [row])
            for opened in (sessions, links):
                connection.execute(delete(opened).where(opened.c.user == password.user))
            append_drafts(connection, told)
            return True

        return await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)

    async def rehash(self, password: StoredPassword) -> None:
        """Stores the same password by another hash, where it was not set anew since."""
        mine = passwords.c.user == password.user, passwords.c.set_at == to_micros(password.set_at)
        changed = update(passwords).where(*mine).values(hash=password.hash)
        await self._database.write(lambda connection: connection.execute(changed), deadline=Deadline.REQUEST)


def hold_user(connection: Connection, user: UserName, *, changes: bool = False) -> User:
    """The user, who stays as he is until the transaction ends; with ``changes`` nobody else's sees him before.

    So a session either begins before what ends all of them, and is ended, or behind it. Raises NotFound.
    """
    row = connection.execute(_USER.with_for_update(read=not changes), {"name": user}).one_or_none()
    if row is None:
        raise NotFound(f"There is no user {user!r}.")
    return user_of(row)


def require_user(connection: Connection, user: UserName) -> None:
    """Raises NotFound for a user who is not there."""
    if connection.execute(select(users.c.id).where(users.c.user == user)).first() is None:
        raise NotFound(f"There is no user {user!r}.")


def _password_of(row: Row[Any]) -> StoredPassword | None:
    return StoredPassword(row.user, row.hash, to_time(row.set_at), row.must_change) if row.hash is not None else None
