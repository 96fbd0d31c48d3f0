"""Rendering: the one function behind the documented route and the hot path."""

import json
from dataclasses import dataclass
from typing import Any

from api.answer_cache import AnswerCache
from api.answers import FROM_CACHE, FROM_GIT, Answer, make_answer
from api.indexed import commit_header
from api.schemas.render import Format, Rendering, RenderQuery, RenderRequest
from registry.bootstrap import Registry
from registry.domain.access import Actor
from registry.domain.errors import Unavailable
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.reads import ReadState
from registry.domain.request_bodies import anthropic_body, openai_body
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.selectors import Selector
from registry.services.templates import Renderable

_BODIES = {Format.OPENAI: openai_body, Format.ANTHROPIC: anthropic_body}


@dataclass(frozen=True, slots=True)
class Found:
    """What is rendered; ``source`` says where it is from where the catalogue is away."""

    renderable: Renderable
    source: bytes | None = None


async def find_renderable(
    registry: Registry,
    answers: AnswerCache,
    repository: RepositoryName,
    name: TemplateName,
    selector: Selector,
    sight: Sight = EVERYTHING,
) -> Found:
    """What a selector names; ``sight`` is the reader's. Raises as reads do.

    Without the catalogue it is what it named last, if no change is known since; else what Git has; else the last.
    """
    try:
        stamp = await answers.stamp(repository)
        found = await registry.templates.renderable(repository, name, selector, stamp, sight)
    except Unavailable:
        if selector.ref is not None or selector.at is not None:
            raise
        return await _found_without(registry, answers, repository, name, selector)
    return Found(found, FROM_CACHE if answers.is_away(repository) else None)


async def _found_without(
    registry: Registry, answers: AnswerCache, repository: RepositoryName, name: TemplateName, selector: Selector
) -> Found:
    """What Git has, else what is known to be old. A replica has no Git, and asks who has before it gives that."""
    problem = Unavailable()
    if registry.git_reads is not None:
        try:
            return Found(await registry.git_reads.renderable(repository, name, selector), FROM_GIT)
        except Unavailable as error:
            problem = error
    last = await registry.templates.last_renderable(repository, name, selector)
    if last is None:
        raise problem
    return Found(last, answers.superseded)


async def render_answer(
    registry: Registry,
    repository: RepositoryName,
    rendered_from: Found,
    query: RenderQuery,
    request: RenderRequest,
    caller: Actor,
) -> Answer:
    """The messages or text as JSON, or a provider's request body; counted as a read of the caller's.

    Raises VariablesInvalid, RenderFailed, RenderLimit, Unavailable.
    """
    found = rendered_from.renderable
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
    answer = make_answer(text.encode(), headers=commit_header(found.indexed))
    return answer.marked(rendered_from.source) if rendered_from.source is not None else answer
