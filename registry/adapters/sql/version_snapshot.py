"""The numbers of versions in a small SQLite file beside the repositories (``registry.ports.snapshots``).

It is no part of the catalogue: it has to be there when the catalogue is not, and can be made from it at any time.
"""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Self, TypeVar

from registry.domain.errors import Unavailable
from registry.domain.events import Position
from registry.domain.ids import CommitId, RepositoryName, TemplateName
from registry.ports.snapshots import NumberedCommit

T = TypeVar("T")

_FORMAT = 2
_TABLES = """
DROP TABLE IF EXISTS reached;
DROP TABLE IF EXISTS builds;
DROP TABLE IF EXISTS versions;
CREATE TABLE builds (
  id INTEGER PRIMARY KEY, repository TEXT, used INTEGER, ordinal INTEGER, number INTEGER, "commit" BLOB
);
CREATE TABLE versions (
  build INTEGER, name TEXT, number INTEGER, ordinal INTEGER, "commit" BLOB, valid INTEGER, cause TEXT, moved_from TEXT,
  PRIMARY KEY (build, name, number)
) WITHOUT ROWID;
"""
_USED = "SELECT id FROM builds WHERE repository = ? AND used"
_VERSION = """
SELECT name, number, ordinal, "commit", valid, cause, moved_from FROM versions
WHERE build = (SELECT id FROM builds WHERE repository = ? AND used) AND name = ?
"""
"""No join: for one SQLite walks all versions, or sorts."""
_SWEEP = """
DELETE FROM versions WHERE build = :build AND (name, number) IN (
  SELECT name, number FROM versions WHERE build = :build LIMIT :limit
)
"""
_ROWS_SWEPT = 5_000
"""So many at once, because reads wait meanwhile."""


class SqliteVersionSnapshot:
    """One connection, in threads. A file that is damaged, or of another format, is begun anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._replacing = asyncio.Lock()
        self._connection: sqlite3.Connection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the file."""
        await asyncio.to_thread(self._close)

    async def reached(self, repository: RepositoryName) -> Position | None:
        """How far it is whole, with the whole commit id; None where it is not."""
        statement = 'SELECT ordinal, number, "commit" FROM builds WHERE repository = ? AND used'
        row = await self._run(lambda db: db.execute(statement, (repository,)).fetchone())
        return Position(row[0], row[1], row[2].hex()) if row is not None else None

    async def put(self, repository: RepositoryName, versions: Sequence[NumberedCommit], reached: Position) -> None:
        """Adds versions, in the place of those of the same numbers: now it is whole up to there."""

        def write(db: sqlite3.Connection) -> None:
            with _transaction(db):
                row = db.execute(_USED, (repository,)).fetchone()
                build = row[0] if row is not None else _begin(db, repository)
                _add(db, build, versions)
                _use(db, repository, build, reached)

        await self._run(write)

    async def replace(
        self, repository: RepositoryName, pages: AsyncIterator[Sequence[NumberedCommit]], reached: Position
    ) -> None:
        """Puts what the pages have in the place of all that is held, which is in use until the last of them.

        What ``pages`` raises is raised, and what is in use has not changed.
        """
        async with self._replacing:
            await self._sweep()  # what was begun once and never came into use
            build = await self._run(lambda db: _begin(db, repository))
            async for page in pages:
                await self._run(partial(_write_page, build, page))
            await self._run(partial(_swap, repository, build, reached))
            await self._sweep()

    async def forget(self, repository: RepositoryName) -> None:
        """Drops what is held of a repository."""
        async with self._replacing:
            await self._run(lambda db: db.execute("UPDATE builds SET used = 0 WHERE repository = ?", (repository,)))
            await self._sweep()

    async def _sweep(self) -> None:
        """Deletes what is not in use."""
        while await self._run(_sweep_some):
            pass

    async def find(self, repository: RepositoryName, name: TemplateName, number: int) -> NumberedCommit | None:
        """One version."""
        asked = (repository, name, number)
        row = await self._run(lambda db: db.execute(f"{_VERSION} AND number = ?", asked).fetchone())
        return _numbered(row) if row is not None else None

    async def newest(self, repository: RepositoryName, name: TemplateName, limit: int) -> list[NumberedCommit]:
        """The newest versions of a template, newest first, the invalid ones too."""
        asked = (repository, name, limit)
        statement = f"{_VERSION} ORDER BY number DESC LIMIT ?"
        return [_numbered(row) for row in await self._run(lambda db: db.execute(statement, asked).fetchall())]

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await asyncio.to_thread(self._now, work)

    def _now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._lock:
            try:
                return work(self._open())
            except sqlite3.Error as error:
                self._shut()
                if not isinstance(error, sqlite3.OperationalError):  # no lock and no full disk: the file itself
                    self._path.unlink(missing_ok=True)
                raise Unavailable(f"The snapshot {self._path.name} cannot be used: {error}.") from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=1.0)
            self._connection = db
            if db.execute("PRAGMA user_version").fetchone()[0] != _FORMAT:
                db.executescript(_TABLES)
                db.execute(f"PRAGMA user_version={_FORMAT}")
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")  # a power cut loses the last of it, which is put again
        return self._connection

    def _close(self) -> None:
        with self._lock:
            self._shut()

    def _shut(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    yield  # where it fails the connection is closed
    db.execute("COMMIT")


def _begin(db: sqlite3.Connection, repository: RepositoryName) -> int:
    """A build that is not in use yet."""
    found = db.execute("INSERT INTO builds (repository, used) VALUES (?, 0) RETURNING id", (repository,)).fetchone()
    return int(found[0])


def _add(db: sqlite3.Connection, build: int, versions: Sequence[NumberedCommit]) -> None:
    rows = [
        (build, v.name, v.number, v.ordinal, bytes.fromhex(v.commit), v.valid, v.cause, v.moved_from) for v in versions
    ]
    db.executemany("INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)


def _write_page(build: int, page: Sequence[NumberedCommit], db: sqlite3.Connection) -> None:
    with _transaction(db):
        _add(db, build, page)


def _use(db: sqlite3.Connection, repository: RepositoryName, build: int, reached: Position) -> None:
    """From now on readers see this build, and no other of the repository."""
    db.execute("UPDATE builds SET used = 0 WHERE repository = ? AND id <> ?", (repository, build))
    place = (reached.ordinal, reached.number, bytes.fromhex(reached.commit), build)
    db.execute('UPDATE builds SET used = 1, ordinal = ?, number = ?, "commit" = ? WHERE id = ?', place)


def _swap(repository: RepositoryName, build: int, reached: Position, db: sqlite3.Connection) -> None:
    with _transaction(db):
        _use(db, repository, build, reached)


def _sweep_some(db: sqlite3.Connection) -> bool:
    """Deletes some rows of a build that is not in use; False where there is none."""
    row = db.execute("SELECT id FROM builds WHERE NOT used").fetchone()
    if row is None:
        return False
    if not db.execute(_SWEEP, {"build": row[0], "limit": _ROWS_SWEPT}).rowcount:
        db.execute("DELETE FROM builds WHERE id = ?", row)
    return True


def _numbered(row: Sequence[object]) -> NumberedCommit:
    name, number, ordinal, commit, valid, cause, moved_from = row
    assert isinstance(number, int)
    assert isinstance(ordinal, int)
    assert isinstance(commit, bytes)
    return NumberedCommit(
        name=TemplateName(str(name)),
        number=number,
        ordinal=ordinal,
        commit=CommitId(commit.hex()),
        valid=bool(valid),
        cause=TemplateName(str(cause)) if cause is not None else None,
        moved_from=TemplateName(str(moved_from)) if moved_from is not None else None,
    )
