"""Renaming a template."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.dependencies import Answers, Name, RegistryDep, Repeatable, Repository
from api.documented import WRITE, problems
from api.indexed import commit_header
from api.json_bodies import JsonRoute
from api.needs import FolderAuthor
from api.routes.templates import ETAG_HEADER, IfMatch
from api.schemas.moves import MoveAnswer, MoveQuery, MoveRequest
from registry.domain import errors as domain

router = APIRouter(tags=["templates"], route_class=JsonRoute)


@router.post(
    "/move/{name:path}",
    responses={
        200: {"headers": ETAG_HEADER},
        **problems(
            *WRITE,
            domain.PreconditionFailed,
            domain.PreconditionRequired,
            domain.TemplateNotFound,
            domain.TemplateGone,
            domain.RevisionNotFound,
            415,
            422,
        ),
    },
)
async def move_template(
    registry: RegistryDep,
    caller: FolderAuthor,
    repository: Repository,
    name: Name,
    query: Annotated[MoveQuery, Query()],
    body: MoveRequest,
    answers: Answers,
    response: Response,
    key: Repeatable,
    if_match: IfMatch = None,
) -> MoveAnswer:
    """Renames a template: one commit, which passes the gate. Its file keeps its bytes.

    The new name gets its next version, with `moved_from`. Reads of the old name answer 308 with the new place; its own
    versions stay readable by number, revision and time. A label cannot follow: it names a version that exists before
    the commit that sets it, so set it on the new name with a second request.
    """
    landed = await registry.edits.rename(
        repository, body.edit(name, if_match), actor=caller, message=body.message, branch=query.branch, key=key
    )
    answers.bump(repository)
    if etag := landed.templates[0].etag:
        response.headers["etag"] = etag
    response.headers.update(commit_header(landed.commit))
    return MoveAnswer.from_domain(name, landed)
