"""Many rows at once into PostgreSQL: COPY for new ones, and one statement over arrays where some may be there.

A statement run for each row costs the server a message, a plan's start and an index look-up each: three to five times
as much as this for the rows of a replay.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import BigInteger, Boolean, Connection, Integer, LargeBinary, Table
from sqlalchemy.types import TypeEngine
from sqlalchemy.util import await_only

MANY = 50
"""Fewer rows are not worth it."""


def copy_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """COPY in the connection's transaction, which must have begun; says how many rows. Raises the driver's errors."""
    names = list(rows[0])
    take = itemgetter(*names)
    driver: Any = connection.connection.driver_connection
    copied = driver.copy_records_to_table(table.name, records=[take(row) for row in rows], columns=names)
    return int(await_only(copied).removeprefix("COPY "))


def insert_arrays(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], ending: str) -> int:
    """``INSERT … SELECT … FROM unnest`` with an ``ON CONFLICT`` at its end; says how many rows were written.

    No two rows may have the same key where the ending updates.
    """
    names = list(rows[0])
    quote = connection.dialect.identifier_preparer.quote
    arrays = ", ".join(f"${at}::{_array_of(table.c[name].type)}" for at, name in enumerate(names, 1))
    into = f"{quote(table.name)} ({', '.join(map(quote, names))})"
    statement = f"INSERT INTO {into} SELECT * FROM unnest({arrays}) {ending}"  # noqa: S608  (names of ours)
    values = tuple([row[name] for row in rows] for name in names)
    return connection.exec_driver_sql(statement, values).rowcount


def _array_of(kind: TypeEngine[Any]) -> str:
    if isinstance(kind, LargeBinary):
        return "bytea[]"
    if isinstance(kind, Boolean):
        return "boolean[]"
    return "bigint[]" if isinstance(kind, Integer | BigInteger) else "text[]"
