"""Full-text search."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.dependencies import RegistryDep, Repository
from api.documented import problems
from api.freshness import FRESH, FRESH_READ
from api.indexed import indexed_commit
from api.list_bodies import json_response, search_body
from api.schemas.search import SearchAnswer, SearchQuery, Suggestions, SuggestionsQuery
from registry.domain.errors import Unavailable

router = APIRouter(tags=["search"])


@router.get("/search", response_model=SearchAnswer, dependencies=[FRESH], responses=problems(*FRESH_READ))
async def search(registry: RegistryDep, repository: Repository, query: Annotated[SearchQuery, Query()]) -> Response:
    """Finds templates by words, prefixes and substrings, in Korean too, or those like one.

    With highlights and facets.
    """
    try:
        commit = await indexed_commit(registry, repository)
    except Unavailable:
        commit = None  # a search engine answers without the catalogue, as far as it knows
    return json_response(search_body(await registry.search.search(query.query(repository), commit)), commit)


@router.get("/search/suggestions", dependencies=[FRESH], responses=problems(*FRESH_READ))
async def suggest(
    registry: RegistryDep, repository: Repository, query: Annotated[SuggestionsQuery, Query()]
) -> Suggestions:
    """Names templates while somebody types: those whose names have every word that was typed."""
    return Suggestions.from_domain(await registry.search.suggest(repository, query.q, query.limit))
