"""Whose identities are (``registry.ports.identity_providers``): every write waits for the disk."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select, update

from registry.adapters.sql.audit_log import append_drafts
from registry.adapters.sql.dialect import in_turn
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.grants import USER_COLUMNS, user_of
from registry.adapters.sql.kept_tables import users
from registry.adapters.sql.passwords import require_user
from registry.adapters.sql.sign_in_tables import identities
from registry.adapters.sql.statements import insert_new, write_rows
from registry.adapters.sql.values import to_micros, to_time
from registry.domain.access import User
from registry.domain.audit import AuditDraft
from registry.domain.errors import Conflict
from registry.domain.ids import ProviderName
from registry.domain.sign_in import Identity

_ADD_USER, _ADD_IDENTITY = insert_new(users), insert_new(identities)
_COLUMNS = (*(column.label(f"identity_{column.name}") for column in identities.columns), *USER_COLUMNS)
_WITH_USERS = select(*_COLUMNS).select_from(identities.join(users, users.c.user == identities.c.user))


class SqlProviderAccounts:
    """Identities with their users."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, provider: ProviderName, subject: str) -> tuple[Identity, User] | None:
        """The identity of that id at a provider, with its user."""
        wanted = _WITH_USERS.where(identities.c.provider == provider, identities.c.subject == subject)
        row = await self._database.read(lambda connection: connection.execute(wanted).one_or_none())
        return (_identity_of(row), user_of(row)) if row is not None else None

    async def find_by_email(self, email: str) -> list[User]:
        """Users with that address, whatever the case of its letters."""
        wanted: Select[Any] = select(*USER_COLUMNS).where(_has_email(email)).order_by(users.c.user)
        return await self._database.read(lambda connection: [user_of(row) for row in connection.execute(wanted)])

    async def add(self, identity: Identity, user: User, told: Sequence[AuditDraft] = ()) -> bool:
        """Makes a user and his identity, durably; False where his name or address is another user's by now."""
        row = {"user": user.user, "name": user.name, "email": user.email, "is_service": False}

        def write(connection: Connection) -> bool:
            in_turn(connection)  # who looks now sees what others have just made
            same = or_(func.lower(users.c.user) == user.user.lower(), _has_email(user.email))
            if connection.execute(select(users.c.id).where(same)).first() is not None:
                return False
            write_rows(connection, _ADD_USER, [row])
            _add(connection, identity)
            append_drafts(connection, told)
            return True

        return await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)

    async def link(self, identity: Identity, told: Sequence[AuditDraft] = ()) -> None:
        """Gives a user an identity, durably. Raises NotFound, Conflict."""

        def write(connection: Connection) -> None:
            require_user(connection, identity.user)
            _add(connection, identity)
            append_drafts(connection, told)

        await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)

    async def note_sign_in(self, identity: Identity, user: User, told: Sequence[AuditDraft] = ()) -> None:
        """Stores what a sign-in said of an identity and its user, durably. Raises Conflict."""
        mine = identities.c.provider == identity.provider, identities.c.subject == identity.subject
        seen = update(identities).where(*mine).values(email=identity.email, seen_at=to_micros(identity.seen_at))
        named = update(users).where(users.c.user == user.user).values(name=user.name, email=user.email)

        def write(connection: Connection) -> None:
            in_turn(connection)
            taken = select(users.c.id).where(_has_email(user.email), users.c.user != user.user)
            if told and connection.execute(taken).first() is not None:
                raise Conflict("Somebody else has taken your e-mail address this moment: sign in again.")
            connection.execute(seen)
            if told:
                connection.execute(named)
            append_drafts(connection, told)

        await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)


def _has_email(email: str) -> ColumnElement[bool]:
    return func.lower(users.c.email) == email.lower()


def _add(connection: Connection, identity: Identity) -> None:
    row = {
        "provider": identity.provider,
        "subject": identity.subject,
        "user": identity.user,
        "email": identity.email,
        "made_at": to_micros(identity.made_at),
        "seen_at": to_micros(identity.seen_at),
    }
    if not write_rows(connection, _ADD_IDENTITY, [row]):
        raise Conflict("You have signed in twice at the same moment: sign in again.")


def _identity_of(row: Row[Any]) -> Identity:
    return Identity(
        row.identity_provider,
        row.identity_subject,
        row.identity_user,
        row.identity_email,
        to_time(row.identity_made_at),
        to_time(row.identity_seen_at),
    )
