"""What still has to reach the search index (``registry.ports.projection.Outbox``)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, delete, func, select

from registry.adapters.sql import dialect
from registry.adapters.sql.builds import LIVE_BUILD
from registry.adapters.sql.engine import Database
from registry.adapters.sql.outbox_rows import count_fed, documents_of, fill
from registry.adapters.sql.tables import outbox, repositories
from registry.domain.catalogue import OutboxEntry, OutboxKind, SearchDocument
from registry.domain.ids import RepositoryName, TemplateName

_PENDING = (
    select(outbox, repositories.c.name.label("repository"))
    .join(repositories, repositories.c.id == outbox.c.repository_id)
    .order_by(outbox.c.sequence)
    .limit(bindparam("limit"))
)
_DONE = delete(outbox).where(dialect.one_of(outbox.c.sequence, "sequences"))
_DEPTH = select(func.count()).select_from(outbox)


class SqlOutbox:
    """The outbox beside the rows that it speaks of, so that a batch and what it asks for are committed as one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pending(self, limit: int = 500) -> list[OutboxEntry]:
        """The oldest entries, one a template; RENEW, documents and SWAP of a repository in this order."""

        def read(connection: Connection) -> list[OutboxEntry]:
            return [
                OutboxEntry(row.sequence, row.repository, row.name, row.ordinal, OutboxKind(row.kind))
                for row in connection.execute(_PENDING, {"limit": limit})
            ]

        return await self._database.read(read)

    async def documents(self, entries: Sequence[OutboxEntry]) -> list[SearchDocument]:
        """The documents of the entries' templates as the catalogue has them now; others are left out."""
        wanted: defaultdict[RepositoryName, dict[TemplateName, int]] = defaultdict(dict)
        for entry in entries:
            if entry.kind is OutboxKind.DOCUMENT:
                wanted[entry.repository][entry.name] = entry.ordinal

        def read(connection: Connection) -> list[SearchDocument]:
            return [
                document
                for repository, ordinals in wanted.items()
                for document in documents_of(connection, repository, ordinals)
            ]

        return await self._database.read(read)

    async def done(self, entries: Iterable[OutboxEntry]) -> None:
        """Drops entries after the search index has them; newer ones of the same templates stay."""
        sequences = dialect.list_value(entry.sequence for entry in entries)
        await self._database.write(lambda connection: connection.execute(_DONE, {"sequences": sequences}))

    async def depth(self) -> int:
        """How many entries wait."""
        return await self._database.read(lambda connection: int(connection.execute(_DEPTH).scalar_one()))

    async def fed_at_least(self, repository: RepositoryName) -> int:
        """How many documents an index must hold that got all entries so far: those shown, without those that wait."""

        def read(connection: Connection) -> int:
            row = connection.execute(LIVE_BUILD, {"repository": repository}).one_or_none()
            return count_fed(connection, row.repository_id, row.id) if row is not None else 0

        return await self._database.read(read)

    async def fill(self, repository: RepositoryName) -> int:
        """Asks for a new search index: RENEW, an entry for every template, SWAP. Says how many templates."""

        def write(connection: Connection) -> int:
            row = connection.execute(LIVE_BUILD, {"repository": repository}).one_or_none()
            return fill(connection, row.repository_id, row.id, row.ordinal) if row is not None else 0

        return await self._database.write(write)
