"""Users and API keys (``registry.ports.accounts``): what no other place holds, so every write waits for the disk."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, or_, select, update

from registry.adapters.sql.audit_log import append_drafts
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.grants import USER_COLUMNS, rights_of, user_of, with_rights
from registry.adapters.sql.kept_tables import keys, users
from registry.adapters.sql.sign_in_tables import links
from registry.adapters.sql.statements import insert_new, write_rows
from registry.adapters.sql.told_writes import write_told
from registry.adapters.sql.values import from_json, to_json, to_micros, to_time
from registry.domain.access import ApiKey, Identified, User
from registry.domain.audit import AuditDraft
from registry.domain.errors import Conflict, NotFound
from registry.domain.ids import RepositoryName, UserName
from registry.domain.rights import SERVER, Place
from registry.domain.roles import Scope

_USERS: Select[Any] = select(users.c.id, *USER_COLUMNS)
_FIND_USER = _USERS.where(users.c.user == bindparam("wanted"))
_FIRST_USER = _USERS.order_by(users.c.id).limit(1)
_KEYS = select(keys, users.c.user).join(users, users.c.id == keys.c.user_id)
_FIND_KEY = with_rights(
    tuple(keys.columns), keys.join(users, keys.c.user_id == users.c.id), keys.c.hash == bindparam("secret_hash")
)
_ADD_USER, _ADD_KEY = insert_new(users), insert_new(keys)
_NEWEST = _KEYS.order_by(keys.c.created_at.desc(), keys.c.id)
_USED = (
    update(keys)
    .where(keys.c.id == bindparam("wanted"), or_(keys.c.used_at.is_(None), keys.c.used_at < bindparam("used")))
    .values(used_at=bindparam("used"))
)


def _key_of(row: Row[Any]) -> ApiKey:
    return ApiKey(
        id=row.id,
        user=row.user,
        scope=Scope(row.scope),
        hash=row.hash,
        created_at=to_time(row.created_at),
        expires_at=to_time(row.expires_at) if row.expires_at is not None else None,
        revoked_at=to_time(row.revoked_at) if row.revoked_at is not None else None,
        note=row.note,
        places=_from_places(row.places),
        used_at=to_time(row.used_at) if row.used_at is not None else None,
    )


def _to_places(places: Sequence[Place]) -> str | None:
    """Pairs of repository and folder as JSON; null for the server."""
    return None if SERVER in places else to_json([[place.repository, place.folder] for place in places])


def _from_places(text: str | None) -> tuple[Place, ...]:
    pairs = from_json(text)
    return (SERVER,) if pairs is None else tuple(Place(RepositoryName(name), folder) for name, folder in pairs)


class SqlUsers:
    """People and programs with a name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, user: UserName) -> User | None:
        """The user of that name."""

        def read(connection: Connection) -> User | None:
            row = connection.execute(_FIND_USER, {"wanted": user}).one_or_none()
            return user_of(row) if row is not None else None

        return await self._database.read(read)

    async def first(self) -> User | None:
        """The first administrator: the user that was made first."""

        def read(connection: Connection) -> User | None:
            row = connection.execute(_FIRST_USER).one_or_none()
            return user_of(row) if row is not None else None

        return await self._database.read(read)

    async def list_users(self) -> list[User]:
        """All users, by name."""
        statement = _USERS.order_by(users.c.user)
        return await self._database.read(lambda connection: [user_of(row) for row in connection.execute(statement)])

    async def put(self, user: User, told: Sequence[AuditDraft] = ()) -> None:
        """Adds or changes a user, durably. Raises Conflict for who is disabled and the last administrator."""
        new = {
            "name": user.name,
            "email": user.email,
            "is_service": user.is_service,
            "disabled_at": to_micros(user.disabled_at) if user.disabled_at is not None else None,
        }

        def write(connection: Connection) -> None:
            # Two processes may add the same one: then one of the inserts does nothing, and both update.
            write_rows(connection, _ADD_USER, [{"user": user.user, **new}])
            # What was mailed to another address, or before the user was disabled, opens nothing any more.
            moved = select(users.c.user).where(users.c.user == user.user, users.c.email != user.email)
            ends = links.c.user == user.user if user.disabled_at is not None else links.c.user.in_(moved)
            connection.execute(delete(links).where(ends))
            connection.execute(update(users).where(users.c.user == user.user).values(new))

        await write_told(self._database, write, told, lambda _: True)

    async def remove(self, user: UserName, told: Sequence[AuditDraft] = ()) -> bool:
        """Removes a user with all that is his, durably; False where there is none of that name. Raises Conflict."""
        mine = select(users.c.id).where(users.c.user == user).scalar_subquery()

        def write(connection: Connection) -> bool:
            connection.execute(delete(keys).where(keys.c.user_id == mine))
            return bool(connection.execute(delete(users).where(users.c.user == user)).rowcount)

        return await write_told(self._database, write, told)


class SqlKeys:
    """API keys by the SHA-256 of their secret."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey, told: Sequence[AuditDraft] = ()) -> None:
        """Stores a new key, durably. Raises NotFound where its user is unknown, Conflict where the key exists."""
        row = {
            "id": key.id,
            "scope": str(key.scope),
            "hash": key.hash,
            "created_at": to_micros(key.created_at),
            "expires_at": to_micros(key.expires_at) if key.expires_at is not None else None,
            "revoked_at": to_micros(key.revoked_at) if key.revoked_at is not None else None,
            "note": key.note,
            "places": _to_places(key.places),
            "used_at": None,
        }

        def write(connection: Connection) -> None:
            user = connection.execute(_FIND_USER, {"wanted": key.user}).one_or_none()
            if user is None:
                raise NotFound(f"There is no user {key.user}.")
            if not write_rows(connection, _ADD_KEY, [{"user_id": user.id, **row}]):
                raise Conflict(f"The key {key.id} exists.")
            append_drafts(connection, told)

        await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)

    async def find(self, secret_hash: str) -> tuple[ApiKey, Identified] | None:
        """The key with that hash and its user with all rights; expired and revoked ones too: the caller judges."""
        rows = await self._database.fetch(_FIND_KEY, {"secret_hash": secret_hash})
        return (_key_of(rows[0]), Identified(user_of(rows[0]), rights_of(rows))) if rows else None

    async def list_keys(self, user: UserName | None = None) -> list[ApiKey]:
        """All keys, or one user's, newest first."""
        statement = _NEWEST if user is None else _NEWEST.where(users.c.user == user)
        return await self._database.read(lambda connection: [_key_of(row) for row in connection.execute(statement)])

    async def revoke(self, key_id: str, at: datetime, told: Sequence[AuditDraft] = ()) -> bool:
        """Revokes a key, durably; False where there is none of that id. Revoked again it keeps its first time."""

        def write(connection: Connection) -> bool:
            mine = keys.c.id == key_id
            revoked = update(keys).where(mine, keys.c.revoked_at.is_(None)).values(revoked_at=to_micros(at))
            if connection.execute(revoked).rowcount:
                append_drafts(connection, told)
            return connection.execute(select(keys.c.id).where(mine)).first() is not None

        return await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)

    async def expire(self, key_id: str, at: datetime, told: Sequence[AuditDraft] = ()) -> ApiKey | None:
        """Has a key end at a time, if it does not before, durably; None where there is none of that id."""
        mine = keys.c.id == key_id
        sooner = or_(keys.c.expires_at.is_(None), keys.c.expires_at > to_micros(at))

        def write(connection: Connection) -> ApiKey | None:
            if connection.execute(update(keys).where(mine, sooner).values(expires_at=to_micros(at))).rowcount:
                append_drafts(connection, told)
            row = connection.execute(_KEYS.where(mine)).one_or_none()
            return _key_of(row) if row is not None else None

        return await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)

    async def note_uses(self, uses: Mapping[str, datetime]) -> None:
        """When keys were used last, by their ids; an earlier time than is known already changes nothing."""
        rows = [{"used": to_micros(at), "wanted": key_id} for key_id, at in sorted(uses.items())]
        if rows:
            await self._database.write(lambda connection: connection.execute(_USED, rows), deadline=Deadline.REQUEST)
