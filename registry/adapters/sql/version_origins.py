"""Versions by commit and by digest (``registry.ports.catalogue.VersionOrigins``)."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam

from registry.adapters.sql.dialect import one_of
from registry.adapters.sql.engine import Database
from registry.adapters.sql.tables import commits, digest_head, templates, versions
from registry.adapters.sql.version_rows import ALL_VERSIONS, version_of
from registry.domain.catalogue import VersionEntry
from registry.domain.ids import CommitId, RepositoryName, TemplateName

_DIGEST_DIGITS = 64

_MADE_BY = ALL_VERSIONS.where(one_of(templates.c.name, "names")).where(one_of(commits.c.commit, "commits"))
_WITH_DIGEST = (
    ALL_VERSIONS.where(digest_head(versions.c.digest) == bindparam("head"))
    .where(versions.c.digest.between(bindparam("low"), bindparam("high")))
    .order_by(versions.c.ordinal.desc(), templates.c.name)
    .limit(bindparam("limit"))
)


class SqlVersionOrigins:
    """Versions of the live builds."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def made_by(
        self, repository: RepositoryName, names: Sequence[TemplateName], commits: Sequence[CommitId]
    ) -> list[VersionEntry]:
        """The versions that some commits made of some templates, in no order."""

        def read(connection: Connection) -> list[VersionEntry]:
            wanted = [bytes.fromhex(commit) for commit in commits]
            of_names = {"repository": repository, "names": names}
            return [version_of(row) for row in connection.execute(_MADE_BY, {**of_names, "commits": wanted})]

        return await self._database.of(repository).read(read)

    async def with_digest(self, repository: RepositoryName, prefix: str, limit: int = 100) -> list[VersionEntry]:
        """The versions whose digest begins with 8 to 64 lower-case hexadecimal digits, newest first."""
        low, high = (bytes.fromhex(prefix.ljust(_DIGEST_DIGITS, digit)) for digit in "0f")

        def read(connection: Connection) -> list[VersionEntry]:
            wanted = {"repository": repository, "head": low[:4], "low": low, "high": high, "limit": limit}
            return [version_of(row) for row in connection.execute(_WITH_DIGEST, wanted)]

        return await self._database.of(repository).read(read)
