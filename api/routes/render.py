"""Rendering."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from api.dependencies import Name, RegistryDep, Repository
from api.documented import READ, STATE, problems
from api.indexed import add_commit, indexed_commit
from api.json_bodies import JsonRoute
from api.schemas.render import RENDERING_EXAMPLE, Format, Rendering, RenderQuery, RenderRequest
from registry.domain import errors as domain
from registry.domain.request_bodies import anthropic_body, openai_body

router = APIRouter(tags=["render"], route_class=JsonRoute)

_OPENAI_EXAMPLE = {"model": "gpt-4o-mini", "messages": RENDERING_EXAMPLE["messages"], "temperature": 0.2}
_ANTHROPIC_EXAMPLE = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 600,
    "system": "You sort support tickets. Answer in en.\n",
    "messages": [{"role": "user", "content": "<ticket>My card was charged twice</ticket>"}],
}
_BODIES = {Format.OPENAI: openai_body, Format.ANTHROPIC: anthropic_body}


@router.post(
    "/render/{name:path}",
    response_model=None,
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
    repository: Repository,
    name: Name,
    query: Annotated[RenderQuery, Query()],
    body: RenderRequest,
) -> Response:
    """Renders a template with values, in a process of its own with limits on time and memory."""
    commit = await indexed_commit(registry, repository)
    read, template, rendered = await registry.templates.render(
        repository, name, query.selector(), body.variables, strict=query.strict
    )
    answer: Any
    if query.format is None:
        answer = Rendering.from_domain(read, rendered).model_dump(mode="json")
    else:
        answer = _BODIES[query.format](template, rendered)
    response = JSONResponse(answer)
    add_commit(response, commit)
    return response
