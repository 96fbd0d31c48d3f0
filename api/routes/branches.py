"""Branches: which there are, making and deleting them."""

from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response

from api.dependencies import NO_QUERY, RegistryDep, Repeatable, Repository
from api.documented import READ, WRITE, problems
from api.indexed import commit_header, indexed_commit
from api.json_bodies import JsonRoute
from api.needs import REPOSITORY_READER, BranchMaker, RepositoryAuthor
from api.schemas.branches import BranchBody, BranchesQuery, BranchList, BranchMade, BranchRequest
from registry.domain import errors as domain

router = APIRouter(tags=["branches"], route_class=JsonRoute)

BranchName = Annotated[
    str, Path(description="The branch; its slashes stand in the path as they are.", examples=["feature/brief"])
]
_TAG = {"ETag": {"description": "The tip's id, for If-Match.", "schema": {"type": "string"}}}


@router.get("/branches", dependencies=[REPOSITORY_READER], responses=problems(*READ))
async def list_branches(
    registry: RegistryDep, repository: Repository, query: Annotated[BranchesQuery, Query()], response: Response
) -> BranchList:
    """The branches, each with its tip and how far it is from the default branch."""
    response.headers.update(commit_header(await indexed_commit(registry, repository)))
    page = await registry.branches.list_branches(repository, limit=query.limit, cursor=query.cursor)
    return BranchList.from_domain(page)


@router.post(
    "/branches",
    status_code=201,
    dependencies=[NO_QUERY],
    responses={201: {"headers": _TAG}, **problems(*WRITE, domain.RevisionNotFound, 415, 422)},
)
async def create_branch(
    registry: RegistryDep,
    caller: BranchMaker,
    repository: Repository,
    body: BranchRequest,
    response: Response,
    key: Repeatable,
) -> BranchMade:
    """Makes a branch. Faults of its templates are told as warnings; only the default branch must be valid."""
    branch, warnings = await registry.branches.create(repository, body.name, body.start, actor=caller, key=key)
    response.headers["etag"] = f'"{branch.tip.id}"'
    response.headers.update(commit_header(await indexed_commit(registry, repository)))
    return BranchMade.from_domain(branch, warnings)


@router.get(
    "/branches/{name:path}",
    dependencies=[REPOSITORY_READER, NO_QUERY],
    responses={200: {"headers": _TAG}, **problems(*READ, domain.RevisionNotFound)},
)
async def read_branch(
    registry: RegistryDep, repository: Repository, name: BranchName, response: Response
) -> BranchBody:
    """One branch."""
    branch = await registry.branches.read(repository, name)
    response.headers["etag"] = f'"{branch.tip.id}"'
    response.headers.update(commit_header(await indexed_commit(registry, repository)))
    return BranchBody.from_domain(branch)


@router.delete(
    "/branches/{name:path}",
    dependencies=[NO_QUERY],
    responses=problems(*WRITE, domain.RevisionNotFound, domain.PreconditionFailed),
)
async def delete_branch(
    registry: RegistryDep,
    caller: RepositoryAuthor,
    repository: Repository,
    name: BranchName,
    response: Response,
    key: Repeatable,
    if_match: Annotated[str | None, Header(description="The tip that it must still have.")] = None,
) -> BranchBody:
    """Deletes a branch and answers what it was. The default branch and protected ones stay."""
    branch = await registry.branches.delete(repository, name, actor=caller, if_match=if_match, key=key)
    response.headers.update(commit_header(await indexed_commit(registry, repository)))
    return BranchBody.from_domain(branch)
