"""What still has to reach the search index (``registry.ports.projection.Outbox``)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial

from sqlalchemy import Connection, bindparam, delete, func, select

from registry.adapters.sql import dialect
from registry.adapters.sql.builds import LIVE_BUILD, find_locked_build
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.old_texts import old_documents
from registry.adapters.sql.outbox_rows import (
    count_fed,
    documents_of,
    entry_of,
    fill,
    is_told,
    kinds_of,
    not_being_filled,
)
from registry.adapters.sql.tables import outbox, repositories
from registry.domain.catalogue import Fed, OutboxEntry, OutboxKind, SearchDocument, kind_of
from registry.domain.ids import RepositoryName, TemplateName

_PENDING = (
    select(outbox, repositories.c.name.label("repository"))
    .join(repositories, repositories.c.id == outbox.c.repository_id)
    .where(outbox.c.kind.in_(bindparam("kinds", expanding=True)))
    .order_by(outbox.c.sequence)
    .limit(bindparam("limit"))
)
_DONE = delete(outbox).where(dialect.one_of(outbox.c.sequence, "sequences"))
_DEPTH = select(func.count()).select_from(outbox.join(repositories, repositories.c.id == outbox.c.repository_id))


def _drop(connection: Connection, repository: RepositoryName, sequences: Sequence[int]) -> None:
    connection.execute(_DONE, {"sequences": sequences})
    dialect.tell(connection, dialect.FED, repository)


class SqlOutbox:
    """The outbox beside the rows that it speaks of, so that a batch and what it asks for are committed as one.

    ``fed`` says for which search index: each has entries of its own, so that one that is away does not hold up another.
    Whoever sees the ``urgent`` ones alone sees documents, and none of a repository whose index is being filled.
    """

    def __init__(self, database: Database, *, fed: Fed = Fed.OWN, urgent: bool = False) -> None:
        self._database = database
        self._fed = fed
        self._kinds = [kind_of(fed, OutboxKind.DOCUMENT)] if urgent else kinds_of(fed)
        # Made once: every search asks, and a statement is prepared by what it is.
        self._seen = [not_being_filled(fed)] if urgent else []
        counted = _DEPTH.where(outbox.c.kind.in_(self._kinds), *self._seen)
        self._depths = [
            (each, counted.where(database.counts_in(each, repositories.c.name))) for each in database.every()
        ]

    async def pending(self, limit: int = 500) -> list[OutboxEntry]:
        """The oldest entries, one a template; RENEW, documents and SWAP of a repository in this order."""
        found: list[OutboxEntry] = []
        for each in self._database.every():
            found += await each.read(partial(self._pending, each, limit), deadline=Deadline.BATCH)
        return found

    def _pending(self, each: Database, limit: int, connection: Connection) -> list[OutboxEntry]:
        statement = _PENDING.where(self._database.counts_in(each, repositories.c.name), *self._seen)
        return [entry_of(row) for row in connection.execute(statement, {"limit": limit, "kinds": self._kinds})]

    async def documents(self, entries: Sequence[OutboxEntry]) -> list[SearchDocument]:
        """The documents of the entries' templates as the catalogue has them now; others are left out."""
        wanted: defaultdict[RepositoryName, dict[TemplateName, int]] = defaultdict(dict)
        old: defaultdict[RepositoryName, list[OutboxEntry]] = defaultdict(list)
        for entry in entries:
            if entry.kind is OutboxKind.DOCUMENT:
                wanted[entry.repository][entry.name] = entry.ordinal
            elif entry.kind is OutboxKind.TEXT:
                old[entry.repository].append(entry)

        found: list[SearchDocument] = []
        for each in self._database.every():

            def read(connection: Connection, mine: Database = each) -> list[SearchDocument]:
                here = self._database.of
                now = (documents_of(connection, r, ordinals) for r, ordinals in wanted.items() if here(r) is mine)
                texts = (old_documents(connection, r, asked) for r, asked in old.items() if here(r) is mine)
                return [document for documents in (*now, *texts) for document in documents]

            found += await each.read(read, deadline=Deadline.BATCH)
        return found

    async def done(self, entries: Iterable[OutboxEntry]) -> None:
        """Drops entries after the search index has them; newer ones of the same templates stay."""
        sequences: defaultdict[RepositoryName, list[int]] = defaultdict(list)
        for entry in entries:
            sequences[entry.repository].append(entry.sequence)
        for repository, own in sequences.items():
            # Nobody waits for the disk: an entry that comes back is fed once more, which changes nothing.
            drop = partial(_drop, repository=repository, sequences=sorted(own))
            await self._database.of(repository).write(drop, durability=Durability.PASSING)
            await self._database.told(repository, dialect.FED, repository)

    async def depth(self) -> int:
        """How many entries wait."""
        counts = [await database.fetch(statement, {}) for database, statement in self._depths]
        return sum(int(count) for ((count,),) in counts)

    async def fed_at_least(self, repository: RepositoryName) -> int | None:
        """How many documents an index must hold that got all entries so far: those shown, without those that wait.

        None where the index was not told of everything: a set-up without it has projected meanwhile.
        """

        def read(connection: Connection) -> int | None:
            row = connection.execute(LIVE_BUILD, {"repository": repository}).one_or_none()
            if row is None:
                return 0
            if self._fed is Fed.ENGINE and not is_told(connection, row.repository_id, row.ordinal):
                return None
            return count_fed(connection, row.repository_id, row.id, self._fed)

        return await self._database.of(repository).read(read, deadline=Deadline.BATCH)

    async def fill(self, repository: RepositoryName) -> int:
        """Asks for a new search index: RENEW, an entry for every template, SWAP. Says how many templates.

        Whoever projects the repository waits meanwhile: both write the same entries anew.
        """

        def write(connection: Connection) -> int:
            row = find_locked_build(connection, repository)
            return fill(connection, row.repository_id, row.id, row.ordinal, self._fed) if row is not None else 0

        return await self._database.of(repository).write(write)
