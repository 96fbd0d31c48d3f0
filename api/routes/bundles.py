"""All templates of a label in one answer."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from api.bundle_answers import bundle_answer
from api.content_codings import choose_coding
from api.dependencies import Answers, RegistryDep, Repository
from api.documented import problems
from api.freshness import FRESH, FRESH_READ
from api.needs import Reader
from api.schemas.bundles import BundleAnswer, BundleQuery
from registry.domain import errors as domain

router = APIRouter(tags=["templates"])

_HEADERS = {
    "ETag": {
        "description": "The same while all that the bundle holds is, in every coding.",
        "schema": {"type": "string"},
    },
    "Vary": {"description": "Always `accept-encoding`.", "schema": {"type": "string"}},
}
_CODING_HEADER = {
    "Content-Encoding": {
        "description": "Absent where the body is sent as it is.",
        "schema": {"type": "string", "enum": ["zstd", "gzip"]},
    },
}


@router.get(
    "/bundle",
    response_model=BundleAnswer,
    dependencies=[FRESH],
    responses={
        200: {"headers": {**_HEADERS, **_CODING_HEADER}},
        304: {"description": "What If-None-Match names is still all there is.", "headers": _HEADERS},
        **problems(*FRESH_READ, domain.LabelNotFound),
    },
)
async def read_bundle(
    request: Request,
    registry: RegistryDep,
    caller: Reader,
    repository: Repository,
    query: Annotated[BundleQuery, Query()],
    answers: Answers,
    accept_encoding: Annotated[
        str | None, Header(description="`zstd` and `gzip` are answered compressed; what is wanted most counts.")
    ] = None,
    if_none_match: Annotated[str | None, Header(description="ETags that you have; 304 if one still holds.")] = None,
) -> Response:
    """All templates of a label with their partials, each as a read of it gives it, all as of one commit."""
    label, folder = query.parsed()
    if accept_encoding is not None:  # one of the lines, of which a request may have several
        accept_encoding = ",".join(request.headers.getlist("accept-encoding"))
    if if_none_match is not None:
        if_none_match = ",".join(request.headers.getlist("if-none-match"))
    answer = await bundle_answer(
        registry,
        answers,
        repository,
        label,
        folder,
        caller.sight(repository),
        coding=choose_coding(accept_encoding or ""),
        if_none_match=(if_none_match or "").encode("latin-1"),
    )
    return answer.response()
