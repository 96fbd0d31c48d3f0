"""Judging files before they are committed."""

from fastapi import APIRouter

from api.dependencies import NO_QUERY, RegistryDep, Repository
from api.documented import READ, problems
from api.json_bodies import JsonRoute
from api.needs import READER, Reader
from api.schemas.checks import CheckAnswer, CheckRequest, ValidateAnswer, ValidateRequest
from registry.domain import errors as domain
from registry.services.proposals import validate_files

router = APIRouter(tags=["checks"], route_class=JsonRoute)


@router.post("/validate", dependencies=[READER, NO_QUERY], responses=problems(*READ, domain.PayloadTooLarge, 415, 422))
async def validate_formats(_repository: Repository, body: ValidateRequest) -> ValidateAnswer:
    """Looks at each file alone: format, names, secrets. What it includes, and what is there already, is not looked at.

    Nothing is written.
    """
    return ValidateAnswer.from_domain(await validate_files(body.contents()))


@router.post(
    "/check",
    dependencies=[NO_QUERY],
    responses=problems(*READ, domain.LabelNotFound, domain.RevisionNotFound, domain.PayloadTooLarge, 415, 422),
)
async def check_files(registry: RegistryDep, caller: Reader, repository: Repository, body: CheckRequest) -> CheckAnswer:
    """Says what the gate would say of a commit of these files: closures, labels, offline tests, compatibility.

    Nothing is written. Who may only read is judged as an author.
    """
    verdict, tip = await registry.proposals.check(
        repository, body.contents(), actor=caller, message=body.message, against=body.selector()
    )
    return CheckAnswer.from_domain(verdict, tip)
