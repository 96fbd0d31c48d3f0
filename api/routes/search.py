"""Full-text search."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.dependencies import RegistryDep, Repository
from api.documented import READ, problems
from api.indexed import add_commit, indexed_commit
from api.schemas.search import SearchAnswer, SearchQuery

router = APIRouter(tags=["search"])


@router.get("/search", responses=problems(*READ))
async def search(
    registry: RegistryDep, repository: Repository, query: Annotated[SearchQuery, Query()], response: Response
) -> SearchAnswer:
    """Finds templates by words, prefixes and substrings, in Korean too, with highlights and facets."""
    add_commit(response, await indexed_commit(registry, repository))
    return SearchAnswer.from_domain(await registry.search.search(query.query(repository)))
