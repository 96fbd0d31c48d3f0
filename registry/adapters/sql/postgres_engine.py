"""The database on a PostgreSQL server, over asyncpg.

Reads and writes have a pool each, whose connections carry as their own settings what every transaction needs, so that
no statement has to say it: reads see one consistent state and stop after the request's deadline.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Row, event
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from registry.adapters.breakers import Breaker
from registry.adapters.sql.column_types import Reading
from registry.adapters.sql.engine import (
    REQUEST_SECONDS,
    Database,
    Deadline,
    Durability,
    NamedStatement,
    closed,
    in_transaction,
    use_of,
)
from registry.adapters.sql.loop_thread import LoopThread
from registry.adapters.sql.postgres_connect import connector
from registry.adapters.sql.postgres_errors import (
    IN_PART,
    UNDEFINED_TABLE,
    is_away,
    is_lost,
    is_passing,
    reason_of,
    server_errors,
    state_of,
)
from registry.adapters.sql.postgres_gathering import Gathering
from registry.adapters.sql.postgres_hot import HotConnections
from registry.adapters.sql.postgres_migrate import TABLES, migrate_server, missing_tables
from registry.adapters.sql.postgres_vacuum import vacuum
from registry.domain.dependencies import PoolUse
from registry.domain.errors import Unavailable
from registry.ports.dependencies import Dependency
from registry.ports.tracing import span

T = TypeVar("T")

BATCH_SECONDS = 60.0
INDEX_SECONDS = 1_800.0
_READERS = 10
_WRITERS = 4
_TRIES = 4
_STATEMENTS = 400
"""Prepared statements that a connection keeps: more than there are shapes of statement."""
_GRACE_SECONDS = 2.0
"""How long the server may take to say that a statement was too long, before it is taken for not answering."""


class PostgresDatabase(Database):
    """An open database. ``open_server`` makes it."""

    def __init__(self, address: str, *, readers: int, seconds: float) -> None:
        self.breaker = Breaker("PostgreSQL", seconds=seconds)
        self._migrate = partial(migrate_server, address)
        self._seconds = seconds
        self._write_seconds = {
            Deadline.REQUEST: seconds * 10,
            Deadline.BATCH: BATCH_SECONDS,
            Deadline.INDEX: INDEX_SECONDS,
        }
        reading = {"default_transaction_isolation": "repeatable read", "default_transaction_read_only": "on"}
        # Plain reads go over the hot connections; lists, searches and streams share half as many.
        lists = {**reading, "plan_cache_mode": "force_custom_plan"}  # how many rows a page's filters have decides
        self._reading = _engine(connector(address, seconds=seconds, settings=lists), -(-readers // 2), seconds)
        self._writing = _engine(connector(address, seconds=BATCH_SECONDS), _WRITERS, BATCH_SECONDS)
        hot = {**reading, "plan_cache_mode": "force_generic_plan"}  # planning takes longer than finding some names
        self._hot = HotConnections(connector(address, seconds=seconds, settings=hot), readers)
        self._gathering = Gathering(self.fetch, _with_grace(seconds))
        # The hot reads stay where requests are answered.
        self._read_loop, self._write_loop = LoopThread("sql-read"), LoopThread("sql-write")
        self._running: set[asyncio.Future[Any]] = set()
        self._closed = False
        self._was_bare = False

    @classmethod
    async def open_server(cls, address: str, *, readers: int = _READERS, seconds: float = REQUEST_SECONDS) -> Self:
        """Opens the database, made or migrated to the newest schema first. Raises Unavailable."""
        with server_errors():
            await migrate_server(address)
        return cls(address, readers=readers, seconds=seconds)

    async def make_missing_tables(self) -> bool:
        """Makes the tables where the database has none any more: it was dropped, or is on a new disk.

        Only where the call before found none either: somebody may be restoring a dump, who begins without tables.
        """
        was_bare, self._was_bare = self._was_bare, False
        missing = await self.read(missing_tables)
        if missing and missing != TABLES:
            raise Unavailable(f"The database cannot be used: {IN_PART} (missing: {', '.join(sorted(missing))}).")
        if not missing:
            return False
        if not was_bare:
            self._was_bare = True
            return False
        with server_errors():
            await self._migrate()
        return True

    def dependencies(self) -> tuple[Dependency, ...]:
        """PostgreSQL, as the reads of this process find it."""
        return (self.breaker,)

    def pools(self) -> tuple[PoolUse, ...]:
        """How its connections are used at the moment."""
        return (self._hot.use(), use_of("read", self._reading.pool), use_of("write", self._writing.pool))

    async def close(self) -> None:
        """Lets running work end and closes the connections; the database cannot be used after."""
        if self._closed:
            return
        self._closed = True
        if self._running:
            await asyncio.wait(self._running, timeout=BATCH_SECONDS)
        try:
            async with asyncio.timeout(_GRACE_SECONDS):
                await self._hot.close()
                await self._read_loop.start(self._reading.dispose())
                await self._write_loop.start(self._writing.dispose())
        except TimeoutError:
            pass  # a server that hangs takes no leave; the connections end with the process
        await self._read_loop.close()
        await self._write_loop.close()

    async def fetch(self, statement: Reading, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """The rows of one statement, for a request: a statement by itself is a transaction and sees one state."""
        if self._closed:
            raise closed()
        with span("PostgreSQL fetch"), server_errors(), self._counted(self.breaker.admit()):
            rows: Sequence[Row[Any]] = await self._hot.fetch(statement, values, _with_grace(self._seconds))
            return rows

    async def fetch_named(self, statement: NamedStatement, name: str, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """The same for one name; while many are asked for, of all who wait by one statement."""
        return await self._gathering.fetch(statement, name, values)

    async def read(self, work: Callable[[Connection], T], *, deadline: Deadline = Deadline.REQUEST) -> T:
        """What ``work`` answers on one consistent state. Cancelling stops the query, in the server too."""
        seconds = self._seconds if deadline is Deadline.REQUEST else BATCH_SECONDS

        def limited(connection: Connection) -> T:
            if deadline is not Deadline.REQUEST:
                _set(connection, statement_timeout=f"{BATCH_SECONDS * 1000:.0f}")
            return work(connection)

        with span("PostgreSQL read"):
            if deadline is not Deadline.REQUEST:
                return await self._within(self._read_loop, seconds, self._read(limited), stops=True)
            era = self.breaker.admit()
            return await self._within(self._read_loop, seconds, self._read(limited), stops=True, era=era)

    async def write(
        self,
        work: Callable[[Connection], T],
        *,
        durability: Durability = Durability.USUAL,
        deadline: Deadline = Deadline.BATCH,
    ) -> T:
        """Runs ``work`` and commits; rolls back where it raises, and runs it again where others were in the way."""
        seconds = self._write_seconds[deadline]

        def limited(connection: Connection) -> T:
            if durability is Durability.PASSING:
                _set(connection, synchronous_commit="off")
            if deadline is not Deadline.BATCH:
                _set(connection, statement_timeout=f"{seconds * 1000:.0f}")
            return work(connection)

        with span("PostgreSQL write"):
            return await self._within(self._write_loop, seconds, self._write(limited), stops=False)

    async def make_files_anew(self) -> None:
        """Writes each table that is projected into a new file. Raises Unavailable.

        What waits for it (its log, replicas, archives of the log) the server keeps by its own rules.
        """
        with span("PostgreSQL vacuum"):
            await self._within(self._write_loop, INDEX_SECONDS, vacuum(self._writing, INDEX_SECONDS), stops=False)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        for last in (False, True):
            try:
                async with self._reading.connect() as connection:
                    return await connection.run_sync(work)
            except (DBAPIError, OSError) as error:
                # What a search found in its snapshot may have been swapped and swept away before it came to it.
                if last or not (is_lost(error) or is_passing(error) or state_of(error) == UNDEFINED_TABLE):
                    raise
        raise AssertionError

    async def _write(self, work: Callable[[Connection], T]) -> T:
        for turn in range(_TRIES):
            try:
                async with self._writing.connect() as connection:
                    return await connection.run_sync(in_transaction, work)
            except Exception as error:  # the driver's own too: COPY does not go through SQLAlchemy
                if turn + 1 == _TRIES or not is_passing(error):
                    raise
            await asyncio.sleep(random.uniform(0.0, 0.02 * 2**turn))  # noqa: S311  # nosec B311  # nothing secret
        raise AssertionError

    async def _within(
        self, loop: LoopThread, seconds: float, work: Coroutine[Any, Any, T], *, stops: bool, era: int | None = None
    ) -> T:
        """Waits so long for the work, and a little for the server to say itself that it is over.

        The work goes on in its own loop, so that nobody waits for the end of a connection to a server that hangs.
        ``era`` is what the breaker said of a call that it admitted.
        """
        if self._closed:
            work.close()
            raise closed()
        task = loop.start(work)
        self._running.add(task)
        task.add_done_callback(self._ended)
        try:
            done, _ = await asyncio.wait((task,), timeout=_with_grace(seconds))
        except asyncio.CancelledError:
            if stops:
                task.cancel()
            if era is not None:
                self.breaker.told_nothing(era)
            raise
        if not done:
            task.cancel()
        with server_errors(writing=not stops), self._counted(era):
            if not done:
                raise TimeoutError
            return task.result()

    @contextmanager
    def _counted(self, era: int | None) -> Iterator[None]:
        """Tells the breaker how a call that it admitted went. A query that took too long was answered."""
        try:
            yield
        except Exception as error:
            if era is not None and is_away(error):
                self.breaker.failed(era, reason_of(error) or "it cannot be reached")
            elif era is not None:
                self.breaker.answered(era)
            raise
        except asyncio.CancelledError:
            if era is not None:
                self.breaker.told_nothing(era)
            raise
        if era is not None:
            self.breaker.answered(era)

    def _ended(self, task: asyncio.Future[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that nothing is said of a failure that nobody waited for


def _with_grace(seconds: float) -> float:
    return seconds + min(seconds, _GRACE_SECONDS)


def _set(connection: Connection, **settings: str) -> None:
    """Settings for the rest of the transaction."""
    for name, value in settings.items():
        connection.exec_driver_sql(f"SET LOCAL {name} = {value}")


def _engine(connect: Callable[..., Any], size: int, seconds: float) -> AsyncEngine:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args={"async_creator_fn": connect, "prepared_statement_cache_size": _STATEMENTS},
        pool_size=size,
        max_overflow=0,
        pool_timeout=seconds,
        pool_use_lifo=True,
        pool_recycle=3600,
    )

    def look(_driver: Any, record: Any, _proxy: object) -> None:
        # The driver notices at once when the server ends a connection; asking costs a way there and back each time.
        if record.driver_connection.is_closed():
            raise InvalidatePoolError

    event.listen(engine.sync_engine, "checkout", look)
    return engine
