"""The repositories on this server."""

from fastapi import APIRouter

from api.dependencies import NO_QUERY, Caller, RegistryDep
from api.documented import problems
from api.schemas.repositories import RepositoryList
from registry.domain import errors as domain

router = APIRouter(tags=["repositories"])


@router.get(
    "/repositories",
    dependencies=[NO_QUERY],
    responses=problems(domain.Unauthenticated, domain.BadRequest, domain.Unavailable),
)
async def list_repositories(registry: RegistryDep, caller: Caller) -> RepositoryList:
    """Every repository on this server of which you may read something."""
    return RepositoryList.from_domain(registry.repositories.names(caller.rights))
