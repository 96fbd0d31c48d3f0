"""What still has to reach the search index (``registry.ports.projection.Outbox``)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, select

from registry.adapters.sql import dialect
from registry.adapters.sql.builds import LIVE_BUILD, find_locked_build
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.old_texts import old_documents
from registry.adapters.sql.outbox_rows import (
    DOCUMENTS,
    count_fed,
    documents_from,
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
        # Made once: every search asks, and a statement is prepared by what it is.
        self._urgent = urgent
        document = outbox.c.kind == kind_of(fed, OutboxKind.DOCUMENT)
        mine = [document, not_being_filled(fed)] if urgent else [outbox.c.kind.in_(kinds_of(fed))]
        self._statements = [
            (each, _PENDING.where(*mine, counts), _DEPTH.where(*mine, counts))
            for each in database.every()
            for counts in [database.counts_in(each, repositories.c.name)]
        ]

    async def pending(self, limit: int = 500) -> list[OutboxEntry]:
        """The oldest entries, one a template; RENEW, documents and SWAP of a repository in this order."""
        found: list[OutboxEntry] = []
        for each, pending, _ in self._statements:
            found += map(entry_of, await self._rows(each, pending, {"limit": limit}))
        return found

    async def _rows(self, database: Database, statement: Select[Any], values: Mapping[str, Any]) -> Sequence[Row[Any]]:
        """Those of a statement; what is urgent is few, and somebody waits for it."""
        if self._urgent:
            return await database.fetch(statement, values)
        return await database.read(lambda on: on.execute(statement, values).all(), deadline=Deadline.BATCH)

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
        for repository, ordinals in wanted.items():
            values = {"repository": repository, "names": list(ordinals)}
            rows = await self._rows(self._database.of(repository), DOCUMENTS, values)
            found += documents_from(rows, repository, ordinals)
        for repository, asked in old.items():
            read = partial(old_documents, repository=repository, entries=asked)
            found += await self._database.of(repository).read(read, deadline=Deadline.BATCH)
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
        counts = [await each.fetch(depth, {}) for each, _, depth in self._statements]
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
