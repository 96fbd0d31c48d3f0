"""The database in one file: one writer, several readers, each in a thread of its own.

A transaction of many statements crosses threads once. (A driver that awaits each statement crosses twice a statement:
ten statements took 8.8 ms with aiosqlite and 1.3 ms so.)
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from registry.adapters.sql.dialect import OF_HEX
from registry.adapters.sql.engine import Database, Deadline, Durability, in_transaction, use_of
from registry.adapters.sql.migrate import migrate
from registry.adapters.sql.sights import IS_BELOW, is_below
from registry.domain.dependencies import PoolUse
from registry.domain.errors import Unavailable
from registry.ports.tracing import span

T = TypeVar("T")

BUSY_TIMEOUT_MS = 5_000
"""How long a statement waits for another process's write; a batch takes far less."""

_READERS = 4
# Small on purpose: the system's cache serves all connections, and what each maps counts as this process's memory.
_CACHE_KIB = 4_096
_MMAP_BYTES = 16_777_216
_WAL_LIMIT_BYTES = 67_108_864

_EMPTYING_TRIES = 10
_EMPTYING_PAUSE = 1.0

_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the file or its folder is read-only for the user that this runs as",
    sqlite3.SQLITE_BUSY: "another process has been writing for too long",
    sqlite3.SQLITE_LOCKED: "another connection holds it",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; see that its folder exists and can be written",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; stop the server, move the file away and start again: "
    "what Git holds is projected anew, accounts come back from the backup",
    sqlite3.SQLITE_NOTADB: "the file is not a database of Promptuary",
    sqlite3.SQLITE_INTERRUPT: "the query took too long and was stopped",
    sqlite3.SQLITE_PERM: "the file may not be read or written by this user",
    sqlite3.SQLITE_AUTH: "the file may not be read or written by this user",
}


@contextmanager
def driver_errors(path: Path) -> Iterator[None]:
    """Raises Unavailable, with the reason and the file, for what the driver says about disk and locks."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        original = error.orig if isinstance(error, DBAPIError) else error
        code = getattr(original, "sqlite_errorcode", None)
        reason = _REASONS.get(code & 0xFF) if isinstance(code, int) else None
        if reason is None:
            raise
        raise Unavailable(f"The catalogue {path.name} cannot be used: {reason}. Nothing was changed.") from error


class _Query:
    """A read that runs in a thread and may be interrupted from the event loop while it does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._driver: Any = None
        self._stopped = False

    @contextmanager
    def on(self, connection: Connection) -> Iterator[None]:
        """Marks the connection as this query's, so that only this query's statements can be interrupted."""
        with self._lock:
            if self._stopped:
                raise asyncio.CancelledError
            self._driver = connection.connection.driver_connection
        try:
            yield
        finally:
            with self._lock:
                self._driver = None

    def stop(self) -> None:
        """Ends the running statement, if there is one, and keeps another from starting."""
        with self._lock:
            self._stopped = True
            if self._driver is not None:
                self._driver.interrupt()


class SqliteDatabase(Database):
    """An open file. Deadlines do not hold here: nothing can be slow or away that this process is not itself."""

    def __init__(self, path: Path, *, readers: int = _READERS) -> None:
        self.path = path
        self._reading = _engine(path, size=readers, writes=False)
        self._writing = _engine(path, size=1, writes=True)
        self._read_threads = ThreadPoolExecutor(readers, thread_name_prefix="sql-read")
        self._write_thread = ThreadPoolExecutor(1, thread_name_prefix="sql-write")
        self._closed = False

    @classmethod
    async def open_file(cls, path: Path, *, readers: int = _READERS) -> Self:
        """Opens the file, made or migrated to the newest schema first. Raises Unavailable."""

        def prepare() -> None:
            with driver_errors(path):
                migrate(path)

        await asyncio.to_thread(prepare)
        return cls(path, readers=readers)

    def pools(self) -> tuple[PoolUse, ...]:
        """How its connections are used at the moment."""
        return (use_of("read", self._reading.pool), use_of("write", self._writing.pool))

    async def close(self) -> None:
        """Lets running work end and closes the file; the database cannot be used after."""
        self._closed = True
        await asyncio.to_thread(self._shut)

    def _shut(self) -> None:
        self._read_threads.shutdown()
        self._write_thread.shutdown()
        self._reading.dispose()
        self._writing.dispose()

    async def read(self, work: Callable[[Connection], T], *, deadline: Deadline = Deadline.REQUEST) -> T:  # noqa: ARG002  (see the class)
        """What ``work`` answers on one consistent state. Cancelling stops the query. Raises Unavailable."""
        self._check_open()
        query = _Query()
        try:
            with span("SQLite read"):
                return await asyncio.get_running_loop().run_in_executor(self._read_threads, self._read, work, query)
        except asyncio.CancelledError:
            query.stop()
            raise

    async def write(
        self,
        work: Callable[[Connection], T],
        *,
        durability: Durability = Durability.USUAL,
        deadline: Deadline = Deadline.BATCH,  # noqa: ARG002
    ) -> T:
        """Runs ``work`` and commits; rolls back where it raises. Writers take turns, other processes' too.

        What is not KEPT survives a killed process, and a power cut loses at most the last transactions, which the
        reconciler projects again. Raises Unavailable.
        """
        self._check_open()
        with span("SQLite write"):
            return await asyncio.get_running_loop().run_in_executor(self._write_thread, self._write, work, durability)

    async def make_files_anew(self) -> None:
        """Writes what is there into a new file, and empties the log of changes. Raises Unavailable.

        Readers that go on for long keep the log from being emptied; they are waited for.
        """
        self._check_open()
        for last in (*[False] * (_EMPTYING_TRIES - 1), True):
            if await asyncio.get_running_loop().run_in_executor(self._write_thread, self._vacuum):
                return
            if not last:
                await asyncio.sleep(_EMPTYING_PAUSE)
        raise Unavailable(f"The log of {self.path.name} cannot be emptied: somebody reads from it all the time.")

    def _vacuum(self) -> bool:
        with driver_errors(self.path), self._writing.connect() as connection:
            cursor = connection.connection.cursor()
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            answer = cursor.fetchone()
            cursor.close()
        return answer is not None and answer[0] == 0

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("The catalogue is closed: the server is stopping.")

    def _read(self, work: Callable[[Connection], T], query: _Query) -> T:
        with driver_errors(self.path), self._reading.connect() as connection, query.on(connection):
            return work(connection)

    def _write(self, work: Callable[[Connection], T], durability: Durability) -> T:
        with driver_errors(self.path), self._writing.connect() as connection:
            _synchronous(connection, "FULL" if durability is Durability.KEPT else "NORMAL")
            return in_transaction(connection, work)


def _synchronous(connection: Connection, level: str) -> None:
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA synchronous={level}")
    cursor.close()


def _engine(path: Path, *, size: int, writes: bool) -> Engine:
    """An engine whose connections keep their settings, and whose transactions begin as we say, not as the driver."""
    engine = create_engine(
        f"sqlite:///{path}",
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000, "isolation_level": None},
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
    )

    def set_up(driver: Any, _record: object) -> None:
        driver.create_function(OF_HEX, 1, bytes.fromhex, deterministic=True)
        driver.create_function(IS_BELOW, 2, is_below, deterministic=True)
        cursor = driver.cursor()
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            f"cache_size=-{_CACHE_KIB}",
            f"mmap_size={_MMAP_BYTES}",
            f"journal_size_limit={_WAL_LIMIT_BYTES}",
            f"query_only={'OFF' if writes else 'ON'}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    event.listen(engine, "connect", set_up)
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine
