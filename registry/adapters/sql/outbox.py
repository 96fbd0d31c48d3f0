"""What still has to reach the search index (``registry.ports.projection.Outbox``)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, and_, bindparam, delete, func, select

from registry.adapters.sql import dialect
from registry.adapters.sql.builds import LIVE_BUILD
from registry.adapters.sql.engine import Database
from registry.adapters.sql.outbox_rows import fill
from registry.adapters.sql.tables import bodies, outbox, repositories, templates
from registry.adapters.sql.template_index import live_build
from registry.adapters.sql.values import from_facts, from_json
from registry.domain.catalogue import OutboxEntry, OutboxKind, SearchDocument
from registry.domain.ids import RepositoryName
from registry.domain.search_text import searchable

_PENDING = (
    select(outbox, repositories.c.name.label("repository"))
    .join(repositories, repositories.c.id == outbox.c.repository_id)
    .order_by(outbox.c.sequence)
    .limit(bindparam("limit"))
)
_DOCUMENTS = (
    select(
        templates.c.name,
        templates.c.facts,
        templates.c.owners,
        templates.c.labels,
        templates.c.deleted,
        bodies.c.body,
    )
    .join(bodies, and_(bodies.c.build_id == templates.c.build_id, bodies.c.blob == templates.c.latest_blob))
    # ``deleted`` is looked at in the rows: asked for here, SQLite takes the index that begins with it and reads every
    # template of the build (54 ms a write at 100,000 templates).
    .where(templates.c.build_id == live_build, templates.c.facts.is_not(None))
    .where(dialect.one_of(templates.c.name, "names"))
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
        wanted: defaultdict[RepositoryName, dict[str, int]] = defaultdict(dict)
        for entry in entries:
            if entry.kind is OutboxKind.DOCUMENT:
                wanted[entry.repository][entry.name] = entry.ordinal

        def read(connection: Connection) -> list[SearchDocument]:
            return [
                SearchDocument(
                    repository=repository,
                    name=row.name,
                    ordinal=ordinals[row.name],
                    facts=from_facts(row.facts),
                    body=searchable(row.body),
                    owners=tuple(from_json(row.owners) or ()),
                    labels=tuple(sorted(from_json(row.labels) or ())),
                )
                for repository, ordinals in wanted.items()
                for row in connection.execute(
                    _DOCUMENTS, {"repository": repository, "names": dialect.list_value(ordinals)}
                )
                if not row.deleted
            ]

        return await self._database.read(read)

    async def done(self, entries: Iterable[OutboxEntry]) -> None:
        """Drops entries after the search index has them; newer ones of the same templates stay."""
        sequences = dialect.list_value(entry.sequence for entry in entries)
        await self._database.write(lambda connection: connection.execute(_DONE, {"sequences": sequences}))

    async def depth(self) -> int:
        """How many entries wait."""
        return await self._database.read(lambda connection: int(connection.execute(_DEPTH).scalar_one()))

    async def fill(self, repository: RepositoryName) -> int:
        """Asks for a new search index: RENEW, an entry for every template, SWAP. Says how many templates."""

        def write(connection: Connection) -> int:
            row = connection.execute(LIVE_BUILD, {"repository": repository}).one_or_none()
            return fill(connection, row.repository_id, row.id, row.ordinal) if row is not None else 0

        return await self._database.write(write)
