"""Moving a label for many templates at once."""

from fastapi import APIRouter, Response

from api.dependencies import NO_QUERY, Answers, RegistryDep, Repeatable, Repository
from api.documented import WRITE, problems
from api.indexed import commit_header
from api.json_bodies import JsonRoute
from api.needs import Author
from api.schemas.promotions import PromotionAnswer, PromotionRequest
from registry.domain import errors as domain
from registry.domain.labels import parse_label
from registry.domain.names import parse_name

router = APIRouter(tags=["labels"], route_class=JsonRoute)


@router.post(
    "/promotions",
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
async def promote(
    registry: RegistryDep,
    caller: Author,
    repository: Repository,
    body: PromotionRequest,
    answers: Answers,
    response: Response,
    key: Repeatable,
) -> PromotionAnswer:
    """Moves a label for many templates in one commit: all of it, or nothing where any of it cannot be.

    `versions` says where to; `from` takes the versions that another label names.
    """
    label = parse_label(body.label)
    if body.versions is not None:
        targets = {parse_name(name): version for name, version in body.versions.items()}
        if len(targets) < len(body.versions):
            raise domain.BadRequest("A template is named twice, in another Unicode form: name it once.")
    else:
        source = parse_label(body.source or "")
        folder, sight = (body.folder or "").strip("/"), caller.sight(repository)
        targets = dict(await registry.promotions.labelled(repository, source, folder, sight=sight))
        key = key.also(repr(sorted(targets.items())).encode()) if key is not None else None
    promoted = await registry.promotions.promote(
        repository, label, targets, actor=caller, message=body.message, key=key
    )
    answers.bump(repository)
    response.headers.update(commit_header(promoted.commit))
    return PromotionAnswer.from_domain(promoted)
