"""From a digest back to template and version."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from api.dependencies import RegistryDep, Repository
from api.documented import problems
from api.freshness import FRESH, FRESH_READ
from api.indexed import commit_header, indexed_commit
from api.needs import Reader
from api.schemas.digests import DigestAnswer
from api.schemas.fields import ReadQuery
from registry.domain import errors as domain

router = APIRouter(tags=["versions"])


@router.get(
    "/resolve/{digest}",
    dependencies=[FRESH],
    responses=problems(*FRESH_READ, domain.VersionNotFound, domain.Conflict),
)
async def resolve_digest(
    registry: RegistryDep,
    caller: Reader,
    repository: Repository,
    digest: Annotated[
        str, Path(description="8 to 64 hexadecimal digits of a digest, from the first on.", examples=["3f9ac1d2"])
    ],
    _query: Annotated[ReadQuery, Query()],
    response: Response,
) -> DigestAnswer:
    """Which template and versions a logged digest stands for; 409 where several digests begin so."""
    response.headers.update(commit_header(await indexed_commit(registry, repository)))
    return DigestAnswer.from_domain(await registry.digests.resolve(repository, digest, caller.sight(repository)))
