"""Statements that write many rows, the same in both dialects: upserts, and one statement run for each row."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Delete, Dialect, Insert, Table, TextClause, Update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import IdentifierPreparer, SQLCompiler

from registry.adapters.sql.postgres_bulk import MANY, copy_rows, insert_arrays


class InsertOr(Insert):
    """An insert that says what becomes of a row of the same primary key; run by ``write_rows`` only.

    SQLAlchemy has one such class for each dialect, though both databases read the same words.
    """

    inherit_cache = False

    def __init__(self, table: Table, changed: Sequence[str], *, add: bool = False) -> None:
        super().__init__(table)
        self.changed = changed
        self.add = add
        self._inline = True  # nobody asks for the key that the database gave


@compiles(InsertOr)
def _compile(statement: InsertOr, compiler: SQLCompiler, **how: Any) -> str:
    written = compiler.visit_insert(statement, **how)  # type: ignore[no-untyped-call]  # it has no types
    return f"{written} {_ending(statement, compiler.preparer)}"


def _ending(statement: InsertOr, preparer: IdentifierPreparer) -> str:
    table: Any = statement.table
    quote = preparer.quote
    if not statement.changed:
        return "ON CONFLICT DO NOTHING"
    own = f"{quote(table.name)}." if statement.add else ""
    new = [
        f"{quote(name)} = {own}{quote(name)} + excluded.{quote(name)}"
        if statement.add
        else f"{quote(name)} = excluded.{quote(name)}"
        for name in statement.changed
    ]
    key = ", ".join(quote(column.name) for column in table.primary_key)
    return f"ON CONFLICT ({key}) DO UPDATE SET {', '.join(new)}"


def upsert(table: Table) -> Insert:
    """An insert that replaces the row of the same primary key."""
    return InsertOr(table, [column.name for column in table.columns if not column.primary_key])


def add_up(table: Table, column: str) -> Insert:
    """An insert that adds the column to that of the row of the same primary key."""
    return InsertOr(table, [column], add=True)


def insert_new(table: Table) -> Insert:
    """An insert that leaves the row of the same primary key, or of another unique one, as it is."""
    return InsertOr(table, [])


def write_rows(
    connection: Connection, statement: Insert | Update | Delete | TextClause, rows: Sequence[Mapping[str, Any]]
) -> int:
    """Runs a statement for each row; every row has the same keys, and values that the driver takes as they are.

    The driver gets ready tuples: SQLAlchemy's own handling of each row's parameters takes longer than SQLite's insert.
    For a single row it says how many rows changed; for more it may say -1.
    """
    if not rows:
        return 0
    if len(rows) >= MANY and isinstance(statement, Insert) and connection.dialect.name == "postgresql":
        table: Any = statement.table
        if not isinstance(statement, InsertOr):
            return copy_rows(connection, table, rows)
        if not statement.changed or _are_apart(rows, [column.name for column in table.primary_key]):
            ending = _ending(statement, connection.dialect.identifier_preparer)
            return insert_arrays(connection, table, rows, ending)
    sql, names = _compiled(statement, tuple(rows[0]), connection.dialect)
    take = itemgetter(*names)
    if len(rows) == 1:
        return connection.exec_driver_sql(sql, take(rows[0])).rowcount
    return connection.exec_driver_sql(sql, [take(row) for row in rows]).rowcount


def _are_apart(rows: Sequence[Mapping[str, Any]], key: Sequence[str]) -> bool:
    """Whether each row has a key of its own: one statement cannot update a row twice."""
    take = itemgetter(*key)
    return len({take(row) for row in rows}) == len(rows)


@lru_cache(maxsize=64)
def _compiled(statement: Any, keys: tuple[str, ...], dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    """The SQL of a statement and the names of its parameters in order; every row has two columns or more."""
    compiled = statement.compile(dialect=dialect, column_keys=list(keys))
    return str(compiled), tuple(compiled.positiontup or ())
