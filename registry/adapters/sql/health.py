"""Looking at the catalogue without changing it (``registry.ports.health.CatalogueHealth``)."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from registry.adapters.sql.migrate import HEAD
from registry.adapters.sql.outbox_rows import MARK
from registry.adapters.sql.sqlite_engine import driver_errors
from registry.domain.errors import Unavailable
from registry.domain.ids import CommitId, RefName, RegistryId, RepositoryName
from registry.ports.health import CatalogueFacts, Reached

_REACHED = """
SELECT repositories.name, builds.ref, builds."commit", builds.schema
FROM repositories JOIN builds ON builds.id = repositories.live_build
"""
_REGISTRY = "SELECT id FROM registry"
_SCOPE = "SELECT scope FROM keys WHERE hash = ? AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)"
_FEATURES = {
    "full text on trigrams (FTS5)": "CREATE VIRTUAL TABLE t USING fts5(x, content='', tokenize='trigram')",
    "JSON functions": "SELECT value FROM json_each('[1]')",
    "RETURNING": "CREATE TABLE r (x); INSERT INTO r VALUES (1) RETURNING x",
}
_LINES = 20


class SqliteHealth:
    """The catalogue's file, opened for each look, and the SQLite of this Python."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def engine(self) -> str:
        """What the catalogue is kept by."""
        return "SQLite"

    def version(self) -> str:
        """SQLite's version."""
        return sqlite3.sqlite_version

    def missing_features(self) -> list[str]:
        """What SQLite was built without."""
        missing = []
        for feature, script in _FEATURES.items():
            with closing(sqlite3.connect(":memory:")) as connection:
                try:
                    connection.executescript(script)
                except sqlite3.Error:
                    missing.append(feature)
        return missing

    def look(self) -> CatalogueFacts:
        """The catalogue's file."""
        if not self._path.exists():
            return CatalogueFacts(exists=False, newest=HEAD)
        try:
            with self._opened() as connection:
                return self._look(connection)
        except Unavailable as error:
            return CatalogueFacts(exists=True, newest=HEAD, unusable=error.message)
        except sqlite3.Error as error:
            return CatalogueFacts(exists=True, newest=HEAD, unusable=f"The catalogue cannot be read: {error}.")

    def _look(self, connection: sqlite3.Connection) -> CatalogueFacts:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        revision = connection.execute("SELECT version_num FROM alembic_version").fetchone() if tables else None
        log = self._path.with_name(f"{self._path.name}-wal")
        if revision is None or revision[0] != HEAD:  # the tables are not those that are asked below
            return CatalogueFacts(exists=True, newest=HEAD, revision=revision[0] if revision else None)
        return CatalogueFacts(
            exists=True,
            newest=HEAD,
            revision=HEAD,
            log_bytes=log.stat().st_size if log.exists() else 0,
            outbox=connection.execute("SELECT count(*) FROM outbox WHERE kind <> ?", (MARK,)).fetchone()[0],
            unfinished=connection.execute("SELECT count(staged_build) FROM repositories").fetchone()[0],
            reached={
                RepositoryName(name): Reached(RefName(ref), CommitId(commit), schema)
                for name, ref, commit, schema in connection.execute(_REACHED)
            },
            registry_id=next((RegistryId(row[0]) for row in connection.execute(_REGISTRY)), None),
        )

    def damage(self) -> list[str]:
        """What ``PRAGMA quick_check`` and ``foreign_key_check`` find. Long."""
        try:
            with self._opened() as connection:
                lines = [str(row[0]) for row in connection.execute(f"PRAGMA quick_check({_LINES})")]
                lost = len(connection.execute("PRAGMA foreign_key_check").fetchall())
        except (Unavailable, sqlite3.Error) as error:
            return [str(error)]
        return [line for line in lines if line != "ok"] + ([f"{lost} rows lead nowhere"] if lost else [])

    def scope_of_key(self, secret_hash: str) -> str | None:
        """The scope of a key that holds; None where there is none, or none can be read."""
        try:
            with self._opened() as connection:
                row = connection.execute(_SCOPE, (secret_hash, time.time_ns() // 1000)).fetchone()
        except (Unavailable, sqlite3.Error):
            return None
        return str(row[0]) if row else None

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The file, for statements that change nothing. Raises Unavailable, sqlite3.Error."""
        address = f"{self._path.absolute().as_uri()}?mode=rw"
        with driver_errors(self._path), closing(sqlite3.connect(address, uri=True, timeout=5)) as connection:
            connection.execute("PRAGMA query_only=ON")
            yield connection
