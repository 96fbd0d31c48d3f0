"""Several changes in one commit."""

from fastapi import APIRouter, Response

from api.dependencies import NO_QUERY, Answers, RegistryDep, Repeatable, Repository
from api.documented import WRITE, problems
from api.indexed import commit_header
from api.json_bodies import JsonRoute
from api.needs import Author
from api.schemas.commits import CommitAnswer, CommitRequest
from registry.domain import errors as domain

router = APIRouter(tags=["templates"], route_class=JsonRoute)


@router.post(
    "/commits",
    dependencies=[NO_QUERY],
    responses=problems(
        *WRITE,
        domain.PreconditionFailed,
        domain.PreconditionRequired,
        domain.TemplateNotFound,
        domain.TemplateGone,
        domain.RevisionNotFound,
        415,
        422,
    ),
)
async def make_commit(
    registry: RegistryDep,
    caller: Author,
    repository: Repository,
    body: CommitRequest,
    answers: Answers,
    response: Response,
    key: Repeatable,
) -> CommitAnswer:
    """Puts, deletes and renames templates in one commit: all of it, or nothing where the gate refuses any of it.

    The gate judges the tree as it will be, so a partial and those who include it can change together. An `author` needs
    a key of scope admin; who commits is always the caller.
    """
    edits = body.edits()
    landed = await registry.edits.commit(
        repository,
        edits,
        actor=caller,
        message=body.message,
        branch=body.branch,
        key=key,
        author=body.author.signature() if body.author is not None else None,
    )
    answers.bump(repository)
    response.headers.update(commit_header(landed.commit))
    return CommitAnswer.from_domain(edits, landed)
