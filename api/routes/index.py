"""The state of the projection."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.dependencies import RegistryDep, Repository
from api.documented import problems
from api.freshness import FRESH, FRESH_READ
from api.indexed import commit_header
from api.needs import REPOSITORY_READER
from api.schemas.fields import ReadQuery
from api.schemas.index import IndexState

router = APIRouter(tags=["index"])


@router.get("/index", dependencies=[REPOSITORY_READER, FRESH], responses=problems(*FRESH_READ))
async def read_index(
    registry: RegistryDep, repository: Repository, _query: Annotated[ReadQuery, Query()], response: Response
) -> IndexState:
    """How far the repository has been projected."""
    (status,) = await registry.indexing.status(repository)
    response.headers.update(commit_header(status.indexed))
    return IndexState.from_domain(status)
