"""Where SQLite and PostgreSQL differ: upserts, lists as one parameter, ids ahead of inserts, and likeness of names.

Today only SQLite's side stands here; the other joins with the server tier, and no other file has to know.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Dialect,
    Table,
    TextClause,
    Update,
    bindparam,
    func,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects.sqlite import Insert, insert

from registry.domain.korean import jamo

__all__ = [
    "add_names",
    "add_up",
    "create_names",
    "in_transaction",
    "insert",
    "insert_new",
    "list_value",
    "names_like",
    "next_id",
    "one_of",
    "remove_names",
    "savepoint",
    "upsert",
    "write_rows",
]

NAMES_TABLE = "template_names"
"""The full-text table of names, by the ids of ``templates``; jamo in trigrams."""


def upsert(table: Table) -> Insert:
    """An insert that replaces the row of the same primary key."""
    statement = insert(table)
    key = {column.name for column in table.primary_key}
    changed = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in key}
    return statement.on_conflict_do_update(index_elements=sorted(key), set_=changed)


def add_up(table: Table, column: str) -> Insert:
    """An insert that adds the column to that of the row of the same primary key."""
    statement = insert(table)
    key = sorted(column.name for column in table.primary_key)
    return statement.on_conflict_do_update(
        index_elements=key, set_={column: table.c[column] + statement.excluded[column]}
    )


def insert_new(table: Table) -> Insert:
    """An insert that leaves the row of the same primary key as it is."""
    return insert(table).on_conflict_do_nothing()


def write_rows(
    connection: Connection, statement: Insert | Update | Delete | TextClause, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Runs a statement for each row; every row has the same keys, and values that the driver takes as they are.

    The driver gets ready tuples: SQLAlchemy's own handling of each row's parameters takes longer than SQLite's insert.
    """
    if rows:
        sql, names = _compiled(statement, tuple(rows[0]), connection.dialect)
        take = itemgetter(*names)
        connection.exec_driver_sql(sql, [take(row) for row in rows])


@lru_cache(maxsize=64)
def _compiled(statement: Any, keys: tuple[str, ...], dialect: Dialect) -> tuple[str, tuple[str, ...]]:
    """The SQL of a statement and the names of its parameters in order; every row has two columns or more."""
    compiled = statement.compile(dialect=dialect, column_keys=list(keys))
    return str(compiled), tuple(compiled.positiontup or ())


def one_of(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """Whether a text or integer column is in a list, which is one parameter (``list_value``) however long it is."""
    return column.in_(select(literal_column("value")).select_from(func.json_each(bindparam(parameter))))


def list_value(values: Iterable[str | int]) -> str:
    """The value for the parameter of ``one_of``."""
    return orjson.dumps(list(values)).decode()


def next_id(connection: Connection, table: Table) -> int:
    """The first free id of a table. The transaction holds the writer's lock, so the ids from it on are ours."""
    return int(connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()) + 1


@contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Undoes what was written within where that raises. SQLAlchemy's own compiles its statements anew each time."""
    connection.exec_driver_sql("SAVEPOINT here")
    try:
        yield
        connection.exec_driver_sql("RELEASE here")
    except BaseException:
        if in_transaction(connection):
            connection.exec_driver_sql("ROLLBACK TO here")
            connection.exec_driver_sql("RELEASE here")
        raise


def in_transaction(connection: Connection) -> bool:
    """Whether the transaction still stands: SQLite itself undoes it where the disk is full or cannot be written."""
    driver: Any = connection.connection.driver_connection
    return bool(driver.in_transaction)


def create_names(connection: Connection) -> None:
    """Makes the full-text table of names."""
    connection.execute(
        text(f"CREATE VIRTUAL TABLE {NAMES_TABLE} USING fts5(name, tokenize='trigram case_sensitive 1')")
    )


_ADD_NAME = text(f"INSERT INTO {NAMES_TABLE}(rowid, name) VALUES (:id, :name)")  # noqa: S608  (a constant)
_REMOVE_NAMES = text(
    f"DELETE FROM {NAMES_TABLE} WHERE rowid IN (SELECT value FROM json_each(:ids))"  # noqa: S608  (a constant)
)
_NAMES_LIKE = text(
    f"SELECT t.name FROM (SELECT rowid AS id FROM {NAMES_TABLE} WHERE {NAMES_TABLE} MATCH :pieces "  # noqa: S608  (constant)
    "LIMIT :limit * 4) AS n CROSS JOIN templates AS t ON t.id = n.id "
    "WHERE t.build_id = :build AND NOT t.deleted LIMIT :limit"
)


def add_names(connection: Connection, names: Sequence[tuple[int, str]]) -> None:
    """Makes new names findable."""
    write_rows(connection, _ADD_NAME, [{"id": number, "name": jamo(name)} for number, name in names])


def remove_names(connection: Connection, ids: Sequence[int]) -> None:
    """Forgets names."""
    connection.execute(_REMOVE_NAMES, {"ids": list_value(ids)})


def names_like(connection: Connection, build: int, pieces: Sequence[str], limit: int) -> list[str]:
    """At most ``limit`` names of templates, not deleted, that hold one of the pieces (three letters or more)."""
    quoted = " OR ".join('"' + jamo(piece).replace('"', '""') + '"' for piece in pieces if len(jamo(piece)) >= 3)
    if not quoted:
        return []
    found = connection.execute(_NAMES_LIKE, {"pieces": quoted, "build": build, "limit": limit})
    return [row.name for row in found]
