"""Looking at the catalogue in PostgreSQL without changing it (``registry.ports.health.CatalogueHealth``)."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from registry.adapters.sql.migrate import HEAD
from registry.adapters.sql.outbox_rows import MARK
from registry.adapters.sql.postgres_connect import connector
from registry.adapters.sql.postgres_errors import server_errors
from registry.domain.errors import Unavailable
from registry.domain.ids import CommitId, RefName, RegistryId, RepositoryName
from registry.ports.health import CatalogueFacts, Reached

_SECONDS = 60.0
_TABLES = "SELECT to_regclass('alembic_version') IS NOT NULL"
_REVISION = "SELECT version_num FROM alembic_version"
_COUNTS = f"""
SELECT (SELECT count(*) FROM outbox WHERE kind <> '{MARK}'), (SELECT count(staged_build) FROM repositories)
"""  # noqa: S608  (a constant)
_REACHED = """
SELECT repositories.name, builds.ref, builds."commit", builds.schema
FROM repositories JOIN builds ON builds.id = repositories.live_build
"""
_REGISTRY = "SELECT id FROM registry"
_SCOPE = "SELECT scope FROM keys WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)"
_ABOUT = """
SELECT current_setting('server_version') AS version, current_setting('server_encoding') AS encoding,
       (SELECT datctype FROM pg_database WHERE datname = current_database()) AS letters,
       EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm') AS trigrams
"""
_ASTRAY = {
    "versions lead to no template": "SELECT count(*) FROM versions v LEFT JOIN templates t ON t.id = v.template_id "
    "WHERE t.id IS NULL",
    "templates lead to no build": "SELECT count(*) FROM templates t LEFT JOIN builds b ON b.id = t.build_id "
    "WHERE b.id IS NULL",
    "builds are live and not there": "SELECT count(*) FROM repositories r LEFT JOIN builds b ON b.id = r.live_build "
    "WHERE r.live_build IS NOT NULL AND b.id IS NULL",
}


class PostgresHealth:
    """The database at an address, connected to for each look."""

    def __init__(self, address: str) -> None:
        self._address = address

    def engine(self) -> str:
        """What the catalogue is kept by."""
        return "PostgreSQL"

    def version(self) -> str:
        """The server's version; empty where it cannot be asked."""
        try:
            return str(self._ask(_ABOUT)[0]["version"]).partition(" ")[0]
        except Unavailable:
            return ""

    def missing_features(self) -> list[str]:
        """What the server or the database lacks."""
        try:
            (about,) = self._ask(_ABOUT)
        except Unavailable:
            return []
        missing = [] if about["trigrams"] else ["the extension pg_trgm (the package postgresql-contrib)"]
        if about["encoding"] != "UTF8":
            missing.append("UTF-8 (createdb --encoding UTF8)")
        if about["letters"] in {"C", "POSIX"}:
            missing.append("letters beyond ASCII (createdb --template template0 --lc-ctype C.UTF-8)")
        return missing

    def look(self) -> CatalogueFacts:
        """The database."""
        try:
            if not self._ask(_TABLES)[0][0]:
                return CatalogueFacts(exists=True, newest=HEAD)
            revision = str(self._ask(_REVISION)[0][0])
            if revision != HEAD:  # the tables are not those that are asked below
                return CatalogueFacts(exists=True, newest=HEAD, revision=revision)
            ((outbox, unfinished),) = self._ask(_COUNTS)
            reached = {
                RepositoryName(name): Reached(RefName(ref), CommitId(commit), schema)
                for name, ref, commit, schema in self._ask(_REACHED)
            }
            ids = [RegistryId(row[0]) for row in self._ask(_REGISTRY)]
        except Unavailable as error:
            return CatalogueFacts(exists=True, newest=HEAD, unusable=error.message)
        return CatalogueFacts(
            exists=True,
            newest=HEAD,
            revision=HEAD,
            outbox=outbox,
            unfinished=unfinished,
            reached=reached,
            registry_id=ids[0] if ids else None,
        )

    def damage(self) -> list[str]:
        """Rows that lead nowhere, which PostgreSQL does not look for by itself. Long."""
        try:
            counts = {what: int(self._ask(query)[0][0]) for what, query in _ASTRAY.items()}
        except Unavailable as error:
            return [error.message]
        return [f"{count} {what}" for what, count in counts.items() if count]

    def scope_of_key(self, secret_hash: str) -> str | None:
        """The scope of a key that holds; None where there is none, or none can be read."""
        try:
            rows = self._ask(_SCOPE, secret_hash, time.time_ns() // 1000)
        except Unavailable:
            return None
        return str(rows[0][0]) if rows else None

    def _ask(self, statement: str, *values: object) -> list[Any]:
        """The rows of a statement that changes nothing. Raises Unavailable."""

        async def ask() -> list[Any]:
            connect = connector(self._address, seconds=_SECONDS, settings={"default_transaction_read_only": "on"})
            connection = await connect()
            try:
                return list(await connection.fetch(statement, *values))
            finally:
                await connection.close()

        with server_errors(), ThreadPoolExecutor(1) as thread:  # whoever asks may have an event loop already
            return thread.submit(asyncio.run, ask()).result()
