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
    quote = connection.dialect.identifier_preparer.quote
    given = {quote(name): [row[name] for row in rows] for name in rows[0]}
    kinds = {quote(column.name): _kind_of(column.type) for column in table.c}
    # What all rows share is sent once: the driver looks at each element of an array for a while.
    apart = {name for name, values in given.items() if values.count(values[0]) < len(values)} or {next(iter(given))}
    arrays = ", ".join(f"${at}::{kinds[name]}[]" for at, name in enumerate(given, 1) if name in apart)
    chosen = ", ".join(name if name in apart else f"${at}::{kinds[name]}" for at, name in enumerate(given, 1))
    names = ", ".join(name for name in given if name in apart)
    statement = (  # of names of ours
        f"INSERT INTO {quote(table.name)} ({', '.join(given)}) "  # noqa: S608
        f"SELECT {chosen} FROM unnest({arrays}) AS given ({names}) {ending}"
    )
    values = tuple(values if name in apart else values[0] for name, values in given.items())
    return connection.exec_driver_sql(statement, values).rowcount


def _kind_of(kind: TypeEngine[Any]) -> str:
    if isinstance(kind, LargeBinary):
        return "bytea"
    if isinstance(kind, Boolean):
        return "boolean"
    return "bigint" if isinstance(kind, Integer | BigInteger) else "text"
