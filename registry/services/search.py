"""Searching templates."""

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from cachetools import TTLCache

from registry.domain.catalogue import Checkpoint
from registry.domain.errors import BadRequest, Unavailable
from registry.domain.ids import RepositoryName
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.search import Query, SearchPage, Suggestions
from registry.ports.projection import Outbox
from registry.ports.search_index import CountedSearchIndex

log = logging.getLogger(__name__)

_Found = TypeVar("_Found", SearchPage, Suggestions)

LONGEST_QUERY = 1_000
KEPT_HITS = 4_000
"""How many hits of answers are kept at most, all together."""

KEPT_SECONDS = 10.0
"""How long: an index that lost something is filled anew for the same checkpoint, and its answers are others then."""

FED_SECONDS = 1.0
"""How long it is believed that an index has everything, so that not every search has the outbox looked at."""

CATCHING_UP_SECONDS = 10.0
"""How long, after it was away, an index is asked only where it has everything: it gets first what it missed."""

_FED = 10_000

AGAIN = "begin again without a cursor"


class Search:
    """Finds templates of the default branch by words, prefixes and substrings.

    Where there is a search engine, the catalogue's own full text is the ``fallback``: it answers while the engine is
    away, or has not everything, and the page says so.
    """

    def __init__(
        self, *, index: CountedSearchIndex, outbox: Outbox, fallback: CountedSearchIndex | None = None
    ) -> None:
        self._index = index
        self._outbox = outbox
        self._fallback = fallback
        self._kept: TTLCache[tuple[Query, Checkpoint], SearchPage] = TTLCache(
            KEPT_HITS, KEPT_SECONDS, getsizeof=lambda page: len(page.hits) + 1
        )
        self._fed: TTLCache[tuple[RepositoryName, bool], Checkpoint] = TTLCache(_FED, FED_SECONDS)
        self._catching_up_until = 0.0

    async def search(self, query: Query, at: Checkpoint | None = None) -> SearchPage:
        """The best hits with highlights and facets. Raises BadRequest for a query or cursor that cannot be read.

        ``at`` is the checkpoint that the caller has read: answers are kept for it. What the reader sees is in the
        query, so that an answer is kept for those alone who see the same.
        """
        _check_length(query.text)
        if query.like is not None and query.text.strip():
            raise BadRequest("Search for words (q) or for templates like one (like), not for both.")
        if at is None:
            return await self._ask(query, at)
        kept = self._kept.get((query, at))
        if kept is not None:
            return kept
        # Asked before the search: what the index was fed by now it has when it answers.
        fed = await self._is_fed(at, texts=query.versions)
        page = await self._ask(query, at)
        if fed and not page.degraded:
            self._kept[query, at] = page
        return page

    async def _is_fed(self, at: Checkpoint, *, texts: bool) -> bool:
        """Whether the index has, or a moment ago had, all that there is up to a checkpoint."""
        if self._fed.get((at.repository, texts)) == at:
            return True
        try:
            fed = not await self._outbox.waits(at.repository, texts=texts)
        except Unavailable:
            return False
        if fed:
            self._fed[at.repository, texts] = at
        return fed

    async def suggest(
        self, repository: RepositoryName, text: str, limit: int, sight: Sight = EVERYTHING
    ) -> Suggestions:
        """Templates seen whose names go on as typed, best first. Raises BadRequest for a text that is too long."""
        _check_length(text)
        return await self._answered(
            repository,
            lambda index: index.suggest(repository, text, limit, sight),
            partial(log.info, "the catalogue suggests: %s"),
        )

    async def _ask(self, query: Query, at: Checkpoint | None) -> SearchPage:
        if self._fallback is not None and query.like is not None and not query.sight.is_whole:
            # The engine tells by all documents which words are rare; the catalogue by those that are seen.
            return await self._fallback.search(query, at)
        if self._fallback is not None and query.cursor is not None:
            return await self._go_on(self._fallback, query, at)
        return await self._answered(
            query.repository,
            lambda index: index.search(query, at),
            partial(log.warning, "the catalogue answers a search: %s"),
        )

    async def _answered(
        self,
        repository: RepositoryName,
        ask: Callable[[CountedSearchIndex], Awaitable[_Found]],
        tell: Callable[[str], None],
    ) -> _Found:
        """What the index has, else what the fallback has, which says ``degraded``."""
        if self._fallback is None:
            return await ask(self._index)
        if await self._is_catching_up(repository):
            with suppress(Unavailable):
                return replace(await ask(self._fallback), degraded=True)
        try:
            found = await ask(self._index)
        except Unavailable as error:
            self._note_away()
            tell(error.message)
            return await self._instead(self._fallback, ask)
        if not found.degraded:
            return found
        try:
            return replace(await ask(self._fallback), degraded=True)
        except Unavailable:
            return found  # what the engine has is more than nothing

    async def _instead(
        self, fallback: CountedSearchIndex, ask: Callable[[CountedSearchIndex], Awaitable[_Found]]
    ) -> _Found:
        """What the fallback has; where that is away, too, the index' answer after all: it may have been slow only."""
        try:
            return replace(await ask(fallback), degraded=True)
        except Unavailable:
            return replace(await ask(self._index), degraded=True)

    async def _go_on(self, fallback: CountedSearchIndex, query: Query, at: Checkpoint | None) -> SearchPage:
        """A further page, of whichever index began the list."""
        try:
            return await self._index.search(query, at)
        except Unavailable as error:
            self._note_away()
            log.warning("the catalogue answers a search: %s", error.message)
            away = True
        except BadRequest:
            away = False  # it is of a list that the fallback began, if of one
        try:
            return replace(await fallback.search(query, at), degraded=True)
        except BadRequest as error:
            if away:
                raise Unavailable(f"The search engine is away, and this is a page of its list: {AGAIN}.") from error
            raise

    def _note_away(self) -> None:
        self._catching_up_until = time.monotonic() + CATCHING_UP_SECONDS

    async def _is_catching_up(self, repository: RepositoryName) -> bool:
        """Whether the index was away a moment ago, and has not got yet what it missed."""
        if time.monotonic() >= self._catching_up_until:
            return False
        try:
            return await self._outbox.waits(repository, texts=False)
        except Unavailable:
            return False  # the catalogue cannot answer in its place


def _check_length(text: str) -> None:
    if len(text) > LONGEST_QUERY:
        raise BadRequest(f"The query has {len(text)} characters; at most {LONGEST_QUERY} are taken.")
