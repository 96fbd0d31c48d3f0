"""Labels: where they point, how they came there, and moving them."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.dependencies import NO_QUERY, Answers, Label, Name, RegistryDep, Repeatable, Repository
from api.documented import WRITE, problems
from api.freshness import FRESH, FRESH_READ
from api.indexed import commit_header, commit_read
from api.json_bodies import JsonRoute
from api.needs import FOLDER_READER, FolderAuthor, Reader
from api.schemas.fields import QueryModel, ReadQuery, Said
from api.schemas.labels import LabelAnswer, LabelList, LabelMoveRequest, LabelState, LabelTargets
from registry.domain import errors as domain

router = APIRouter(tags=["labels"], route_class=JsonRoute)


class DropQuery(QueryModel):
    """What the commit says."""

    message: Said | None = Query(None, max_length=10_000, description="The commit's message; one is made where absent.")


@router.get("/labels", dependencies=[FRESH], responses=problems(*FRESH_READ))
async def list_labels(
    registry: RegistryDep,
    caller: Reader,
    repository: Repository,
    _query: Annotated[ReadQuery, Query()],
    response: Response,
) -> LabelList:
    """Every label and the version of each template that it points to."""
    response.headers.update(commit_header(await commit_read(registry, repository)))
    return LabelList.from_domain(await registry.labels.list_labels(repository, sight=caller.sight(repository)))


@router.get("/labels/{label}", dependencies=[FRESH], responses=problems(*FRESH_READ, domain.LabelNotFound))
async def read_label(
    registry: RegistryDep,
    caller: Reader,
    repository: Repository,
    label: Label,
    _query: Annotated[ReadQuery, Query()],
    response: Response,
) -> LabelTargets:
    """Where one label points."""
    response.headers.update(commit_header(await commit_read(registry, repository)))
    sight = caller.sight(repository)
    found = (await registry.labels.list_labels(repository, label, sight=sight)).get(label)
    if not found:
        known = sorted(await registry.labels.list_labels(repository, sight=sight))
        has = f"it has: {', '.join(known)}" if known else "it has none"
        raise domain.LabelNotFound(f"No template of {repository} carries the label {label!r}; {has}.")
    return LabelTargets(label=label, templates={str(name): number for name, number in found.items()})


@router.get(
    "/labels/{label}/{name:path}",
    dependencies=[FOLDER_READER, FRESH],
    responses=problems(*FRESH_READ, domain.TemplateNotFound, domain.LabelNotFound),
)
async def read_label_of_template(
    registry: RegistryDep,
    repository: Repository,
    label: Label,
    name: Name,
    _query: Annotated[ReadQuery, Query()],
    response: Response,
) -> LabelState:
    """Where a template's label points, with its moves."""
    response.headers.update(commit_header(await commit_read(registry, repository)))
    await registry.versions.list_versions(repository, name, limit=1)  # says so where there is no such template either
    version = (await registry.labels.list_labels(repository, label)).get(label, {}).get(name)
    history = await registry.labels.history(repository, label, name)
    reference = await registry.labels.reference(repository, name, version)
    return LabelState.from_domain(label, name, version, reference, history)


@router.put(
    "/labels/{label}/{name:path}",
    dependencies=[NO_QUERY],
    responses=problems(*WRITE, domain.TemplateNotFound, domain.TemplateGone, domain.VersionNotFound, 415, 422),
)
async def move_label(
    registry: RegistryDep,
    caller: FolderAuthor,
    repository: Repository,
    label: Label,
    name: Name,
    body: LabelMoveRequest,
    answers: Answers,
    response: Response,
    key: Repeatable,
) -> LabelAnswer:
    """Moves a label to a version: one commit that changes the label's file."""
    written = await registry.labels.move(
        repository, label, name, body.version, actor=caller, message=body.message, key=key
    )
    answers.bump(repository)
    response.headers.update(commit_header(written.commit))
    return LabelAnswer.from_domain(written)


@router.delete(
    "/labels/{label}/{name:path}",
    responses=problems(*WRITE, domain.TemplateNotFound, domain.LabelNotFound),
)
async def drop_label(
    registry: RegistryDep,
    caller: FolderAuthor,
    repository: Repository,
    label: Label,
    name: Name,
    query: Annotated[DropQuery, Query()],
    answers: Answers,
    response: Response,
    key: Repeatable,
) -> LabelAnswer:
    """Takes a label off a template: one commit."""
    written = await registry.labels.move(repository, label, name, None, actor=caller, message=query.message, key=key)
    answers.bump(repository)
    response.headers.update(commit_header(written.commit))
    return LabelAnswer.from_domain(written)
