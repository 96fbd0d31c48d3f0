"""Sessions (``registry.ports.sign_in``): every write but that of their last use waits for the disk."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, Connection, Row, bindparam, delete, select, update

from registry.adapters.sql.audit_log import append_drafts
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.grants import rights_of, user_of, with_rights
from registry.adapters.sql.kept_tables import users
from registry.adapters.sql.passwords import hold_user
from registry.adapters.sql.sign_in_tables import passwords, sessions
from registry.adapters.sql.statements import insert_new, write_rows
from registry.adapters.sql.values import to_micros, to_time
from registry.domain.access import Identified
from registry.domain.audit import AuditDraft
from registry.domain.errors import Unauthenticated
from registry.domain.ids import UserName
from registry.domain.sign_in import Session, SignedIn

_ADD = insert_new(sessions)
SESSION_COLUMNS = tuple(column.label(f"session_{column.name}") for column in sessions.columns)
_COLUMNS = (*SESSION_COLUMNS, passwords.c.must_change)
_WHOSE = sessions.join(users, users.c.user == sessions.c.user).outerjoin(passwords, passwords.c.user == users.c.user)


def find_signed_in(where: ColumnElement[bool]) -> CompoundSelect[Any]:
    """Sessions with all rights of their users, for ``signed_in``."""
    return with_rights(_COLUMNS, _WHOSE, where)


_FIND = find_signed_in(sessions.c.hash == bindparam("secret_hash"))
_NEWEST = select(*SESSION_COLUMNS).order_by(sessions.c.seen_at.desc(), sessions.c.id)


class SqlSessions:
    """Sessions by the SHA-256 of their secret."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, session: Session, told: Sequence[AuditDraft] = (), *, password_set_at: datetime | None = None
    ) -> None:
        """Stores a new session, durably, and forgets those that have ended.

        Raises NotFound for its user, and Unauthenticated where he may not sign in any more, or his password is not the
        one of ``password_set_at`` any more.
        """

        def write(connection: Connection) -> None:
            hold_user(connection, session.user).require_person()
            if password_set_at is not None:
                _require_password(connection, session.user, to_micros(password_set_at))
            add_session(connection, session)
            append_drafts(connection, told)

        await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)

    async def find(self, secret_hash: str) -> SignedIn | None:
        """The session with that hash and its user with all rights; one that has ended, too: the caller judges."""
        return signed_in(await self._database.fetch(_FIND, {"secret_hash": secret_hash}))

    async def list_sessions(self, user: UserName) -> list[Session]:
        """A user's, the one used last first."""
        wanted = _NEWEST.where(sessions.c.user == user)
        return await self._database.read(lambda connection: [session_of(row) for row in connection.execute(wanted)])

    async def note_seen(self, session_id: str, at: datetime) -> None:
        """The session is used."""
        seen = update(sessions).where(sessions.c.id == session_id).values(seen_at=to_micros(at))
        await self._database.write(lambda connection: connection.execute(seen), deadline=Deadline.REQUEST)

    async def end(self, session_id: str, told: Sequence[AuditDraft] = ()) -> bool:
        """Ends a session with its tokens, durably; False where there is none of that id."""

        def write(connection: Connection) -> bool:
            ended = bool(connection.execute(delete(sessions).where(sessions.c.id == session_id)).rowcount)
            append_drafts(connection, told if ended else ())
            return ended

        return await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)


def _require_password(connection: Connection, user: UserName, set_at: int) -> None:
    found = connection.execute(select(passwords.c.set_at).where(passwords.c.user == user)).scalar_one_or_none()
    if found != set_at:
        raise Unauthenticated("The password was set anew while you signed in: sign in with the new one.")


def signed_in(rows: Sequence[Row[Any]]) -> SignedIn | None:
    """The session of rows that ``find_signed_in`` selects."""
    if not rows:
        return None
    identified = Identified(user_of(rows[0]), rights_of(rows))
    return SignedIn(session_of(rows[0]), identified, must_change_password=bool(rows[0].must_change))


def add_session(connection: Connection, session: Session) -> None:
    """Writes a new session, and forgets those that have ended, within a transaction."""
    made_at = to_micros(session.made_at)
    row = {
        "id": session.id,
        "hash": session.hash,
        "user": session.user,
        "way": session.way,
        "origin": session.origin or session.way,
        "address": session.address,
        "agent": session.agent,
        "made_at": made_at,
        "seen_at": to_micros(session.seen_at),
        "expires_at": to_micros(session.expires_at),
    }
    connection.execute(delete(sessions).where(sessions.c.expires_at <= made_at))
    write_rows(connection, _ADD, [row])


def session_of(row: Row[Any]) -> Session:
    """The session of a row with ``SESSION_COLUMNS``."""
    return Session(
        id=row.session_id,
        hash=row.session_hash,
        user=row.session_user,
        way=row.session_way,
        origin=row.session_origin,
        address=row.session_address,
        agent=row.session_agent,
        made_at=to_time(row.session_made_at),
        seen_at=to_time(row.session_seen_at),
        expires_at=to_time(row.session_expires_at),
    )
