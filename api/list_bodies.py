"""The long answers, lists and search, as plain values for orjson.

A model of pydantic for each template, hit and count took longer to make than all that had to be looked up for it. The
models of ``schemas`` document these answers, and the tests hold every answer to them.
"""

from collections.abc import Sequence
from dataclasses import replace

from starlette.responses import Response

from api.answer_cache import AnswerCache
from api.answers import Answer, json_bytes, make_answer
from api.errors import diagnostic_body
from api.indexed import commit_header
from registry.bootstrap import Registry
from registry.domain.catalogue import Checkpoint, Page, TemplateEntry
from registry.domain.errors import Unavailable
from registry.domain.ids import CommitId, RepositoryName
from registry.domain.rights import Sight
from registry.domain.search import Hit, Query, SearchPage, Suggestions

Body = dict[str, object]


def json_response(body: Body, commit: CommitId | None) -> Response:
    """The answer of a route; ``commit`` is what it has seen at least."""
    return make_answer(json_bytes(body), headers=commit_header(commit)).response()


async def search_answer(registry: Registry, answers: AnswerCache, query: Query) -> Answer:
    """The answer to a search. Raises BadRequest for a query or a cursor that cannot be read, Unavailable."""
    seen = await _checkpoint_seen(answers, query.repository)
    page = await registry.search.search(query, seen)
    if seen is None:
        page = replace(page, degraded=_may_lack(registry, query.repository, page.hits))
    return make_answer(json_bytes(search_body(page)), headers=commit_header(seen.commit if seen else None))


async def suggestions(
    registry: Registry, answers: AnswerCache, repository: RepositoryName, text: str, limit: int, sight: Sight
) -> Suggestions:
    """Templates whose names go on as typed. Raises BadRequest for a text that is too long, Unavailable."""
    seen = await _checkpoint_seen(answers, repository)
    made = await registry.search.suggest(repository, text, limit, sight)
    return made if seen else replace(made, degraded=_may_lack(registry, repository, made.found))


def _may_lack(registry: Registry, repository: RepositoryName, found: Sequence[object]) -> bool:
    """Whether a search without a checkpoint may lack something; of a repository without commits nothing is missing."""
    return bool(found) or not registry.repositories.is_unborn(repository)


async def _checkpoint_seen(answers: AnswerCache, repository: RepositoryName) -> Checkpoint | None:
    """None while the catalogue is away, or has nothing: a search engine answers without it, as far as it knows."""
    try:
        stamp = await answers.stamp(repository)
    except Unavailable:
        return None
    return stamp if isinstance(stamp, Checkpoint) and not answers.is_away(repository) else None


def list_body(page: Page[TemplateEntry]) -> Body:
    """The fields of ``schemas.templates.TemplateList``."""
    return {"templates": [_summary(entry) for entry in page.items], "next_cursor": page.next_cursor}


def _summary(entry: TemplateEntry) -> Body:
    facts = entry.facts
    return {
        "name": entry.name,
        "version": entry.version,
        "latest": entry.latest,
        "default": entry.default,
        "type": facts.type.value if facts else None,
        "description": facts.description if facts else "",
        "tags": facts.tags if facts else (),
        "status": facts.status.value if facts else None,
        "replaced_by": facts.replaced_by if facts else None,
        "model": facts.model if facts else None,
        "variables": facts.variables if facts else (),
        "tokens": facts.tokens if facts else 0,
        "labels": entry.labels,
        "owners": entry.owners,
        "commit": entry.commit,
        "updated_at": entry.updated_at,
        "diagnostics": [diagnostic_body(each) for each in entry.diagnostics],
    }


def search_body(page: SearchPage) -> Body:
    """The fields of ``schemas.search.SearchAnswer``."""
    return {
        "hits": [_hit(hit) for hit in page.hits],
        "total": page.total,
        "facets": {
            facet: [{"value": value, "count": count} for value, count in counts]
            for facet, counts in page.facets.items()
        },
        "exact": page.exact,
        "degraded": page.degraded,
        "next_cursor": page.next_cursor,
    }


def _hit(hit: Hit) -> Body:
    facts = hit.facts
    return {
        "name": hit.name,
        "score": hit.score + 0.0,  # -0.0 becomes 0.0
        "latest": hit.latest,
        "version": hit.version,
        "type": facts.type.value,
        "description": facts.description,
        "tags": facts.tags,
        "status": facts.status.value,
        "model": facts.model,
        "variables": facts.variables,
        "tokens": facts.tokens,
        "labels": hit.labels,
        "owners": hit.owners,
        "highlights": [
            {"field": each.field, "fragment": each.fragment, "ranges": each.ranges} for each in hit.highlights
        ],
    }
