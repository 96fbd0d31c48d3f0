"""Templates: listing, reading, writing and deleting."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from starlette.exceptions import HTTPException

from api.dependencies import Answers, Name, ReadName, RegistryDep, Repeatable, Repository
from api.documented import STATE, WRITE, problems
from api.freshness import FRESH, FRESH_READ
from api.gateway import HEAD_ONLY
from api.indexed import commit_header, commit_read
from api.json_bodies import check_encoding, parse_json
from api.list_bodies import json_response, list_body
from api.needs import FolderAuthor, Reader, TemplateReader
from api.schemas.fields import SelectorQuery
from api.schemas.templates import (
    DOCUMENT_EXAMPLE,
    SOURCE_EXAMPLE,
    DeleteQuery,
    ListQuery,
    PutQuery,
    TemplateBody,
    TemplateList,
    TemplateWritten,
)
from api.template_reads import as_seen, git_answer, read_answer
from api.write_answers import Put, put_answer
from registry.domain import errors as domain
from registry.domain.errors import BadRequest

router = APIRouter(tags=["templates"])

YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})

ETAG_HEADER = {"ETag": {"description": "Send it in If-Match to change this state.", "schema": {"type": "string"}}}
DEGRADED_HEADER = {
    "Promptuary-Degraded": {
        "description": "Only while the catalogue is away: `cache` where the answer was made before, `git` where it was "
        "read from Git. It may be older than the last commit.",
        "schema": {"type": "string", "enum": ["cache", "git"]},
    }
}
_PUT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/yaml": {
                "schema": {"type": "string", "description": "The file; stored byte for byte."},
                "examples": {"a text template": {"value": SOURCE_EXAMPLE}},
            },
            "application/json": {
                "schema": {"type": "object", "description": "The document; the file's comments and layout are kept."},
                "examples": {"a chat template": {"value": DOCUMENT_EXAMPLE}},
            },
        },
    }
}

IfMatch = Annotated[
    str | None,
    Header(description="The ETag of the state that you change, or `*`. Needed for a template that exists."),
]
IfNoneMatch = Annotated[str | None, Header(description="`*` to make a new template.")]


@router.get("/templates", response_model=TemplateList, dependencies=[FRESH], responses=problems(*FRESH_READ))
async def list_templates(
    registry: RegistryDep, caller: Reader, repository: Repository, query: Annotated[ListQuery, Query()]
) -> Response:
    """Lists templates, filtered and sorted, in pages."""
    commit = await commit_read(registry, repository)
    page = await registry.templates.list_templates(
        repository, query.listed(caller.sight(repository)), sort=query.sort, limit=query.limit, cursor=query.cursor
    )
    return json_response(list_body(page), commit)


@router.get(
    "/templates/{name:path}",
    response_model=TemplateBody,
    dependencies=[FRESH],
    responses={
        200: {
            "headers": ETAG_HEADER | DEGRADED_HEADER,
            "content": {
                "application/yaml": {
                    "schema": {"type": "string", "description": "The source alone."},
                    "example": SOURCE_EXAMPLE,
                }
            },
        },
        304: {"description": "The state that If-None-Match names still holds.", "headers": ETAG_HEADER},
        **problems(*FRESH_READ, *STATE),
    },
)
async def read_template(
    registry: RegistryDep,
    caller: TemplateReader,
    repository: Repository,
    name: ReadName,
    query: Annotated[SelectorQuery, Query()],
    request: Request,
    answers: Answers,
    if_none_match: Annotated[str | None, Header(description="ETags that you have; 304 if one still holds.")] = None,
) -> Response:
    """Reads a template by label, version or revision.

    The answer comes from memory in most cases. `Accept: application/yaml` answers the source alone.
    """
    accept = request.headers.get("accept", "").encode("latin-1")
    key = (request.scope["raw_path"], request.scope["query_string"], accept)
    selector = query.selector()
    asked = (registry, repository, name, selector, accept)
    sight = caller.sight(repository)
    make, instead = partial(read_answer, *asked, sight), partial(git_answer, *asked)
    if selector.ref is None and selector.at is None and query.min_commit is None:
        answer = answers.find(key) or await answers.fetch(repository, key, make, instead=instead)
    else:  # other refs move without a projection, and what was waited for is asked for once
        answer = await make()
    if not request.scope[HEAD_ONLY]:  # whoever asks for headers got no template
        registry.reads.count(answer.read, caller.key_id)
    return as_seen(answer, sight).matched((if_none_match or "").encode("latin-1")).response()


@router.put(
    "/templates/{name:path}",
    response_model=TemplateWritten,
    openapi_extra=_PUT_BODY,
    responses={
        200: {"headers": ETAG_HEADER},
        201: {"model": TemplateWritten, "description": "A new template was made.", "headers": ETAG_HEADER},
        **problems(*WRITE, domain.RevisionNotFound, domain.PreconditionFailed, domain.PreconditionRequired, 415),
    },
)
async def put_template(
    registry: RegistryDep,
    caller: FolderAuthor,
    repository: Repository,
    name: Name,
    query: Annotated[PutQuery, Query()],
    answers: Answers,
    request: Request,
    key: Repeatable,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Writes a template: one commit, which passes the gate. Answers when it is committed, durable and readable."""
    put = Put(repository, name, await _read_body(request), if_match, if_none_match)
    return (await put_answer(registry, answers, put, query, actor=caller, key=key)).response()


@router.delete(
    "/templates/{name:path}",
    responses=problems(
        *WRITE,
        domain.PreconditionFailed,
        domain.PreconditionRequired,
        domain.TemplateNotFound,
        domain.TemplateGone,
        domain.RevisionNotFound,
    ),
)
async def delete_template(
    registry: RegistryDep,
    caller: FolderAuthor,
    repository: Repository,
    name: Name,
    query: Annotated[DeleteQuery, Query()],
    answers: Answers,
    response: Response,
    key: Repeatable,
    if_match: IfMatch = None,
) -> TemplateWritten:
    """Deletes a template: one commit. Its versions stay readable by number."""
    written = await registry.edits.delete(
        repository,
        name,
        actor=caller,
        message=query.message,
        branch=query.branch,
        if_match=if_match,
        drop_labels=query.drop_labels,
        key=key,
    )
    answers.bump(repository)
    response.headers.update(commit_header(written.commit))
    return TemplateWritten.from_domain(written)


async def _read_body(request: Request) -> bytes | dict[str, Any]:
    """The template as sent: bytes of YAML, or a JSON object. Raises BadRequest and HTTPException (413, 415)."""
    check_encoding(request)
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    body = await request.body()
    if kind in YAML_TYPES:
        return body
    if kind != "application/json":
        raise HTTPException(
            415,
            f"The Content-Type is {kind or 'missing'}; templates are taken as application/yaml or application/json, "
            "for example: curl -H 'Content-Type: application/yaml' --data-binary @triage.prompt.yaml",
        )
    document = parse_json(body)
    if not isinstance(document, dict):
        raise BadRequest('The body must be a JSON object, the template\'s document: {"schema": "prompt/v1", …}')
    return document
