"""Feeds the search index from SQL alone, by the outbox, at least once."""

import logging
from collections import defaultdict
from itertools import groupby
from typing import Protocol

from registry.domain.catalogue import OutboxEntry, OutboxKind
from registry.domain.errors import Conflict, Unavailable
from registry.domain.ids import RepositoryName
from registry.ports.projection import Outbox
from registry.ports.search_index import CountedSearchIndex

log = logging.getLogger(__name__)

ENTRIES_AT_ONCE = 500
ENGINE_ENTRIES_AT_ONCE = 2_000
"""The same for a search engine, which takes them on several connections and holds up nobody who writes."""
URGENT_ENTRIES_AT_ONCE = 200
"""And of those that somebody waits for."""


class Feed(Protocol):
    """Sees to it that the search index has what the outbox names."""

    is_ours: bool
    """Whether this process feeds it."""

    async def drain(self) -> int:
        """Feeds, or waits for whoever feeds; says how many templates it fed. Raises Unavailable."""
        ...

    async def depth(self) -> int:
        """How many templates wait to be fed."""
        ...

    async def heal(self, repository: RepositoryName) -> bool:
        """Asks for a new index where the one that is searched is lost or lacks documents; True where it did."""
        ...


class SearchFeed:
    """Carries what the outbox names to the search index."""

    is_ours = True

    def __init__(self, *, outbox: Outbox, index: CountedSearchIndex, at_once: int = ENTRIES_AT_ONCE) -> None:
        self._outbox = outbox
        self._index = index
        self._at_once = at_once

    async def drain(self) -> int:
        """Feeds until the outbox is empty; says how many templates it fed. Raises Unavailable."""
        fed = 0
        while entries := await self._outbox.pending(self._at_once):
            for mark, run in groupby(entries, key=_mark):
                await self._feed(mark, list(run))
            fed += len(entries)
            if len(entries) < self._at_once:
                break  # what came meanwhile is fed by whoever asked for it
        return fed

    async def depth(self) -> int:
        """How many templates wait to be fed."""
        return await self._outbox.depth()

    async def heal(self, repository: RepositoryName) -> bool:
        """Asks for a new index where the one that is searched is lost or lacks documents; True where it did.

        Where a document waits it is left alone: then the index is behind, or being filled. Raises Unavailable.
        """
        if await self._outbox.waits(repository, texts=False):
            return False
        wanted = await self._outbox.fed_at_least(repository)
        if wanted is not None:
            there = await self._index.whole(repository)
            if there == wanted:
                return False
            waits = await self._outbox.waits(repository, texts=False)
            if waits or await self._outbox.fed_at_least(repository) != wanted:
                return False  # something was written meanwhile: the next look decides
            if there or wanted:  # else nothing was ever written there, and this is looked at every few seconds
                log.warning("the search index of %s has %s of %d documents", repository, there or "none", wanted)
        return bool(await self._outbox.fill(repository)) or wanted is None

    async def _feed(self, mark: OutboxKind | None, entries: list[OutboxEntry]) -> None:
        """Feeds documents and old texts together, or does what marks of one kind ask for."""
        if mark is None:
            await self._feed_documents(entries)
        for entry in entries:
            if mark is OutboxKind.RENEW and await self._still_waits(entry):
                await self._index.renew(entry.repository)
            elif mark is OutboxKind.SWAP:
                await self._swap(entry.repository)
        await self._outbox.done(entries)

    async def _still_waits(self, entry: OutboxEntry) -> bool:
        """Whether no other process has begun the new index by now: begun twice, it would lose what the other put."""
        return entry in await self._outbox.pending(self._at_once)

    async def _swap(self, repository: RepositoryName) -> None:
        """Raises Unavailable where the new index is short; all of it waits in the outbox again then."""
        wanted = await self._outbox.fed_at_least(repository)
        try:
            # Where the new index was not told of everything it will be filled again, but the newer serves meanwhile.
            await self._index.swap(repository, wanted or 0)
        except Conflict as error:
            await self._outbox.fill(repository)
            raise Unavailable(
                f"{error.message} A new one is filled at the next try: a running server tries by itself, else run "
                "promptuary index rebuild again."
            ) from error

    async def _feed_documents(self, entries: list[OutboxEntry]) -> None:
        documents = await self._outbox.documents(entries)
        present = {(document.repository, document.name) for document in documents if document.version is None}
        gone: defaultdict[RepositoryName, list[OutboxEntry]] = defaultdict(list)
        for entry in entries:
            if entry.kind is OutboxKind.DOCUMENT and (entry.repository, entry.name) not in present:
                gone[entry.repository].append(entry)
        for repository, removed in gone.items():
            await self._index.delete(repository, [e.name for e in removed], max(e.ordinal for e in removed))
        if documents:
            await self._index.put(documents)


def _mark(entry: OutboxEntry) -> OutboxKind | None:
    """Its kind where it marks the beginning or the end of a new index; None for what belongs into one."""
    return entry.kind if entry.kind in {OutboxKind.RENEW, OutboxKind.SWAP} else None
