"""Versions of a template."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from starlette.convertors import Convertor, register_url_convertor

from api.dependencies import ReadName, RegistryDep, Repository
from api.documented import problems
from api.freshness import FRESH, FRESH_READ
from api.indexed import commit_header, commit_read
from api.needs import TemplateReader
from api.schemas.fields import MAX_NUMBER, QueryInt, ReadQuery
from api.schemas.versions import Version, VersionList
from registry.domain import errors as domain


class NumberConvertor(Convertor[int]):
    """A version's number as the last segment; no segment of a template's name is all digits."""

    regex = "[1-9][0-9]{0,9}"

    def convert(self, value: str) -> int:
        """The number in the path."""
        return int(value)

    def to_string(self, value: int) -> str:
        """The path of the number."""
        return str(value)


register_url_convertor("number", NumberConvertor())

router = APIRouter(tags=["versions"])


class VersionsQuery(ReadQuery):
    """Which page."""

    limit: QueryInt = Query(50, ge=1, le=500, description="How many versions a page has at most.")
    cursor: str | None = Query(None, description="`next_cursor` of the page before.")


@router.get(
    "/versions/{name:path}/{number:number}",
    dependencies=[FRESH],
    responses=problems(*FRESH_READ, domain.TemplateNotFound, domain.TemplateMoved, domain.VersionNotFound),
)
async def read_version(
    registry: RegistryDep,
    caller: TemplateReader,
    repository: Repository,
    name: ReadName,
    number: Annotated[int, Path(ge=1, le=MAX_NUMBER, description="The version's number.")],
    _query: Annotated[ReadQuery, Query()],
    response: Response,
) -> Version:
    """One version of a template, valid or not, also of a deleted one."""
    response.headers.update(commit_header(await commit_read(registry, repository)))
    version = await registry.versions.read(repository, name, number, sight=caller.sight(repository))
    return Version.from_domain(version)


@router.get(
    "/versions/{name:path}",
    dependencies=[FRESH],
    responses=problems(*FRESH_READ, domain.TemplateNotFound, domain.TemplateMoved),
)
async def list_versions(
    registry: RegistryDep,
    caller: TemplateReader,
    repository: Repository,
    name: ReadName,
    query: Annotated[VersionsQuery, Query()],
    response: Response,
) -> VersionList:
    """The versions of a template, newest first, across deletions.

    Those of a name that is no more are listed under it, and the answer says where it went: a redirect would hide them.
    """
    response.headers.update(commit_header(await commit_read(registry, repository)))
    sight = caller.sight(repository)
    page = await registry.versions.list_versions(repository, name, limit=query.limit, cursor=query.cursor, sight=sight)
    removed = await registry.versions.removed(repository, name, sight=sight)
    return VersionList.from_domain(page, removed)
