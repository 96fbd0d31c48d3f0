"""Rendering: the one function behind the documented route and the hot path."""

import json
from typing import Any

from api.answers import Answer, make_answer
from api.indexed import commit_header
from api.schemas.render import Format, Rendering, RenderQuery, RenderRequest
from registry.bootstrap import Registry
from registry.domain.access import Actor
from registry.domain.ids import RepositoryName
from registry.domain.reads import ReadState
from registry.domain.request_bodies import anthropic_body, openai_body
from registry.services.templates import Renderable

_BODIES = {Format.OPENAI: openai_body, Format.ANTHROPIC: anthropic_body}


async def render_answer(
    registry: Registry,
    repository: RepositoryName,
    found: Renderable,
    query: RenderQuery,
    request: RenderRequest,
    caller: Actor,
) -> Answer:
    """The messages or text as JSON, or a provider's request body; counted as a read of the caller's.

    Raises VariablesInvalid, RenderFailed, RenderLimit, Unavailable.
    """
    rendered = await registry.templates.render(found, request.variables, strict=query.strict)
    read = found.read
    registry.reads.count(ReadState(repository, read.name, read.version, query.selector().label), caller.key_id)
    body: Any
    if query.format is None:
        body = Rendering.from_domain(read, rendered).model_dump(mode="json")
    else:
        body = _BODIES[query.format](found.template, rendered)
    # Not orjson: what a template holds may have integers beyond 64 bits.
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return make_answer(text.encode(), headers=commit_header(found.indexed))
