"""What describes the service: the API's documentation, its error page and the schema of templates. No key is needed."""

import html
import re
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from api.documented import problems
from api.errors import problem_types
from registry.domain.template_file import json_schema

router = APIRouter(include_in_schema=False)
described = APIRouter(tags=["documentation"])

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ASSETS = {
    "swagger-ui-bundle.js": ("fastapi_offline", "static/swagger-ui-bundle.js", "text/javascript"),
    "swagger-ui.css": ("fastapi_offline", "static/swagger-ui.css", "text/css"),
    "start.js": ("api", "static/docs-start.js", "text/javascript"),
    "join.js": ("api", "static/join.js", "text/javascript"),
    "pages.css": ("api", "static/pages.css", "text/css"),
    "docs.css": ("api", "static/docs.css", "text/css"),
    "icon.svg": ("api", "static/icon.svg", "image/svg+xml"),
}
"""What /docs loads: Swagger UI from the package that carries it, and our own few lines."""

_CODE = re.compile(r"`([^`]+)`")
_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="/docs/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/assets/{style}">
</head>
"""
_DOCS = (
    _HEAD.format(title="Promptuary API", style="swagger-ui.css")
    + """<body>
<div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/start.js"></script>
</body>
</html>
"""
)


@router.get("/")
async def root() -> RedirectResponse:
    """Where a browser that knows only the address ends up."""
    return RedirectResponse("/docs")


@router.get("/docs")
async def docs() -> HTMLResponse:
    """The API's documentation, to try out."""
    return HTMLResponse(_DOCS, headers={"content-security-policy": POLICY})


@router.get("/docs/errors")
async def errors() -> HTMLResponse:
    """What each problem type means; the ``type`` of a problem links here."""
    sections = "".join(
        f'<section id="{kind.name}"><h2>{kind.status} {html.escape(kind.title)}</h2>'
        f"<p><code>{kind.name}</code></p><p>{_marked(kind.advice)}</p></section>\n"
        for kind in problem_types()
    )
    page = _HEAD.format(title="Promptuary: problem types", style="docs.css")
    body = f"{page}<body><main><h1>Problem types</h1>\n{sections}</main></body>\n</html>\n"
    return HTMLResponse(body, headers={"content-security-policy": POLICY})


def _marked(text: str) -> str:
    """What stands between backticks, as code."""
    return _CODE.sub(r"<code>\1</code>", html.escape(text))


@router.get("/docs/assets/{file}")
async def asset(file: str) -> Response:
    """A script or style of the pages above."""
    if file not in ASSETS:
        return Response(status_code=404)
    package, path, kind = ASSETS[file]
    content = files(package).joinpath(path).read_bytes()
    return Response(content, media_type=kind, headers={"cache-control": "public, max-age=86400"})


SCHEMA_EXAMPLE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Prompt template (prompt/v1)",
    "type": "object",
    "required": ["schema", "type"],
    "properties": {"schema": {"const": "prompt/v1"}},
}
"""How it begins."""


class SchemaResponse(JSONResponse):
    """A JSON Schema."""

    media_type = "application/schema+json"


@described.get(
    "/schemas/prompt-v1.json",
    response_class=SchemaResponse,
    responses={
        200: {
            "description": "The JSON Schema of templates, exactly as it is enforced.",
            "content": {"application/schema+json": {"schema": {"type": "object"}, "example": SCHEMA_EXAMPLE}},
        },
        **problems(404),
    },
)
async def prompt_schema() -> Response:
    """The JSON Schema (2020-12) of a template file."""
    return SchemaResponse(json_schema())
