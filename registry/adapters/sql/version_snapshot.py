"""The numbers of versions in a small SQLite file beside the repositories (``registry.ports.snapshots``).

It is no part of the catalogue: it has to be there when the catalogue is not, and can be made from it at any time.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

from registry.domain.errors import Unavailable
from registry.domain.events import Position
from registry.domain.ids import CommitId, RepositoryName, TemplateName
from registry.ports.snapshots import NumberedCommit

T = TypeVar("T")

_FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS reached (repository TEXT PRIMARY KEY, ordinal INTEGER, number INTEGER, "commit" BLOB);
CREATE TABLE IF NOT EXISTS versions (
  repository TEXT, name TEXT, number INTEGER, ordinal INTEGER, "commit" BLOB, valid INTEGER, cause TEXT,
  moved_from TEXT,
  PRIMARY KEY (repository, name, number)
) WITHOUT ROWID;
"""
_VERSION = (
    'SELECT name, number, ordinal, "commit", valid, cause, moved_from FROM versions WHERE repository = ? AND name = ?'
)


class SqliteVersionSnapshot:
    """One connection, in threads. A file that is damaged, or of another format, is begun anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes the file."""
        await asyncio.to_thread(self._close)

    async def reached(self, repository: RepositoryName) -> Position | None:
        """How far it is whole, with the whole commit id; None where it is not."""
        statement = 'SELECT ordinal, number, "commit" FROM reached WHERE repository = ?'
        row = await self._run(lambda db: db.execute(statement, (repository,)).fetchone())
        return Position(row[0], row[1], row[2].hex()) if row is not None else None

    async def put(
        self, repository: RepositoryName, versions: Sequence[NumberedCommit], reached: Position | None = None
    ) -> None:
        """Adds versions, in the place of those of the same numbers; with ``reached`` it is whole up to there."""
        rows = [
            (repository, v.name, v.number, v.ordinal, bytes.fromhex(v.commit), v.valid, v.cause, v.moved_from)
            for v in versions
        ]

        def write(db: sqlite3.Connection) -> None:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT OR REPLACE INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            if reached is not None:
                place = (repository, reached.ordinal, reached.number, bytes.fromhex(reached.commit))
                db.execute("INSERT OR REPLACE INTO reached VALUES (?, ?, ?, ?)", place)
            db.execute("COMMIT")

        await self._run(write)

    async def forget(self, repository: RepositoryName) -> None:
        """Drops what is held of a repository."""

        def write(db: sqlite3.Connection) -> None:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM reached WHERE repository = ?", (repository,))
            db.execute("DELETE FROM versions WHERE repository = ?", (repository,))
            db.execute("COMMIT")

        await self._run(write)

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
                db.executescript(f"DROP TABLE IF EXISTS reached; DROP TABLE IF EXISTS versions; {_TABLES}")
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
