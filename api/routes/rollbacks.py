"""Rolling a label back."""

from fastapi import APIRouter, Response

from api.dependencies import NO_QUERY, Answers, RegistryDep, Repeatable, Repository
from api.documented import WRITE, problems
from api.indexed import commit_header
from api.json_bodies import JsonRoute
from api.needs import Author
from api.schemas.labels import LabelAnswer, RollbackRequest
from registry.domain import errors as domain
from registry.domain.labels import parse_label
from registry.domain.names import parse_name

router = APIRouter(tags=["labels"], route_class=JsonRoute)


@router.post(
    "/rollbacks",
    dependencies=[NO_QUERY],
    responses=problems(
        *WRITE,
        domain.TemplateNotFound,
        domain.TemplateGone,
        domain.LabelNotFound,
        domain.VersionNotFound,
        415,
        422,
    ),
)
async def roll_back(
    registry: RegistryDep,
    caller: Author,
    repository: Repository,
    body: RollbackRequest,
    answers: Answers,
    response: Response,
    key: Repeatable,
) -> LabelAnswer:
    """Rolls a label back to the version that it had before, or to an earlier one that it had.

    No review, check or freshness rule stands in the way of a roll-back.
    """
    written = await registry.labels.roll_back(
        repository,
        parse_label(body.label),
        parse_name(body.name),
        to=body.to,
        reason=body.reason,
        actor=caller,
        key=key,
    )
    answers.bump(repository)
    response.headers.update(commit_header(written.commit))
    return LabelAnswer.from_domain(written)
