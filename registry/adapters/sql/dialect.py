"""Where SQLite and PostgreSQL differ: lists as one parameter, new ids, savepoints, sweeping, likeness of names, news.

Types of columns are in ``column_types``; connections, transactions and errors in the two engines.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Table,
    TableValuedAlias,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
    table,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from registry.adapters.sql.column_types import ID, WORDS, ListOf
from registry.adapters.sql.statements import write_rows
from registry.domain.korean import jamo

NAMES_TABLE = "template_names"
"""The full text of names in jamo, by the ids of ``templates`` (``rowid``): FTS5, or a table with a trigram index."""


OF_HEX = "bytes_of_hex"
"""A function that SQLite's connections are given: its own ``unhex`` came with 3.41."""

_NAMES_INDEX = f"ix_{NAMES_TABLE}_name"

PROJECTED = "promptuary_projected"
"""The channel on which a transaction tells ``<repository> <commit>`` of a batch that readers can see then."""

FED = "promptuary_fed"
"""The channel on which is told of which repository something has reached a search index."""


_AUDIT_LOCK = 0x70726F61
_AUDIT_TURN = text("SELECT pg_advisory_xact_lock(:key)")


def _is_postgres(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


class _OneOf(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True
    _is_implicitly_boolean = True  # else "= 1" behind it, which no index answers


@compiles(_OneOf, "sqlite")
def _in_sqlite(element: _OneOf, compiler: SQLCompiler, **how: Any) -> str:
    column, values = element.clauses
    value = f"{OF_HEX}(value)" if isinstance(values.type, ListOf) and values.type.is_bytes else "value"
    return f"{compiler.process(column, **how)} IN (SELECT {value} FROM json_each({compiler.process(values, **how)}))"  # noqa: S608  (parts that were compiled)


@compiles(_OneOf)
def _in_postgres(element: _OneOf, compiler: SQLCompiler, **how: Any) -> str:
    column, values = element.clauses
    return f"{compiler.process(column, **how)} = ANY ({compiler.process(values, **how)})"


def one_of(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """Whether a column of text, integers or bytes is in a list, which is one parameter however long it is."""
    return _OneOf(column, bindparam(parameter, type_=ListOf(column.type)))


def each_of(parameter: str) -> TableValuedAlias:
    """A list of words, which is one parameter, as rows with a ``name`` each. On PostgreSQL alone."""
    return func.unnest(bindparam(parameter, type_=ListOf(WORDS))).table_valued(column("name", WORDS), name="wanted")


class _InClosure(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True
    _is_implicitly_boolean = True


@compiles(_InClosure, "sqlite")
def _closure_in_sqlite(element: _InClosure, compiler: SQLCompiler, **how: Any) -> str:
    column, pairs, own = (compiler.process(each, **how) for each in element.clauses)
    alone = f"json_array(json_array(NULL, hex({own})))"
    member = "json_extract(value, '$[1]')"
    every = f"SELECT {OF_HEX}({member}) FROM json_each(coalesce({pairs}, {alone})) WHERE {member} IS NOT NULL"  # noqa: S608  (parts that were compiled)
    return f"{column} IN ({every})"


@compiles(_InClosure)
def _closure_in_postgres(element: _InClosure, compiler: SQLCompiler, **how: Any) -> str:
    column, pairs, own = (compiler.process(each, **how) for each in element.clauses)
    every = f"ARRAY(SELECT decode(pair ->> 1, 'hex') FROM json_array_elements(CAST({pairs} AS json)) AS pair)"  # noqa: S608  (as above)
    return f"{column} = ANY (CASE WHEN {pairs} IS NULL THEN ARRAY[{own}] ELSE {every} END)"


def in_closure(
    column: ColumnElement[bytes], pairs: ColumnElement[str], own: ColumnElement[bytes]
) -> ColumnElement[bool]:
    """Whether a blob belongs to a closure: one of its ``pairs``, or where they are null the version's ``own``."""
    return _InClosure(column, pairs, own)


class _Pointed(FunctionElement[int]):
    type = ID
    inherit_cache = True


@compiles(_Pointed, "sqlite")
def _pointed_in_sqlite(element: _Pointed, compiler: SQLCompiler, **how: Any) -> str:
    labels, label = (compiler.process(each, **how) for each in element.clauses)
    return f"json_extract({labels}, '$.\"' || {label} || '\"')"


@compiles(_Pointed)
def _pointed_in_postgres(element: _Pointed, compiler: SQLCompiler, **how: Any) -> str:
    labels, label = (compiler.process(each, **how) for each in element.clauses)
    return f"CAST(CAST({labels} AS json) ->> {label} AS integer)"


def pointed(labels: ColumnElement[str], label: ColumnElement[str]) -> ColumnElement[int]:
    """The version that a label points to, of a template's labels as JSON; null where it does not carry it."""
    return _Pointed(labels, label)


class _Following(FunctionElement[int]):
    type = ID
    inherit_cache = True


@compiles(_Following)
def _as_it_is(element: _Following, compiler: SQLCompiler, **how: Any) -> str:
    (column,) = element.clauses
    return compiler.process(column, **how)


@compiles(_Following, "sqlite")
def _without_index(element: _Following, compiler: SQLCompiler, **how: Any) -> str:
    (column,) = element.clauses
    return f"{compiler.process(column, **how)} + 0"


def following(column: ColumnElement[int]) -> ColumnElement[int]:
    """A column by which rows are not looked up, only looked at: SQLite, without statistics, would choose its index."""
    return _Following(column)


def next_ids(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """New ids for so many rows of a table, ascending.

    SQLite's writer has the lock, so what is above the highest is free; PostgreSQL's come from the table's sequence.
    """
    if _is_postgres(connection):
        drawn = text(f"SELECT nextval('{table.name}_id_seq') FROM generate_series(1, :count)")  # noqa: S608  (our name)
        return connection.execute(drawn, {"count": count}).scalars().all()
    highest = int(connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one())
    return range(highest + 1, highest + 1 + count)


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
    """Whether the transaction still stands.

    SQLite itself undoes it where the disk is full or cannot be written, PostgreSQL where the connection is lost.
    """
    if connection.invalidated:
        return False
    driver: Any = connection.connection.driver_connection
    if _is_postgres(connection):
        return not driver.is_closed() and bool(driver.is_in_transaction())
    return bool(driver.in_transaction)


_WAIT = text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))")


def wait_turn(connection: Connection, what: str) -> None:
    """Waits until no other transaction writes what is named; SQLite has one writer anyway."""
    if _is_postgres(connection):
        connection.execute(_WAIT, {"what": what})


def delete_some(connection: Connection, table: Table, build: int, limit: int) -> int:
    """Deletes at most ``limit`` rows of a build; says how many."""
    key, name = ("ctid", table.name) if _is_postgres(connection) else (_key(table), table.name)
    some = f"SELECT {key} FROM {name} WHERE build_id = :build LIMIT :limit"  # noqa: S608  (names of ours)
    # By their places PostgreSQL finds the rows without any index, and never thinks of reading the whole table.
    among = f"ctid = ANY (ARRAY({some}))" if _is_postgres(connection) else f"({key}) IN ({some})"
    statement = text(f"DELETE FROM {name} WHERE {among}")  # noqa: S608  (as above)
    return connection.execute(statement, {"build": build, "limit": limit}).rowcount


def _key(table: Table) -> str:
    return ", ".join(f'"{column.name}"' for column in table.primary_key)


def look_over(connection: Connection, tables: Sequence[Table]) -> None:
    """Has PostgreSQL see what rows there are now, for its plans; it would by itself, a minute later."""
    if _is_postgres(connection):
        connection.exec_driver_sql(f"SELECT gin_clean_pending_list('{_NAMES_INDEX}')")
        connection.exec_driver_sql(f"ANALYZE {', '.join(table.name for table in tables)}")


_TELL = text("SELECT pg_notify(:channel, :message)")


def tell(connection: Connection, channel: str, message: str) -> None:
    """Tells those who listen to the database, once this transaction is committed; to SQLite's file nobody listens."""
    if _is_postgres(connection):
        connection.execute(_TELL, {"channel": channel, "message": message})


def create_names(connection: Connection) -> None:
    """Makes the full text of names."""
    if _is_postgres(connection):
        connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
        columns = 'rowid BIGINT PRIMARY KEY, name TEXT COLLATE "C" NOT NULL'
        connection.execute(text(f"CREATE TABLE {NAMES_TABLE} ({columns})"))
        index = f"CREATE INDEX {_NAMES_INDEX} ON {NAMES_TABLE} USING gin (name gin_trgm_ops)"
        connection.execute(text(index))
        return
    fts5 = f"CREATE VIRTUAL TABLE {NAMES_TABLE} USING fts5(name, tokenize='trigram case_sensitive 1')"
    connection.execute(text(fts5))


names_table = table(NAMES_TABLE, column("rowid", ID), column("name", WORDS))
_ADD_NAME = insert(names_table).inline()
_REMOVE_NAMES = delete(names_table).where(one_of(names_table.c.rowid, "ids"))
_LIKE = {
    "sqlite": f"{NAMES_TABLE} MATCH :pieces",
    "postgresql": "name LIKE ANY (CAST(:pieces AS text[]))",
}
_NAMES_LIKE = {
    dialect: text(
        f"SELECT t.name FROM (SELECT rowid AS id FROM {NAMES_TABLE} WHERE {like} "  # noqa: S608  (constants)
        "LIMIT :limit * 4) AS n CROSS JOIN templates AS t "
        "WHERE t.id = n.id AND t.build_id = :build AND NOT t.deleted LIMIT :limit"
    )
    for dialect, like in _LIKE.items()
}


def add_names(connection: Connection, names: Sequence[tuple[int, str]]) -> None:
    """Makes new names findable."""
    write_rows(connection, _ADD_NAME, [{"rowid": number, "name": jamo(name)} for number, name in names])


def remove_names(connection: Connection, ids: Sequence[int]) -> None:
    """Forgets names."""
    connection.execute(_REMOVE_NAMES, {"ids": ids})


def in_turn(connection: Connection) -> None:
    """Waits until nobody else appends to the audit, in a transaction under way. SQLite's writers take turns anyway."""
    if _is_postgres(connection):
        connection.execute(_AUDIT_TURN, {"key": _AUDIT_LOCK})


def names_like(connection: Connection, build: int, pieces: Sequence[str], limit: int) -> list[str]:
    """At most ``limit`` names of templates, not deleted, that hold one of the pieces (three letters or more)."""
    long = [jamo(piece) for piece in pieces if len(jamo(piece)) >= 3]
    if not long:
        return []
    looked_for: Any = [f"%{escaped(piece)}%" for piece in long]
    if not _is_postgres(connection):
        looked_for = " OR ".join('"' + piece.replace('"', '""') + '"' for piece in long)
    wanted = {"pieces": looked_for, "build": build, "limit": limit}
    found = connection.execute(_NAMES_LIKE[connection.dialect.name], wanted)
    return [row.name for row in found]


def escaped(piece: str) -> str:
    """A piece of text for LIKE, where it stands for itself."""
    return piece.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
