"""What the database has that Git cannot give back, as records (``registry.ports.backups.KeptRecords``)."""

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, func, select

from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.kept_tables import keys, read_counts, users
from registry.adapters.sql.statements import insert_new, write_rows
from registry.domain.backups import KeptRecord, RecordKind
from registry.domain.errors import BadRequest

AT_ONCE = 1000

_TABLES: Mapping[RecordKind, Table] = {
    RecordKind.USER: users,
    RecordKind.KEY: keys,
    RecordKind.READ_COUNT: read_counts,
}
"""In the order in which they can be written."""

_COLUMNS: Mapping[RecordKind, tuple[Column[Any], ...]] = {
    RecordKind.USER: (users.c.user, users.c.name, users.c.email),
    RecordKind.KEY: (users.c.user, *(column for column in keys.columns if column.name != "user_id")),
    RecordKind.READ_COUNT: tuple(read_counts.columns),
}
"""A key's user is told by name: numbers are the database's own affair."""


class SqlKeptRecords:
    """Users, keys and counts of reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def copy(self, take: Callable[[KeptRecord], None]) -> None:
        """Gives every record, all as of one moment. Raises Unavailable."""

        def read(connection: Connection) -> list[KeptRecord]:
            found: list[KeptRecord] = []  # reading is begun again where a connection was lost
            for kind, columns in _COLUMNS.items():
                statement = select(*columns).order_by(*_order(kind))
                if kind is RecordKind.KEY:
                    statement = statement.select_from(keys.join(users, users.c.id == keys.c.user_id))
                found += (KeptRecord(kind, dict(row)) for row in connection.execute(statement).mappings())
            return found

        for record in await self._database.read(read, deadline=Deadline.BATCH):
            take(record)

    async def load(self, records: Iterable[KeptRecord]) -> None:
        """Takes them in the place of those that there are, in one transaction. Raises Unavailable, BadRequest."""
        loaded = list(records)

        def write(connection: Connection) -> None:
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


def _order(kind: RecordKind) -> list[Column[Any]]:
    """Users in the order in which they were made: the first of them is the administrator."""
    return [users.c.id] if kind is RecordKind.USER else list(_TABLES[kind].primary_key)


def _numbers(connection: Connection) -> dict[str, int]:
    return {row.user: row.id for row in connection.execute(select(users.c.user, users.c.id))}


def _row(kind: RecordKind, values: dict[str, Any], numbers: Mapping[str, int]) -> dict[str, Any]:
    """A record as a row. Raises BadRequest for one that does not fit."""
    expected = {column.name for column in _COLUMNS[kind]}
    if set(values) != expected:
        raise BadRequest(f"The archive's records of the kind {kind} have other fields than this version knows.")
    if kind is not RecordKind.KEY:
        return values
    user = values.pop("user")
    if user not in numbers:
        raise BadRequest(f"The archive has a key of {user}, and no such user.")
    return {"user_id": numbers[user], **values}
