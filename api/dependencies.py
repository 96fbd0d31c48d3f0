"""What routes ask for: the registry, the caller with the scope needed, the repository, the name, the label."""

from typing import Annotated

from fastapi import Depends, Header, Path, Request
from fastapi.exceptions import RequestValidationError

from api.answer_cache import AnswerCache
from api.observing import ACTOR
from registry.bootstrap import Registry
from registry.domain.access import Actor
from registry.domain.errors import Unauthenticated
from registry.domain.ids import LabelName, RepositoryName, TemplateName
from registry.domain.labels import parse_label
from registry.domain.names import parse_name
from registry.domain.request_keys import LONGEST_KEY, RequestKey, make_key


async def registry_of(request: Request) -> Registry:
    """The registry that the application was made with."""
    registry: Registry = request.app.state.registry
    return registry


async def answers_of(request: Request) -> AnswerCache:
    """The hot path's answers and stamps; a route that writes bumps its repository in it."""
    answers: AnswerCache = request.app.state.answers
    return answers


async def caller_of(request: Request) -> Actor:
    """Who asks. Raises Unauthenticated."""
    actor: Actor | None = request.scope.get(ACTOR)
    if actor is None:
        raise Unauthenticated
    return actor


async def request_key_of(
    actor: Annotated[Actor, Depends(caller_of)],
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="Marks repeats of this request: it is done once, and each repeat gets the first answer.",
            json_schema_extra={"pattern": f"^[!-~]([ -~]{{0,{LONGEST_KEY - 2}}}[!-~])?$"},
        ),
    ] = None,
) -> RequestKey | None:
    """The key with what is asked under it: method, address and body. Raises BadRequest."""
    if idempotency_key is None:
        return None
    texts = (request.method, request.scope["path"], request.url.query)
    asked = [*(text.encode() for text in texts), await request.body()]
    return make_key(actor.user, idempotency_key, *asked, rights=str(actor.rights))


RegistryDep = Annotated[Registry, Depends(registry_of)]
Answers = Annotated[AnswerCache, Depends(answers_of)]
Caller = Annotated[Actor, Depends(caller_of)]
Repeatable = Annotated[RequestKey | None, Depends(request_key_of)]


async def without_query(request: Request) -> None:
    """For routes that take nothing in the query. Raises RequestValidationError, as query models do."""
    found = [{"type": "extra_forbidden", "loc": ("query", name), "msg": ""} for name in request.query_params]
    if found:
        raise RequestValidationError(found)


NO_QUERY = Depends(without_query)


async def repository_of(
    caller: Caller,
    registry: RegistryDep,
    repository: Annotated[str, Path(description="The repository's name.", examples=["default"])],
) -> RepositoryName:
    """The repository in the path. Raises RepositoryNotFound also where the caller sees nothing of it."""
    return registry.repositories.require(repository, caller.rights)


async def name_of(
    _caller: Caller,
    name: Annotated[
        str,
        Path(
            description="The template's name; its slashes stand in the path as they are.", examples=["support/triage"]
        ),
    ],
) -> TemplateName:
    """The template's name in the path, in NFC. Raises BadRequest."""
    return parse_name(name)


async def readable_name_of(
    caller: Caller,
    registry: RegistryDep,
    repository: Annotated[RepositoryName, Depends(repository_of)],
    name: Annotated[
        str,
        Path(
            description="The template's name; its slashes stand in the path as they are. One that was imported is "
            "found by its name there, too (308).",
            examples=["support/triage"],
        ),
    ],
) -> TemplateName:
    """The name in the path of a read, in NFC. Raises BadRequest, and TemplateMoved for a name before an import."""
    return await registry.templates.require_readable(repository, name, caller.sight(repository))


async def label_of(
    _caller: Caller,
    label: Annotated[str, Path(description="The label's word.", examples=["production"])],
) -> LabelName:
    """The label in the path. Raises BadRequest."""
    return parse_label(label)


Repository = Annotated[RepositoryName, Depends(repository_of)]
Name = Annotated[TemplateName, Depends(name_of)]
ReadName = Annotated[TemplateName, Depends(readable_name_of)]
Label = Annotated[LabelName, Depends(label_of)]
