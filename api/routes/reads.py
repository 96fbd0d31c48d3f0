"""How often templates are read."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.dependencies import RegistryDep, Repository
from api.documented import READ, problems
from api.needs import Reader
from api.schemas.reads import ReadList, ReadsQuery
from registry.domain import errors as domain
from registry.domain.reads import ReadsBy
from registry.domain.rights import Place
from registry.domain.roles import Role

router = APIRouter(tags=["reads"])


@router.get(
    "/reads",
    response_model_exclude_unset=True,
    responses=problems(*READ, domain.TemplateNotFound, domain.Denied),
)
async def count_reads(
    registry: RegistryDep, caller: Reader, repository: Repository, query: Annotated[ReadsQuery, Query()]
) -> ReadList:
    """How often templates were read or rendered, by day, name, version, label or key.

    Counted is every answer to `GET templates/{name}`, a 304 included, and every rendering. Lists, searches and
    bundles are not reads. Counts are saved every few seconds: a server that is killed loses no more than those.
    """
    by = query.told_apart()
    if ReadsBy.KEY in by:
        caller.require(Role.ADMINISTRATOR, Place(repository))
    first, last = query.days(registry.reads.today())
    name, sight = query.template(), caller.sight(repository)
    if name is not None:
        caller.require_template(Role.READER, repository, name)
        await registry.versions.list_versions(repository, name, limit=1)  # says so where there never was such a one
    found = await registry.reads.counts(repository, first, last, by=by, name=name, limit=query.limit, sight=sight)
    return ReadList.from_domain(found, first=first, last=last, by=by)
