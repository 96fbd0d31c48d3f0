"""Where the lines of a template come from."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.dependencies import Name, RegistryDep, Repository
from api.documented import STATE, problems
from api.freshness import FRESH, FRESH_READ
from api.indexed import commit_header, indexed_commit
from api.schemas.blames import BlameAnswer
from api.schemas.fields import SelectorQuery

router = APIRouter(tags=["versions"])


@router.get("/blame/{name:path}", dependencies=[FRESH], responses=problems(*FRESH_READ, *STATE))
async def blame_template(
    registry: RegistryDep,
    repository: Repository,
    name: Name,
    query: Annotated[SelectorQuery, Query()],
    response: Response,
) -> BlameAnswer:
    """Which commit and version brought each line of a template, across renames.

    First parents count: what a merge request brought is its merge's, which is the commit that made the version.
    """
    response.headers.update(commit_header(await indexed_commit(registry, repository)))
    return BlameAnswer.from_domain(await registry.blames.blame(repository, name, query.selector()))
