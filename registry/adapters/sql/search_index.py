"""Full-text search in the catalogue's own database (``registry.ports.search_index.SearchIndex``)."""

import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from sqlalchemy import Connection, bindparam, select

from registry.adapters.sql import dialect, search_store
from registry.adapters.sql.builds import LIVE_BUILD
from registry.adapters.sql.engine import Database, Deadline
from registry.adapters.sql.old_texts import OldText, find_old_texts
from registry.adapters.sql.outbox_rows import any_waits
from registry.adapters.sql.search_likeness import find_alike
from registry.adapters.sql.search_listing import list_everything
from registry.adapters.sql.search_names import suggest_names
from registry.adapters.sql.search_ranking import Filters, Found, Search, facet_page
from registry.adapters.sql.tables import search_bodies, search_documents, templates
from registry.adapters.sql.template_index import live_build
from registry.adapters.sql.values import from_facts, from_json
from registry.domain.catalogue import Checkpoint, SearchDocument
from registry.domain.cursors import make_cursor, read_cursor
from registry.domain.highlighting import Highlighter
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.search import Hit, Query, SearchPage, Suggestions, facet_values, filter_values
from registry.domain.search_terms import Term, parse_terms

_PAGE = (
    select(search_documents.c.id, search_documents.c.name, search_bodies.c.document, search_bodies.c.body)
    .join(search_bodies, search_bodies.c.document_id == search_documents.c.id)
    .where(dialect.one_of(search_documents.c.id, "ids"))
)
_NOW = select(templates.c.name, templates.c.latest, templates.c.labels, templates.c.facts).where(
    templates.c.build_id == live_build, dialect.one_of(templates.c.name, "names")
)
_FINGERPRINTS = select(search_documents.c.name, search_documents.c.fingerprint).where(
    search_documents.c.index_id == bindparam("index")
)
_EMPTY = SearchPage(hits=(), total=0, facets=facet_page({}))

Ranked = list[tuple[float, bytes, int]]
"""Minus the score, the sort key and the number of each hit, best first: the order of pages."""


class SqlSearchIndex:
    """Finds templates by words, begins of words and parts of words, in Korean too; see ``docs/search.md``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, query: Query, _at: Checkpoint | None = None) -> SearchPage:
        """The best hits with highlights and facet counts. Raises BadRequest for a cursor, Unavailable when away."""
        request: list[Any] = ["search", query.repository, query.text, asdict(query.filter)]
        if query.like is not None or query.versions:
            request += [query.like, query.versions]
        if not query.sight.is_whole:
            request.append(query.sight.folders)
        after = None
        if query.cursor is not None:
            rank, key = read_cursor(request, query.cursor, (float, str))
            after = (float(rank), str(key).encode())

        def run(connection: Connection) -> SearchPage:
            index = search_store.find_index(connection, query.repository, "live")
            if index is None:
                return replace(_EMPTY, degraded=_is_to_come(connection, query.repository))
            return _search(connection, index, query, request, after)

        return await self._database.of(query.repository).read(run)

    async def suggest(
        self, repository: RepositoryName, text: str, limit: int, sight: Sight = EVERYTHING
    ) -> Suggestions:
        """The templates seen whose names have every word that was typed, the last maybe half typed; best first."""
        terms = parse_terms(text)

        def run(connection: Connection) -> Suggestions:
            index = search_store.find_index(connection, repository, "live")
            if index is None:
                return Suggestions(degraded=_is_to_come(connection, repository))
            return Suggestions(suggest_names(connection, index, terms, limit, sight) if terms else ())

        return await self._database.of(repository).read(run)

    async def put(self, documents: Sequence[SearchDocument]) -> None:
        """Adds or replaces documents; one with a lower ordinal than what is there is ignored."""
        newest: defaultdict[RepositoryName, dict[TemplateName, SearchDocument]] = defaultdict(dict)
        for document in sorted(documents, key=lambda each: each.ordinal):
            newest[document.repository][document.name] = document

        for repository, named in newest.items():
            put = partial(search_store.put_documents, repository=repository, documents=list(named.values()))
            await self._database.of(repository).write(put)

    async def delete(self, repository: RepositoryName, names: Sequence[TemplateName], ordinal: int) -> None:
        """Removes documents whose ordinal is not higher."""
        if names:
            await self._database.of(repository).write(
                lambda connection: search_store.delete_documents(connection, repository, names, ordinal)
            )

    def put_within(
        self,
        connection: Connection,
        repository: RepositoryName,
        documents: Sequence[SearchDocument],
        gone: Sequence[TemplateName],
        ordinal: int,
    ) -> None:
        """``put`` (each name once) and ``delete`` in the transaction of somebody who writes to the same database."""
        if documents:
            search_store.put_documents(connection, repository, documents)
        if gone:
            search_store.delete_documents(connection, repository, gone, ordinal)

    async def fingerprints(self, repository: RepositoryName) -> dict[TemplateName, str]:
        """Name → ``SearchDocument`` fingerprint of everything that is indexed, for ``index verify``."""

        def read(connection: Connection) -> dict[TemplateName, str]:
            index = search_store.find_index(connection, repository, "live")
            rows = connection.execute(_FINGERPRINTS, {"index": index}) if index is not None else ()
            return {row.name: row.fingerprint for row in rows}

        return await self._database.of(repository).read(read, deadline=Deadline.BATCH)

    async def old_texts(self, _repository: RepositoryName) -> None:
        """None: they are looked through where they lie."""

    async def whole(self, repository: RepositoryName) -> int | None:
        """How many documents are searched; None where there is no index."""

        def read(connection: Connection) -> int | None:
            index = search_store.find_index(connection, repository, "live")
            return search_store.count_documents(connection, index) if index is not None else None

        return await self._database.of(repository).read(read)

    async def renew(self, repository: RepositoryName) -> None:
        """Begins an empty index beside the live one; where there is none, puts go to the live one from the start."""
        await self._database.of(repository).write(lambda connection: search_store.renew_index(connection, repository))
        await self._sweep(repository)

    async def swap(self, repository: RepositoryName, at_least: int) -> None:
        """Puts the index that was begun in the place of the old one. Nothing where none was begun.

        Raises Conflict where it holds fewer documents than ``at_least``: then the old one stays and is searched.
        What bulk writing left undone is done first.
        """
        while await self._database.of(repository).write(
            lambda connection: search_store.finish_some(connection, repository), deadline=Deadline.INDEX
        ):
            pass
        await self._database.of(repository).write(
            lambda connection: search_store.swap_index(connection, repository, at_least)
        )
        await self._sweep(repository)

    async def forget(self, repository: RepositoryName) -> None:
        """Drops the indexes of a repository, whose documents are searched elsewhere from now on."""
        await self._database.of(repository).write(lambda on: search_store.retire_all(on, repository))
        await self._sweep(repository)

    async def _sweep(self, repository: RepositoryName) -> None:
        while await self._database.of(repository).write(search_store.sweep_some):
            pass


def _is_to_come(connection: Connection, repository: RepositoryName) -> bool:
    """Whether an index that is not there may be missing: nothing was projected yet, or what was still waits."""
    row = connection.execute(LIVE_BUILD, {"repository": repository}).one_or_none()
    return row is None or any_waits(connection, row.repository_id)


def _search(
    connection: Connection, index: int, query: Query, request: list[Any], after: tuple[float, bytes] | None
) -> SearchPage:
    terms = parse_terms(query.text)
    if query.text.strip() and not terms:
        return _EMPTY
    filters, sight = filter_values(query.filter), query.sight
    narrowed = bool(filters) or not sight.is_whole
    old: Sequence[OldText] = ()
    if query.like is not None:
        found = find_alike(connection, index, query.like, filters, sight)
    elif terms or narrowed:
        found = Search(connection, index, terms, filters, sight).run()
    if not terms and query.like is None and (not narrowed or not found.exact):
        known = found if narrowed else None
        found, ranked = list_everything(connection, index, filters, sight, query.limit + 1, after, known)
    else:
        old = _old_texts(connection, query, terms, filters, found)
        ranked = sorted(
            [(-score, row.sort_key, row.id) for score, row in found.hits]
            + [(-text.score, text.key, -place) for place, text in enumerate(old, 1)]
        )
        if after is not None:
            ranked = [each for each in ranked if each[:2] > after]
    page = ranked[: query.limit]
    more = None
    if len(ranked) > query.limit:
        more = make_cursor(request, [float(page[-1][0]), page[-1][1].decode()])
    hits = _hits(connection, query, page, old, Highlighter(terms)) if page else ()
    return SearchPage(hits, found.total, facet_page(found.counts), exact=found.exact, next_cursor=more)


def _old_texts(
    connection: Connection, query: Query, terms: Sequence[Term], filters: Filters, found: Found
) -> Sequence[OldText]:
    """The old texts that the query finds, counted with what was found."""
    others = [facet for facet, _ in filters if facet != "folder"]
    if not query.looks_back or not terms or others:
        return ()
    old, whole = find_old_texts(connection, query.repository, terms, dict(filters).get("folder"), query.sight)
    found.total += len(old)
    found.exact = found.exact and whole
    for text in old:
        for facet, value in facet_values(text.name, None, (), ()):
            found.counts.setdefault(facet, Counter())[value] += 1
    return old


def _hits(
    connection: Connection, query: Query, page: Ranked, old: Sequence[OldText], highlighter: Highlighter
) -> tuple[Hit, ...]:
    rows = connection.execute(_PAGE, {"ids": [number for _, _, number in page if number > 0]})
    by_id: dict[int, Any] = {row.id: row for row in rows}
    names = [*(row.name for row in by_id.values()), *(text.name for text in old)]
    now = connection.execute(_NOW, {"repository": query.repository, "names": names})
    catalogue = {row.name: row for row in now}
    hits = []
    for rank, _, number in page:
        if number < 0:
            hits.append(_old_hit(old[-number - 1], catalogue, highlighter))
            continue
        row = by_id[number]
        stored = search_store.stored_of(row.document)
        entry = catalogue.get(row.name)
        facts = stored.facts
        if entry is not None and entry.facts is not None:
            facts = replace(facts, tokens=from_facts(entry.facts).tokens)
        body = zlib.decompress(row.body).decode()
        hits.append(
            Hit(
                name=row.name,
                score=-rank,
                latest=entry.latest if entry is not None else None,
                facts=facts,
                owners=stored.owners,
                labels=(from_json(entry.labels) or {}) if entry is not None else {},
                highlights=highlighter.highlights(row.name, facts, body),
            )
        )
    return tuple(hits)


def _old_hit(text: OldText, catalogue: Mapping[str, Any], highlighter: Highlighter) -> Hit:
    entry = catalogue.get(text.name)
    body = unicodedata.normalize("NFC", text.body)
    return Hit(
        name=text.name,
        score=text.score,
        latest=entry.latest if entry is not None else None,
        facts=text.facts,
        labels=(from_json(entry.labels) or {}) if entry is not None else {},
        highlights=highlighter.highlights_of_body(body),
        version=text.number,
    )
