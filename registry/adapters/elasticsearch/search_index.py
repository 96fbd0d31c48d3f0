"""Full-text search in Elasticsearch (``registry.ports.search_index.SearchIndex``)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from registry.adapters.elasticsearch.cluster import Cluster, NotThere, kept_there
from registry.adapters.elasticsearch.documents import Kept, kept_of, words_of
from registry.adapters.elasticsearch.generations import WHAT_IS_THERE, Generations
from registry.adapters.elasticsearch.queries import (
    alike,
    facets_of,
    no_facets,
    one_body,
    search_body,
    suggestions_body,
    wanted,
)
from registry.adapters.elasticsearch.standings import Standings
from registry.adapters.elasticsearch.writing import Writing
from registry.domain.catalogue import Checkpoint, SearchDocument
from registry.domain.cursors import make_cursor, read_cursor
from registry.domain.errors import TemplateNotFound
from registry.domain.highlighting import Highlighter
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.search import Highlight, Hit, Query, SearchPage, Standing, Suggestion, Suggestions, filter_values
from registry.domain.search_terms import Term, parse_terms
from registry.ports.catalogue import TemplateIndex

_PAGE = 5_000
_OLD_TEXT = 0.9
_UNKNOWN = Standing(latest=None)
OLD_TEXTS = "~versions"
"""Behind a namespace: what old texts are found by. No namespace can end so, and nothing of another's is swept."""


class ElasticsearchSearchIndex:
    """Finds templates by words, begins of words and parts of words, in Korean too; see ``docs/search.md``.

    Numbers, labels and tokens of what is found come from the catalogue: the index does not hold them, so a changed
    partial does not touch the documents of what includes it.
    """

    def __init__(self, cluster: Cluster, *, namespace: str, templates: TemplateIndex) -> None:
        self._cluster = cluster
        self._generations = Generations(cluster, namespace)
        self._old = Generations(cluster, f"{namespace}{OLD_TEXTS}")
        self._standings = Standings(templates)
        self._writing = Writing(cluster, now=self._generations, old=self._old)

    async def search(self, query: Query, at: Checkpoint | None = None) -> SearchPage:
        """The best hits with highlights and facet counts. Raises BadRequest for a cursor, Unavailable when away.

        The page says ``degraded`` where the index (or that of old texts, if it is asked) is not there or was not filled
        with every document, and where the catalogue could not be asked for numbers, labels and tokens.
        """
        request = _request(query)
        terms = parse_terms(query.text)
        scored = bool(terms) or query.like is not None
        after = None
        if query.cursor is not None:
            after = read_cursor(request, query.cursor, (float, str) if scored else (str,))
        whole = await self._generations.is_whole(query.repository)
        if query.looks_back and terms:
            whole = whole and await self._old.is_whole(query.repository)
        if query.text.strip() and not terms:
            return SearchPage((), 0, no_facets(), degraded=not whole)
        try:
            found, there = await self._found(query, terms, after)
        except NotThere:
            return SearchPage((), 0, no_facets(), degraded=True)
        hits = found["hits"]["hits"]
        page = hits[: query.limit]
        more = make_cursor(request, page[-1]["sort"]) if len(hits) > query.limit else None
        names = [hit["_source"]["name"] for hit in page]
        standings = await self._standings.find(query.repository, names, at)
        highlighter = Highlighter(terms)
        return SearchPage(
            hits=tuple(_hit(hit, standings or {}, highlighter) for hit in page),
            total=found["hits"]["total"]["value"],
            facets=facets_of(found["aggregations"]),
            degraded=not (whole and there) or standings is None,
            next_cursor=more,
        )

    async def _found(self, query: Query, terms: Sequence[Term], after: list[Any] | None) -> tuple[Any, bool]:
        """The answer, as of ``_ask``. Where no document has all terms, those that have any are found."""
        filters, sight = filter_values(query.filter), query.sight
        if query.like is not None:
            like = await self._alike(query.repository, query.like, sight)
            return await self._ask(query.repository, search_body(like, filters, query.limit + 1, after, sight))
        back = query.looks_back and bool(terms)
        every = search_body(wanted(terms, any_term=False, sight=sight), filters, query.limit + 1, after, sight)
        found, there = await self._ask(query.repository, every, back=back)
        if len(terms) > 1 and not found["hits"]["total"]["value"]:
            some = search_body(wanted(terms, any_term=True, sight=sight), filters, query.limit + 1, after, sight)
            return await self._ask(query.repository, some, back=back)
        return found, there

    async def _alike(self, repository: RepositoryName, name: TemplateName, sight: Sight) -> dict[str, Any]:
        """What is like a template. Raises TemplateNotFound, for one that is not seen as for none, NotThere.

        Which of its words are rare the engine knows of all documents alone: those that are not seen weigh in which
        words count and how much. They are not found by that, but for who does not see everything ask the catalogue.
        """
        found, _ = await self._ask(repository, one_body(name))
        hits = found["hits"]["hits"]
        if not hits or not sight.has(name):
            raise TemplateNotFound(f"The search index has no template {name}.")
        kept = kept_of(hits[0]["_source"])
        return alike(
            kept.name,
            words_of(kept.name, kept.facts, kept.body),
            kept.facts.tags,
            found["aggregations"]["all"]["doc_count"],
        )

    async def suggest(
        self, repository: RepositoryName, text: str, limit: int, sight: Sight = EVERYTHING
    ) -> Suggestions:
        """The templates seen whose names have every word that was typed. Raises Unavailable when away.

        They say ``degraded`` where the index is not there or was not filled with every document.
        """
        whole = await self._generations.is_whole(repository)
        terms = parse_terms(text)
        if not terms:
            return Suggestions(degraded=not whole)
        try:
            found, there = await self._ask(repository, suggestions_body(terms, limit, sight))
        except NotThere:
            return Suggestions(degraded=True)
        highlighter = Highlighter(terms)
        kept = (kept_of(hit["_source"]) for hit in found["hits"]["hits"])
        named = (Suggestion(each.name, each.facts.description, highlighter.ranges_of_name(each.name)) for each in kept)
        return Suggestions(tuple(named), degraded=not (whole and there))

    async def _ask(
        self, repository: RepositoryName, body: Mapping[str, Any], *, back: bool = False
    ) -> tuple[Any, bool]:
        """The answer to a search, and True; where an index that is searched is not there that of the rest, and False.

        With ``back`` over old texts too; those are worth less. Raises NotThere where there is nothing at all.
        """
        now, old = self._generations, self._old
        try:
            texts: Sequence[str] = (old.searched(repository),) if back else ()
            return await self._search((now.searched(repository),), texts, body), True
        except NotThere:
            texts = old.any_of(repository) if back else ()
            found = await self._search(now.any_of(repository), texts, body, params=WHAT_IS_THERE)
            if not found["_shards"]["total"]:
                raise
            return found, False

    async def _search(self, now: Sequence[str], old: Sequence[str], body: Mapping[str, Any], **how: Any) -> Any:
        if old:
            body = {**body, "indices_boost": [{name: _OLD_TEXT} for name in old]}
        return await self._cluster.ask("POST", f"/{','.join((*now, *old))}/_search", body, **how)

    async def put(self, documents: Sequence[SearchDocument]) -> None:
        """Adds or replaces documents, found from then on; one with a lower ordinal than what is there is ignored."""
        await self._writing.put(documents)

    async def delete(self, repository: RepositoryName, names: Sequence[TemplateName], ordinal: int) -> None:
        """Removes documents whose ordinal is not higher, and for an hour does not take older ones of these names."""
        await self._writing.delete(repository, names, ordinal)

    async def forget_former(self, repository: RepositoryName) -> None:
        """Deletes the indexes that were searched before, of old texts too, and what of the present ones was deleted."""
        for generations in (self._generations, self._old):
            await generations.keep_searched(repository)

    async def fingerprints(self, repository: RepositoryName) -> dict[TemplateName, str]:
        """Name → ``SearchDocument`` fingerprint of everything that is indexed, for ``index verify``."""
        every = self._every(self._generations, repository, "fingerprint")
        return {TemplateName(kept["name"]): kept["fingerprint"] async for kept in every}

    async def old_texts(self, repository: RepositoryName) -> set[tuple[TemplateName, int]]:
        """The templates and versions whose texts are indexed as old ones, for ``index verify``."""
        every = self._every(self._old, repository, "version")
        return {(TemplateName(kept["name"]), kept["version"]) async for kept in every}

    async def whole(self, repository: RepositoryName) -> int | None:
        """How many documents are searched, old texts not counted.

        None where the index, or that of old texts, is not there or was not filled with every document.
        """
        documents = await self._generations.documents(repository)
        return documents if documents is None or await self._old.is_filled(repository) else None

    async def _every(
        self, generations: Generations, repository: RepositoryName, field: str
    ) -> AsyncIterator[Mapping[str, Any]]:
        """The name and a field of every document; none where there is no index."""
        names = ",".join(generations.any_of(repository))
        body: dict[str, Any] = {"sort": [{"sort_key": "asc"}], "size": _PAGE, "_source": ["name", field]}
        await self._cluster.call("POST", f"/{names}/_refresh", params=WHAT_IS_THERE)
        while True:
            found = await self._cluster.call("POST", f"/{names}/_search", body, params=WHAT_IS_THERE)
            hits = found["hits"]["hits"]
            for hit in hits:
                yield hit["_source"]
            if len(hits) < _PAGE:
                break
            body["search_after"] = hits[-1]["sort"]

    async def renew(self, repository: RepositoryName) -> None:
        """Begins an empty index beside the live one."""
        with kept_there():
            await self._generations.begin(repository)
            await self._old.begin(repository)

    async def swap(self, repository: RepositoryName, at_least: int) -> None:
        """Puts the index that was begun in the place of the old one, which is kept for a cycle. Raises Conflict."""
        with kept_there():
            await self._generations.swap(repository, at_least)
            await self._old.swap(repository, 0)


def _request(query: Query) -> list[Any]:
    """What a cursor belongs to."""
    request = ["elasticsearch", query.repository, query.text, asdict(query.filter), query.like, query.versions]
    return request if query.sight.is_whole else [*request, query.sight.folders]


def _hit(found: Mapping[str, Any], standings: Mapping[TemplateName, Standing], highlighter: Highlighter) -> Hit:
    standing = standings.get(found["_source"]["name"], _UNKNOWN)
    kept = kept_of(found["_source"], standing.tokens)
    return Hit(
        name=kept.name,
        score=found["sort"][0] if len(found["sort"]) > 1 else 0.0,
        latest=standing.latest,
        facts=kept.facts,
        owners=kept.owners,
        labels=standing.labels,
        highlights=_highlights(highlighter, kept),
        version=kept.version,
    )


def _highlights(highlighter: Highlighter, kept: Kept) -> tuple[Highlight, ...]:
    """Of an old text that text alone: what else is known of it is not what was found."""
    if kept.version is not None:
        return highlighter.highlights_of_body(kept.body)
    return highlighter.highlights(kept.name, kept.facts, kept.body)
