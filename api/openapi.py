"""The OpenAPI 3.1 document: what FastAPI derives, made exact where it guesses."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from api.cookies import NAME
from api.documented import problems
from api.problem_types import EDGE_PROBLEMS
from api.public_paths import is_public
from api.rate_limiting import UNLIMITED
from api.schemas.events import EventBody
from api.schemas.problems import DiagnosticBody, FieldProblem, ProblemBody
from api.schemas.render import RENDERING_EXAMPLE, Rendering

DESCRIPTION = """\
A Git-backed prompt registry: templates are files in Git, and every write here is a commit.

**Keys.** Everything but `/livez`, `/readyz`, `/docs`, `/openapi.json` and `/schemas` needs
`Authorization: Bearer <key>`; `promptuary key create` makes one. What `/oauth/token` gives stands there, too.

**Names** hold slashes and any language. They stand in the path as they are; percent-encoded UTF-8 works too.

**Problems.** Every answer that is no success is `application/problem+json`; see [the types](/docs/errors).

**Reading one's own writes.** A write answers after what it wrote can be read. `Promptuary-Commit` says which commit
the answer has seen.

**HEAD** works wherever GET does. `X-Request-Id` comes back as sent, or is made.
"""

TAGS = [
    {"name": "templates", "description": "The prompt files of a repository's default branch."},
    {"name": "versions", "description": "Every state that a template had."},
    {"name": "render", "description": "A template with values: messages, text, or a provider's request body."},
    {"name": "labels", "description": "Movable pointers from a word to a version."},
    {"name": "imports", "description": "Moving in from other tools."},
    {"name": "checks", "description": "Judging files before they are committed."},
    {"name": "branches", "description": "Git's branches: reads take one as `?ref=`, writes as `branch`."},
    {"name": "search", "description": "Full text, facets and highlights."},
    {"name": "reads", "description": "How often templates are read."},
    {"name": "events", "description": "What happens, as it happens."},
    {"name": "index", "description": "How far the read model is behind Git."},
    {"name": "repositories", "description": "The bare Git repositories on this server."},
    {"name": "audit", "description": "What was done, by whom, when and from where."},
    {"name": "keys", "description": "What the key of a request allows."},
    {"name": "tokens", "description": "Access tokens for programs that somebody signs in with, by OAuth's protocol."},
    {"name": "access", "description": "Users, groups, and the roles that are granted to them."},
    {"name": "documentation", "description": "Schemas."},
    {"name": "health", "description": "For load balancers and start-up scripts."},
]

_COMMIT = {"description": "The commit up to which this answer has seen Git.", "schema": {"type": "string"}}
_REQUEST_ID = {"description": "This request's id.", "schema": {"type": "string"}}
_LIMIT = {
    "RateLimit-Policy": {
        "description": 'What is allowed, where there is a limit: `"writes";q=3000;w=60`, so many in so many seconds.',
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": 'What is left of it, and in how many seconds there is all of it again: `"writes";r=2999;t=1`.',
        "schema": {"type": "string"},
    },
}
_SECURITY, _SESSION = "key", "session"


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """The document of an application's routes."""
    document = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes, tags=TAGS)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    for model in (ProblemBody, DiagnosticBody, FieldProblem, Rendering, EventBody):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schema.pop("$defs", None)
        schemas[model.__name__] = schema
    _restore_nulls(document)
    document["components"]["securitySchemes"] = {
        _SECURITY: {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (`pmt_…`) or an access token (`eyJ…`)",
        },
        _SESSION: {"type": "apiKey", "in": "cookie", "name": NAME, "description": "A session: `POST /api/v1/sign-in`"},
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _complete(path, operation)
    return document


def _restore_nulls(document: dict[str, Any]) -> None:
    """Puts the examples back as they were written: FastAPI takes every null out of a document."""
    known = {model.__name__: model for model in _all_below(BaseModel)}
    for name, schema in document["components"]["schemas"].items():
        extra = known[name].model_config.get("json_schema_extra") if name in known else None
        if isinstance(extra, dict) and "examples" in extra:
            schema["examples"] = extra["examples"]
    rendered = document["paths"]["/api/v1/repositories/{repository}/render/{name}"]["post"]["responses"]["200"]
    rendered["content"]["application/json"]["examples"]["rendering"]["value"] = RENDERING_EXAMPLE


def _all_below(model: type[BaseModel]) -> set[type[BaseModel]]:
    """The models of this API."""
    below = {child for child in model.__subclasses__() if child.__module__.startswith("api.")}
    return below.union(*(_all_below(child) for child in below))


def _complete(path: str, operation: dict[str, Any]) -> None:
    """Adds what holds for every route, and takes out FastAPI's own guess at a 422."""
    responses = operation["responses"]
    guess = responses.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if guess.get("$ref", "").endswith("/HTTPValidationError"):
        del responses["422"]
    for status in EDGE_PROBLEMS:
        responses[str(status)] = problems(status)[status]
    for status, response in responses.items():
        headers = response["headers"] = {**response.get("headers", {})}
        headers["X-Request-Id"] = _REQUEST_ID
        if status.startswith(("2", "3")) and "{repository}" in path and status != "308":
            headers["Promptuary-Commit"] = _COMMIT
        if path not in UNLIMITED:
            headers |= _LIMIT
    if not is_public(path):
        operation["security"] = [{_SECURITY: []}, {_SESSION: []}]
