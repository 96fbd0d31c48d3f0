"""JSON bodies, read strictly: what two readers could understand differently is refused and named."""

import json
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from registry.domain.errors import BadRequest
from registry.domain.json_faults import json_fault
from registry.domain.names import printable

MAX_SHOWN = 60


class JsonRequest(Request):
    """A request whose body was read by ``parse_json``."""

    async def json(self) -> Any:
        """The body's value. Raises RequestValidationError, which becomes a 422."""
        if not hasattr(self, "_value"):
            try:
                self._value = parse_json(await self.body())
            except BadRequest as error:
                found = {"type": "json_refused", "loc": ("body",), "msg": error.message.removeprefix("The body ")}
                raise RequestValidationError([found]) from error
        return self._value


class JsonRoute(APIRoute):
    """A route whose body, where it takes one, is JSON and says so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own handler, behind a look at the headers."""
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def checked(request: Request) -> Response:
            check_encoding(request)
            if not is_json(request):
                kind = request.headers.get("content-type")
                said = f"The Content-Type is {printable(kind[:MAX_SHOWN])}" if kind else "There is no Content-Type"
                raise HTTPException(415, f"{said}: send Content-Type: application/json")
            strict = JsonRequest(request.scope, request.receive)
            if await strict.body():
                await strict.json()  # here, because FastAPI would make another error of what is raised inside
            return await handle(strict)

        return checked


def is_json(request: Request) -> bool:
    """Whether the Content-Type is JSON's."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def check_encoding(request: Request) -> None:
    """Raises HTTPException (415) for a compressed body, which would be stored as it came."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        said = printable(encoding[:MAX_SHOWN])
        raise HTTPException(415, f"The Content-Encoding is {said}: send the body as it is, not compressed")


def parse_json(body: bytes) -> Any:
    """The value of a JSON text in UTF-8. Raises BadRequest, naming what is wrong and where."""
    try:
        text = body.decode()
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is no JSON: byte {error.start + 1} is no UTF-8.") from error
    except UnicodeEncodeError as error:
        raise BadRequest(
            "The body holds half of a surrogate pair (\\ud800 to \\udfff): it is no Unicode text."
        ) from error
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body is no JSON: {json_fault(error)}.") from error
    except RecursionError as error:
        raise BadRequest("The body nests too many lists and objects in one another.") from error
    except ValueError as error:  # Python's own bound on the digits of a number
        raise BadRequest("The body holds a number with too many digits.") from error
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise BadRequest(
                    f"The body has the key {printable(key[:MAX_SHOWN])} twice in one object: give it once."
                )
            seen.add(key)
    return found


def _no_number(word: str) -> NoReturn:
    raise BadRequest(f"The body holds {word}, which is no JSON number.")
