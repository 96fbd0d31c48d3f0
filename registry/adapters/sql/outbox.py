"""What still has to reach the search index (``registry.ports.projection.Outbox``)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Integer, Row, Select, bindparam, delete, func, select, true

from registry.adapters.sql import dialect
from registry.adapters.sql.builds import LIVE_BUILD, find_locked_build
from registry.adapters.sql.engine import Database, Deadline, Durability
from registry.adapters.sql.old_texts import old_documents
from registry.adapters.sql.outbox_rows import (
    DOCUMENTS,
    count_fed,
    documents_from,
    documents_of,
    entry_of,
    fill,
    has_some,
    is_being_filled,
    is_kind,
    is_told,
    kinds_of,
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
_NUMBER = bindparam("number", type_=Integer)
_OF_NUMBER = (
    select(outbox)
    .where(outbox.c.repository_id == _NUMBER)
    .order_by(outbox.c.name)  # as the index has them: no other entry is looked at
    .limit(bindparam("limit"))
)
_NUMBERED = select(repositories.c.id, repositories.c.name)
_DONE = delete(outbox).where(dialect.one_of(outbox.c.sequence, "sequences"))
_DEPTH = select(func.count()).select_from(outbox.join(repositories, repositories.c.id == outbox.c.repository_id))

_OF_REPOSITORY = repositories.c.name == bindparam("repository")


def _rows(connection: Connection, statement: Select[Any], limit: int) -> Sequence[Row[Any]]:
    return connection.execute(statement, {"limit": limit}).all()


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
        self._urgent = urgent
        document, text = (kind_of(fed, kind) for kind in (OutboxKind.DOCUMENT, OutboxKind.TEXT))
        kinds = [document] if urgent else kinds_of(fed)
        is_seen = ~is_being_filled(repositories.c.id, fed) if urgent else true()
        # Made once: they are asked for again and again, and a statement is prepared by what it is.
        self._pending = self._of_each(_PENDING.where(is_kind(kinds)))
        self._urgent_of = _OF_NUMBER.where(is_kind([document]), ~is_being_filled(_NUMBER, fed))
        counted = {True: kinds, False: [kind for kind in kinds if kind != text]}
        waits = {texts: _NUMBERED.where(has_some(repositories.c.id, some), is_seen) for texts, some in counted.items()}
        self._depths = {texts: self._of_each(_DEPTH.where(is_kind(some), is_seen)) for texts, some in counted.items()}
        self._waits = {texts: self._of_each(statement) for texts, statement in waits.items()}
        self._waits_of = {texts: statement.where(_OF_REPOSITORY) for texts, statement in waits.items()}

    def _of_each(self, statement: Select[Any]) -> list[tuple[Database, Select[Any]]]:
        """Each database, with what is asked of it: of several, what counts there."""
        counts_in = self._database.counts_in
        return [(each, statement.where(counts_in(each, repositories.c.name))) for each in self._database.every()]

    async def pending(self, limit: int = 500) -> list[OutboxEntry]:
        """The oldest entries, one a template; RENEW, documents and SWAP of a repository in this order.

        Of urgent ones, which may come in any order, so many of each repository.
        """
        if self._urgent:
            return await self._urgent_ones(limit)
        found: list[OutboxEntry] = []
        for each, statement in self._pending:
            asked = partial(_rows, statement=statement, limit=limit)
            found += [entry_of(row, row.repository) for row in await each.read(asked, deadline=Deadline.BATCH)]
        return found

    async def _urgent_ones(self, limit: int) -> list[OutboxEntry]:
        """Those are few, and somebody waits: they are looked up where they are, among however many others."""
        found: list[OutboxEntry] = []
        for each, statement in self._waits[True]:
            for repository in await each.fetch(statement, {}):
                rows = await each.fetch(self._urgent_of, {"number": repository.id, "limit": limit})
                found += [entry_of(row, repository.name) for row in rows]
        return found

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
            database = self._database.of(repository)
            if self._urgent:
                rows = await database.fetch(DOCUMENTS, {"repository": repository, "names": list(ordinals)})
                found += documents_from(rows, repository, ordinals)
            else:
                read = partial(documents_of, repository=repository, ordinals=ordinals)
                found += await database.read(read, deadline=Deadline.BATCH)
        for repository, asked in old.items():
            texts = partial(old_documents, repository=repository, entries=asked)
            found += await self._database.of(repository).read(texts, deadline=Deadline.BATCH)
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

    async def depth(self, *, texts: bool = True) -> int:
        """How many entries wait, with or without texts that templates had. It counts them: ``waits`` is quicker."""
        counts = [await each.fetch(statement, {}) for each, statement in self._depths[texts]]
        return sum(int(count) for ((count,),) in counts)

    async def waits(self, repository: RepositoryName | None = None, *, texts: bool = True) -> bool:
        """Whether an entry waits, of a repository or of any; with or without texts that templates had."""
        if repository is not None:
            of_repository = self._waits_of[texts]
            return bool(await self._database.of(repository).fetch(of_repository, {"repository": repository}))
        for each, statement in self._waits[texts]:
            if await each.fetch(statement, {}):
                return True
        return False

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
