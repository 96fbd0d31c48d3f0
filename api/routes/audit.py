"""What was done, by whom, when and from where."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import StreamingResponse

from api.audit_lines import MEDIA_TYPE, audit_lines
from api.dependencies import NO_QUERY, RegistryDep
from api.documented import problems
from api.gateway import HEAD_ONLY
from api.needs import SERVER_ADMINISTRATOR
from api.schemas.audit import LINES_EXAMPLE, AuditEntries, AuditQuery, AuditReport, AuditWanted
from registry.domain import errors as domain

router = APIRouter(tags=["audit"])

_PROBLEMS = problems(domain.Unauthenticated, domain.BadRequest, domain.Denied, domain.Unavailable)


@router.get("/audit", dependencies=[SERVER_ADMINISTRATOR], responses=_PROBLEMS)
async def list_audit(registry: RegistryDep, query: Annotated[AuditQuery, Query()]) -> AuditEntries:
    """What was done, newest first; for administrators of the server.

    Denials that repeat themselves within a minute are one entry with a `count`.
    """
    return AuditEntries.from_domain(
        await registry.audit.list_entries(query.wanted(), limit=query.limit, cursor=query.cursor)
    )


@router.get(
    "/audit/export",
    dependencies=[SERVER_ADMINISTRATOR],
    response_class=Response,
    responses={
        200: {
            "description": "One `AuditEntryBody` a line, oldest first. Without a filter, lines with a `mark` besides.",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": LINES_EXAMPLE}},
        },
        **_PROBLEMS,
    },
)
async def export_audit(registry: RegistryDep, query: Annotated[AuditWanted, Query()], request: Request) -> Response:
    """Everything that was done, as JSON lines; for administrators of the server.

    Where the server has to break off, the connection ends without the end of the answer.
    """
    lines = audit_lines(registry.audit, query.wanted())
    first = await anext(lines, b"")  # what cannot be read at all is a problem, and not half an answer

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for piece in lines:
            yield piece

    if request.scope.get(HEAD_ONLY):
        return Response(media_type=MEDIA_TYPE)
    return StreamingResponse(whole(), media_type=MEDIA_TYPE)


@router.get("/audit/verification", dependencies=[SERVER_ADMINISTRATOR, NO_QUERY], responses=_PROBLEMS)
async def verify_audit(registry: RegistryDep) -> AuditReport:
    """Goes through the whole audit and says whether it is as it was entered; for administrators of the server.

    It takes a second for some tens of thousands of entries.
    """
    return AuditReport.from_domain(await registry.audit.verify())
