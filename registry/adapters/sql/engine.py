"""What a database is to everything here, and the only place where a transaction is committed.

Work is handed in as a function of a synchronous connection: in SQLite it runs in a thread (``sqlite_engine``), on
PostgreSQL over an asynchronous driver (``postgres_engine``). What differs in SQL is in ``dialect``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Row, Select, true
from sqlalchemy.pool import Pool, QueuePool

from registry.adapters.sql.column_types import Reading
from registry.domain.dependencies import PoolUse
from registry.domain.errors import Unavailable
from registry.domain.ids import RepositoryName
from registry.ports.dependencies import Dependency

T = TypeVar("T")

REQUEST_SECONDS = 0.5
"""How long a request waits for what it reads, unless the settings say otherwise."""


class Deadline(Enum):
    """How long work may take on a database that can be slow or away."""

    REQUEST = "request"
    """A read that somebody waits for: half a second, or what the settings say."""
    BATCH = "batch"
    """Projection, rebuild, maintenance, and answers that hold a whole label: a minute."""
    INDEX = "index"
    """Building an index over everything at the end of a rebuild: half an hour."""


class Durability(Enum):
    """What may be lost of a committed transaction when the machine loses power."""

    KEPT = "kept"
    """Nothing, for Git cannot give it back: the disk has it before anybody is told."""
    USUAL = "usual"
    """What SQLite has not flushed yet, which is projected again; nothing on PostgreSQL, whose processes may be many."""
    PASSING = "passing"
    """All that is not flushed yet, on PostgreSQL too: batches of a replay, which begins again, and what was fed."""


@dataclass(frozen=True, slots=True, eq=False)
class NamedStatement:
    """A statement ``for_one`` name, ``:name``, and one ``for_several``, ``:names``.

    The rows that the second has for each of the names are those of the first, with the name as a last column.
    """

    for_one: Select[Any]
    for_several: Select[Any]


class Database(ABC):
    """An open database. ``read`` and ``write`` run a function in one transaction; all else is made of these two."""

    @staticmethod
    async def open(where: Path | str, *, readers: int | None = None, seconds: float = REQUEST_SECONDS) -> "Database":
        """Opens SQLite's file, or PostgreSQL at an address; made or migrated to the newest schema first.

        ``readers`` is how many read at once, ``seconds`` how long a request waits. Raises Unavailable.
        """
        # Each engine brings its driver, and a set-up has one of them.
        if isinstance(where, Path):
            from registry.adapters.sql.sqlite_engine import SqliteDatabase  # noqa: PLC0415

            return await SqliteDatabase.open_file(where, **({} if readers is None else {"readers": readers}))
        from registry.adapters.sql.postgres_engine import PostgresDatabase  # noqa: PLC0415

        options = {} if readers is None else {"readers": readers}
        return await PostgresDatabase.open_server(where, seconds=seconds, **options)

    def of(self, _repository: RepositoryName) -> "Database":
        """The database that has the rows of a repository: one of several where there are several."""
        return self

    def every(self) -> tuple["Database", ...]:
        """All of them; the first has what belongs to no repository: accounts, and counts of reads."""
        return (self,)

    def counts_in(self, _each: "Database", _repository: ColumnElement[str]) -> ColumnElement[bool]:
        """Whether a repository's rows in one of them count: what one left behind that was moved away is nobody's."""
        return true()

    async def told(  # noqa: B027  (nothing to do for one)
        self, _repository: RepositoryName, _channel: str, _message: str
    ) -> None:
        """Says where everybody listens what a transaction said in a database where nobody does."""

    def dependencies(self) -> tuple[Dependency, ...]:
        """The service that it is, for who wants to know how it is doing; none where it is a file."""
        return ()

    @abstractmethod
    def pools(self) -> tuple[PoolUse, ...]:
        """How its connections are used at the moment."""

    async def make_missing_tables(self) -> bool:
        """Makes the tables where this call and the one before found that somebody has taken all of them away.

        Whether it made them. SQLite's file is this machine's own, and nobody takes it away. Raises Unavailable, also
        where only some are missing.
        """
        return False

    @abstractmethod
    async def close(self) -> None:
        """Lets running work end and closes; the database cannot be used after."""

    @abstractmethod
    async def read(self, work: Callable[[Connection], T], *, deadline: Deadline = Deadline.REQUEST) -> T:
        """What ``work`` answers on one consistent state. Cancelling stops the query. Raises Unavailable."""

    async def fetch(self, statement: Reading, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """The rows of one statement, for a request, with their columns by place and by name. Raises Unavailable.

        For the hot reads: PostgreSQL's driver is asked for them without anything in between.
        """
        return await self.read(lambda connection: connection.execute(statement, values).all())

    async def fetch_named(self, statement: NamedStatement, name: str, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """The rows of a name, as ``fetch`` gives them; PostgreSQL may be asked for those of other callers with them."""
        return await self.fetch(statement.for_one, {**values, "name": name})

    @abstractmethod
    async def write(
        self,
        work: Callable[[Connection], T],
        *,
        durability: Durability = Durability.USUAL,
        deadline: Deadline = Deadline.BATCH,
    ) -> T:
        """Runs ``work`` and commits; rolls back where it raises. A caller who gives up does not stop it.

        ``work`` may be run again where another process was in the way, so it does nothing but write. Raises
        Unavailable.
        """

    @abstractmethod
    async def make_files_anew(self) -> None:
        """Writes what is there into new files, so that nothing that was deleted lies in the old ones. Long.

        Others may use the database meanwhile, but wait. Raises Unavailable.
        """


def use_of(name: str, pool: Pool) -> PoolUse:
    """How a pool of connections is used at the moment."""
    assert isinstance(pool, QueuePool)
    return PoolUse(name, pool.checkedout(), pool.checkedin(), pool.size())


def in_transaction(connection: Connection, work: Callable[[Connection], T]) -> T:
    """Runs ``work`` in a transaction of its own and commits it."""
    with connection.begin() as transaction:
        result = work(connection)
        transaction.commit()
    return result


def closed() -> Unavailable:
    """What is said of a database that has been closed."""
    return Unavailable("The catalogue is closed: the server is stopping.")
