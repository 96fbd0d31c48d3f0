"""All templates of a label in one answer."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from api.bundle_answers import bundle_answer, takes_gzip
from api.dependencies import Answers, RegistryDep, Repository
from api.documented import problems
from api.freshness import FRESH, FRESH_READ
from api.schemas.bundles import BundleAnswer, BundleQuery
from registry.domain import errors as domain

router = APIRouter(tags=["templates"])

_ETAG_HEADER = {"ETag": {"description": "The same while all that the bundle holds is.", "schema": {"type": "string"}}}


@router.get(
    "/bundle",
    response_model=BundleAnswer,
    dependencies=[FRESH],
    responses={
        200: {"headers": _ETAG_HEADER},
        304: {"description": "What If-None-Match names is still all there is.", "headers": _ETAG_HEADER},
        **problems(*FRESH_READ, domain.LabelNotFound),
    },
)
async def read_bundle(
    registry: RegistryDep,
    repository: Repository,
    query: Annotated[BundleQuery, Query()],
    answers: Answers,
    accept_encoding: Annotated[str, Header(description="`gzip` is answered compressed.")] = "",
    if_none_match: Annotated[str | None, Header(description="ETags that you have; 304 if one still holds.")] = None,
) -> Response:
    """All templates of a label with their partials, each as a read of it gives it, all as of one commit."""
    label, folder = query.parsed()
    answer = await bundle_answer(
        registry,
        answers,
        repository,
        label,
        folder,
        compressed=takes_gzip(accept_encoding),
        if_none_match=(if_none_match or "").encode("latin-1"),
    )
    return answer.response()
