"""How FastAPI's own exceptions become problems: every answer that is no success is one."""

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from api.denied_requests import note_denied
from api.errors import HTTP_PROBLEMS, INTERNAL, error_answer, make_problem, moved_location
from api.field_words import field_words
from api.hiding import shown_to_caller
from api.observing import ID
from api.rate_limiting import note_refusal
from registry.domain.errors import PromptuaryError, TemplateMoved

METHODS = ("GET", "PUT", "POST", "DELETE", "PATCH")


def add_problem_handlers(app: FastAPI) -> None:
    """Teaches an application to answer every error as a problem."""
    app.add_exception_handler(PromptuaryError, _domain_error)
    app.add_exception_handler(RequestValidationError, _invalid_request)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


async def _domain_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PromptuaryError)
    note_refusal(error, request.scope)
    note_denied(error, request.scope)
    error = shown_to_caller(error, request.scope)
    location = None
    if isinstance(error, TemplateMoved) and "name" in request.path_params:
        path = request.scope["path"]
        location = moved_location(path, request.path_params["name"], error.to, request.url.query)
    answer = error_answer(error, instance=request.scope["path"], request_id=request.scope[ID], location=location)
    return answer.response()


async def _invalid_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    in_body = any(problem["loc"][:1] == ("body",) for problem in found)
    fields = [{"field": _field(problem["loc"]), "message": _message(problem)} for problem in found]
    kind = HTTP_PROBLEMS[422 if in_body else 400]
    what = "The request body does not fit" if in_body else "The request cannot be understood"
    detail = f"{what}: " + "; ".join(f"{problem['field']}: {problem['message']}" for problem in fields[:5])
    return make_problem(
        kind, detail, instance=request.scope["path"], request_id=request.scope[ID], members={"problems": fields}
    ).response()


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = error.status_code
    headers = dict(error.headers or {})
    detail = str(error.detail)
    path = request.scope["path"]
    if status == 404:
        detail = "There is nothing at this address; /docs lists what there is."
    elif status == 405:
        headers = {"allow": ", ".join(_allowed(request))}
        detail = f"{request.method} is not allowed here; allowed are {headers['allow']}."
    kind = HTTP_PROBLEMS.get(status, INTERNAL)
    return make_problem(kind, detail, instance=path, request_id=request.scope[ID], headers=headers).response()


async def _unexpected(request: Request, _error: Exception) -> Response:
    """What is our fault; the gateway logs it."""
    detail = "An unexpected error; the server's log has it under this request's id."
    return make_problem(INTERNAL, detail, instance=request.scope["path"], request_id=request.scope[ID]).response()


def _allowed(request: Request) -> Sequence[str]:
    """The methods that some route takes at this address; Starlette itself names those of the first route only."""
    found = [
        method
        for method in METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in request.app.routes)
    ]
    return sorted({*found, "HEAD"} if "GET" in found else found)


def _field(location: Sequence[Any]) -> str:
    return ".".join(str(part) for part in location)


def _message(problem: dict[str, Any]) -> str:
    if problem["loc"] == ("body",) and problem["type"] == "missing":
        return "is empty: send a JSON object"
    if problem["type"] == "json_invalid":
        return f"is no JSON: {problem.get('ctx', {}).get('error', 'syntax error')}"
    return field_words(problem)
