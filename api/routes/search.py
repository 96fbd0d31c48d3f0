"""Full-text search."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.dependencies import Answers, RegistryDep, Repository
from api.documented import problems
from api.freshness import FRESH_READ, FRESH_SEARCH
from api.list_bodies import search_answer, suggestions
from api.needs import Reader
from api.schemas.search import SearchAnswer, SearchQuery, Suggestions, SuggestionsQuery

router = APIRouter(tags=["search"])


@router.get(
    "/search",
    response_model=SearchAnswer,
    dependencies=[FRESH_SEARCH],
    responses=problems(*FRESH_READ),
)
async def search(
    registry: RegistryDep,
    caller: Reader,
    answers: Answers,
    repository: Repository,
    query: Annotated[SearchQuery, Query()],
) -> Response:
    """Finds templates by words, prefixes and substrings, in Korean too, or those like one.

    With highlights and facets.
    """
    return (await search_answer(registry, answers, query.query(repository, caller.sight(repository)))).response()


@router.get("/search/suggestions", dependencies=[FRESH_SEARCH], responses=problems(*FRESH_READ))
async def suggest(
    registry: RegistryDep,
    caller: Reader,
    answers: Answers,
    repository: Repository,
    query: Annotated[SuggestionsQuery, Query()],
) -> Suggestions:
    """Names templates while somebody types: those whose names have every word that was typed."""
    sight = caller.sight(repository)
    return Suggestions.from_domain(await suggestions(registry, answers, repository, query.q, query.limit, sight))
