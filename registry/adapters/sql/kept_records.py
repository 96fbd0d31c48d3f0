"""What the database has that Git cannot give back, as records (``registry.ports.backups.KeptRecords``)."""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import Column, Connection, Table, bindparam, delete, func, select

from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.kept_tables import (
    audit_entries,
    audit_marks,
    grants,
    group_members,
    groups,
    keys,
    pushers,
    read_counts,
    users,
)
from registry.adapters.sql.sign_in_tables import identities, passwords, providers
from registry.adapters.sql.statements import insert_new, upsert, write_rows
from registry.domain.backups import KeptRecord, RecordKind
from registry.domain.errors import BadRequest
from registry.domain.roles import Scope

AT_ONCE = 1000

_TABLES: Mapping[RecordKind, Table] = {
    RecordKind.USER: users,
    RecordKind.GROUP: groups,
    RecordKind.MEMBER: group_members,
    RecordKind.GRANT: grants,
    RecordKind.KEY: keys,
    RecordKind.PASSWORD: passwords,
    RecordKind.PROVIDER: providers,
    RecordKind.IDENTITY: identities,
    RecordKind.READ_COUNT: read_counts,
    RecordKind.PUSHER: pushers,
    RecordKind.AUDIT_MARK: audit_marks,
    RecordKind.AUDIT_ENTRY: audit_entries,
}
"""In the order in which they can be written."""

_COLUMNS: Mapping[RecordKind, tuple[Column[Any], ...]] = {
    RecordKind.USER: tuple(column for column in users.columns if column.name != "id"),
    RecordKind.GROUP: tuple(groups.columns),
    RecordKind.MEMBER: tuple(group_members.columns),
    RecordKind.GRANT: tuple(grants.columns),
    RecordKind.KEY: (users.c.user, *(column for column in keys.columns if column.name != "user_id")),
    RecordKind.PASSWORD: tuple(passwords.columns),
    RecordKind.PROVIDER: tuple(providers.columns),
    RecordKind.IDENTITY: tuple(identities.columns),
    RecordKind.READ_COUNT: tuple(read_counts.columns),
    RecordKind.PUSHER: tuple(pushers.columns),
    RecordKind.AUDIT_MARK: tuple(audit_marks.columns),
    RecordKind.AUDIT_ENTRY: tuple(audit_entries.columns),
}
"""A key's user is told by name: numbers are the database's own affair."""

_ADDED: Mapping[RecordKind, Mapping[str, Any]] = {
    RecordKind.USER: {"is_service": False, "disabled_at": None},
    RecordKind.KEY: {"places": None, "used_at": None, "made_by": None},
}
"""What records of earlier versions lack."""

_ENTRIES = (
    select(audit_entries)
    .where(audit_entries.c.number > bindparam("behind"), audit_entries.c.number <= bindparam("end"))
    .order_by(audit_entries.c.number)
    .limit(AT_ONCE)
)
_RELEASE = {
    "mark": "pruned",
    "number": 2**63 - 1,
    **dict.fromkeys(("hash", "key_id", "public_key", "signature"), ""),
    "at": 0,
}
"""The mark under which all entries may be removed; it goes with them."""


class SqlKeptRecords:
    """Users with their groups, roles, keys and what they sign in with, counts of reads, who pushed, and the audit.

    Sessions and what belongs to them are not kept: whoever was signed out since would be in again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def copy(self, take: Callable[[KeptRecord], None]) -> None:
        """Gives every record, all as of one moment. Raises Unavailable."""

        def read(connection: Connection) -> list[KeptRecord]:
            found: list[KeptRecord] = []  # reading is begun again where a connection was lost
            for kind, columns in _COLUMNS.items():
                if kind is RecordKind.AUDIT_ENTRY:
                    continue
                statement = select(*columns).order_by(*_order(kind))
                if kind is RecordKind.KEY:
                    statement = statement.select_from(keys.join(users, users.c.id == keys.c.user_id))
                found += (KeptRecord(kind, dict(row)) for row in connection.execute(statement).mappings())
            return found

        end = await self._database.read(_newest_entry, deadline=Deadline.BATCH)
        for record in await self._database.read(read, deadline=Deadline.BATCH):
            take(record)
        await self._copy_entries(end, take)

    async def _copy_entries(self, end: int, take: Callable[[KeptRecord], None]) -> None:
        """The audit in pieces, for it may be long: an entry never changes, so these are as of one moment, too."""
        number = 0
        while number < end:
            wanted = {"behind": number, "end": end}
            rows = await self._database.read(
                lambda connection, wanted=wanted: connection.execute(_ENTRIES, wanted).mappings().all(),  # type: ignore[misc]
                deadline=Deadline.BATCH,
            )
            for row in rows:
                take(KeptRecord(RecordKind.AUDIT_ENTRY, dict(row)))
            number = rows[-1]["number"] if rows else end

    async def load(self, records: Iterable[KeptRecord]) -> None:
        """Takes them in the place of those that there are, in one transaction. Raises Unavailable, BadRequest."""
        loaded = list(records)
        if not any(record.kind is RecordKind.GRANT for record in loaded):
            loaded += granted_by_scopes(loaded)

        def write(connection: Connection) -> None:
            write_rows(connection, upsert(audit_marks), [_RELEASE])
            for table in reversed(list(_TABLES.values())):
                connection.execute(delete(table))
            for kind, table in _TABLES.items():
                rows = iter([dict(record.values) for record in loaded if record.kind is kind])
                numbers = _numbers(connection) if kind is RecordKind.KEY else {}
                while some := list(islice(rows, AT_ONCE)):
                    write_rows(connection, insert_new(table), [_row(kind, row, numbers) for row in some])

        await self._database.write(write, durability=Durability.KEPT, deadline=Deadline.BATCH)

    async def count(self) -> int:
        """How many records there are. Raises Unavailable."""

        def read(connection: Connection) -> int:
            return sum(connection.execute(select(func.count()).select_from(t)).scalar_one() for t in _TABLES.values())

        return await self._database.read(read, deadline=Deadline.BATCH)


def granted_by_scopes(records: Iterable[KeptRecord]) -> list[KeptRecord]:
    """The grants of an archive from before roles: the widest scope of a user's keys said what he may do."""
    now = int(time.time() * 1_000_000)
    scopes: dict[str, Scope] = {}
    for record in records:
        if record.kind is RecordKind.KEY and _holds(record, now):
            user, scope = str(record.values["user"]), Scope(str(record.values["scope"]))
            scopes[user] = max(scope, scopes.get(user, scope), key=lambda each: each.ceiling.rank)
    grant = {"group": None, "repository": "", "folder": "", "made_at": now}
    return [
        KeptRecord(
            RecordKind.GRANT,
            {"id": secrets.token_hex(6), "user": user, "role": scope.ceiling.value, "made_by": user, **grant},
        )
        for user, scope in scopes.items()
    ]


def _holds(record: KeptRecord, now: int) -> bool:
    """Whether a key was neither revoked nor has ended."""
    ends = record.values["expires_at"]
    return record.values["revoked_at"] is None and (ends is None or int(ends) > now)


def _newest_entry(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(audit_entries.c.number), 0))).scalar_one())


def _order(kind: RecordKind) -> list[Column[Any]]:
    """Users in the order in which they were made: the first of them is the administrator."""
    return [users.c.id] if kind is RecordKind.USER else list(_TABLES[kind].primary_key)


def _numbers(connection: Connection) -> dict[str, int]:
    return {row.user: row.id for row in connection.execute(select(users.c.user, users.c.id))}


def _row(kind: RecordKind, values: dict[str, Any], numbers: Mapping[str, int]) -> dict[str, Any]:
    """A record as a row. Raises BadRequest for one that does not fit."""
    values = {**_ADDED.get(kind, {}), **values}
    expected = {column.name for column in _COLUMNS[kind]}
    if set(values) != expected:
        raise BadRequest(f"The archive's records of the kind {kind} have other fields than this version knows.")
    if kind is not RecordKind.KEY:
        return values
    user = values.pop("user")
    if user not in numbers:
        raise BadRequest(f"The archive has a key of {user}, and no such user.")
    return {"user_id": numbers[user], **values}
