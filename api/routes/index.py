"""The state of the projection."""

from fastapi import APIRouter, Response

from api.dependencies import RegistryDep, Repository
from api.documented import READ, problems
from api.indexed import commit_header
from api.schemas.index import IndexState

router = APIRouter(tags=["index"])


@router.get("/index", responses=problems(*READ))
async def read_index(registry: RegistryDep, repository: Repository, response: Response) -> IndexState:
    """How far the repository has been projected."""
    (status,) = await registry.indexing.status(repository)
    response.headers.update(commit_header(status.indexed))
    return IndexState.from_domain(status)
