"""Users and API keys (``registry.ports.accounts``): what no other place holds, so every write waits for the disk."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, delete, or_, select, update

from registry.adapters.sql.audit_log import append_drafts
from registry.adapters.sql.dialect import in_turn
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.grants import USER_COLUMNS, rights_of, take_grants, user_of, with_rights
from registry.adapters.sql.kept_tables import grants, keys, users
from registry.adapters.sql.sign_in_tables import links, sessions
from registry.adapters.sql.statements import insert_new, write_rows
from registry.adapters.sql.told_writes import write_told
from registry.adapters.sql.values import from_json, to_json, to_micros, to_time
from registry.domain.access import ApiKey, Identified, User
from registry.domain.audit import AuditDraft
from registry.domain.errors import Conflict, NotFound, Unauthenticated
from registry.domain.ids import RepositoryName, UserName
from registry.domain.rights import SERVER, Place
from registry.domain.roles import Scope
from registry.ports.accounts import Lost

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
        made_by=row.made_by,
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
        """Adds or changes a user, durably; all sessions end of who may not sign in any more.

        Raises Conflict for who is disabled and the last administrator.
        """
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
            if not user.may_sign_in:  # else they would be there again when he may; those just begun wait for the update
                connection.execute(delete(sessions).where(sessions.c.user == user.user))

        await write_told(self._database, write, told, lambda _: True)

    async def remove(
        self, user: UserName, at: datetime, told: Callable[[Lost], Sequence[AuditDraft]] = lambda _: ()
    ) -> bool:
        """Removes a user with all that is his, durably; False where there is none of that name. Raises Conflict."""
        held = select(users.c.id).where(users.c.user == user).with_for_update()

        def write(connection: Connection) -> bool:
            known = connection.execute(held).one_or_none()
            if known is None:
                return False
            mine = keys.c.user_id == known.id
            lost = Lost(take_grants(connection, grants.c.user == user), _revoke(connection, mine, at))
            connection.execute(delete(keys).where(mine))
            connection.execute(delete(users).where(users.c.user == user))
            append_drafts(connection, told(lost))
            return True

        return await write_told(self._database, write, ())


class SqlKeys:
    """API keys by the SHA-256 of their secret."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey, told: Sequence[AuditDraft] = ()) -> None:
        """Stores a new key, durably.

        Raises NotFound where its user is unknown, Conflict where the key exists, Unauthenticated where the key that
        made it was revoked meanwhile.
        """
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
            "made_by": key.made_by,
        }

        def write(connection: Connection) -> None:
            user = connection.execute(_FIND_USER, {"wanted": key.user}).one_or_none()
            if user is None:
                raise NotFound(f"There is no user {key.user}.")
            if not write_rows(connection, _ADD_KEY, [{"user_id": user.id, **row}]):
                raise Conflict(f"The key {key.id} exists.")
            if key.made_by is not None:
                _require_held(connection, key.made_by)
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

    async def revoke(
        self, key_id: str, at: datetime, told: Callable[[ApiKey], AuditDraft] | None = None
    ) -> list[ApiKey] | None:
        """Revokes a key and all that came of it, durably; None where there is none of that id.

        Those that it revoked, as they were; what was revoked before keeps its first time.
        """

        def write(connection: Connection) -> list[ApiKey] | None:
            mine = keys.c.id == key_id
            if connection.execute(select(keys.c.id).where(mine)).first() is None:
                return None
            revoked = _revoke(connection, mine, at)
            append_drafts(connection, list(map(told, revoked)) if told is not None else ())
            return revoked

        return await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)

    async def expire(
        self, key_id: str, at: datetime, told: Sequence[AuditDraft] = (), *, successor: str | None = None
    ) -> ApiKey | None:
        """Has a key end at a time, if it does not before, durably; None where there is none of that id.

        What the key made is from now on what its ``successor`` made, where there is one.
        """
        mine = keys.c.id == key_id
        sooner = or_(keys.c.expires_at.is_(None), keys.c.expires_at > to_micros(at))
        inherited = update(keys).where(keys.c.made_by == key_id, keys.c.id != successor).values(made_by=successor)

        def write(connection: Connection) -> ApiKey | None:
            in_turn(connection)
            connection.execute(update(keys).where(mine, sooner).values(expires_at=to_micros(at)))
            row = connection.execute(_KEYS.where(mine)).one_or_none()
            if row is None:
                return None
            if successor is not None:
                connection.execute(inherited)
            append_drafts(connection, told)
            return _key_of(row)

        return await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.REQUEST)

    async def note_uses(self, uses: Mapping[str, datetime]) -> None:
        """When keys were used last, by their ids; an earlier time than is known already changes nothing."""
        rows = [{"used": to_micros(at), "wanted": key_id} for key_id, at in sorted(uses.items())]
        if rows:
            await self._database.write(lambda connection: connection.execute(_USED, rows), deadline=Deadline.REQUEST)


def _revoke(connection: Connection, which: ColumnElement[bool], at: datetime) -> list[ApiKey]:
    """Revokes keys and all that came of them; those that were not revoked before, as they were."""
    in_turn(connection)  # what is being made by one of them just now is there then, or finds it revoked
    came = select(keys.c.id).where(which).cte("came", recursive=True)
    came = came.union(select(keys.c.id).where(keys.c.made_by == came.c.id))
    held = keys.c.id.in_(select(came.c.id)), keys.c.revoked_at.is_(None)
    found = [_key_of(row) for row in connection.execute(_NEWEST.where(*held))]
    connection.execute(update(keys).where(*held).values(revoked_at=to_micros(at)))
    return found


def _require_held(connection: Connection, key_id: str) -> None:
    """Raises Unauthenticated for a key that was revoked, or whose user was removed: it makes no other any more."""
    in_turn(connection)
    held = select(keys.c.id).where(keys.c.id == key_id, keys.c.revoked_at.is_(None))
    if connection.execute(held).first() is None:
        raise Unauthenticated(f"The API key {key_id} was revoked.")
