"""Rendering."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.dependencies import Answers, ReadName, RegistryDep, Repository
from api.documented import READ, STATE, problems
from api.freshness import FRESH
from api.json_bodies import JsonRoute
from api.needs import TemplateReader
from api.render_answers import find_renderable, render_answer
from api.schemas.render import RENDERING_EXAMPLE, RenderQuery, RenderRequest
from registry.domain import errors as domain

router = APIRouter(tags=["render"], route_class=JsonRoute)

_OPENAI_EXAMPLE = {"model": "gpt-4o-mini", "messages": RENDERING_EXAMPLE["messages"], "temperature": 0.2}
_ANTHROPIC_EXAMPLE = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 600,
    "system": "You sort support tickets. Answer in en.\n",
    "messages": [{"role": "user", "content": "<ticket>My card was charged twice</ticket>"}],
}


@router.post(
    "/render/{name:path}",
    response_model=None,
    dependencies=[FRESH],
    responses={
        200: {
            "description": "The messages or text; with `format` a ready request body for that provider.",
            "content": {
                "application/json": {
                    "schema": {
                        "anyOf": [
                            {"$ref": "#/components/schemas/Rendering"},
                            {
                                "type": "object",
                                "title": "Request body",
                                "description": "As the provider's API wants it.",
                            },
                        ]
                    },
                    "examples": {
                        "rendering": {"value": RENDERING_EXAMPLE},
                        "openai": {"value": _OPENAI_EXAMPLE},
                        "anthropic": {"value": _ANTHROPIC_EXAMPLE},
                    },
                }
            },
        },
        **problems(
            *READ,
            *STATE,
            domain.VariablesInvalid,
            domain.RenderFailed,
            domain.RenderLimit,
            domain.PayloadTooLarge,
            415,
            422,
        ),
    },
)
async def render_template(
    registry: RegistryDep,
    caller: TemplateReader,
    repository: Repository,
    name: ReadName,
    query: Annotated[RenderQuery, Query()],
    body: RenderRequest,
    answers: Answers,
) -> Response:
    """Renders a template with values, in a process of its own with limits on time and memory."""
    found = await find_renderable(registry, answers, repository, name, query.selector(), caller.sight(repository))
    return (await render_answer(registry, repository, found, query, body, caller)).response()
