"""The hot path of writing a template: behind the gateway, which has checked the key, and before FastAPI.

Only plain requests are answered here: a whole file of YAML without an Idempotency-Key. Everything else goes on to the
documented route as it came; that route uses the same function.
"""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from api.answer_cache import AnswerCache
from api.answers import YAML
from api.observing import ACTOR, ROUTE
from api.plain_requests import again, body_of, headers_of, is_plain_body, place_of, plain_query, receive_all
from api.schemas.templates import PutQuery
from api.write_answers import Put, put_answer
from registry.bootstrap import Registry
from registry.domain.errors import PromptuaryError
from registry.domain.names import parse_name
from registry.domain.roles import Role

NOUN = "/templates/"
TEMPLATE = "/api/v1/repositories/{repository}/templates/{name}"


class HotWrites:
    """An ASGI application in front of another one."""

    def __init__(self, app: ASGIApp, *, registry: Registry, answers: AnswerCache) -> None:
        self._app = app
        self._registry = registry
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or hands over. Raises what writing a template raises."""
        is_put = scope["type"] == "http" and scope["method"] == "PUT"
        headers = headers_of(scope) if is_put else {}
        place = place_of(scope, NOUN) if _is_plain(headers) else None
        query = plain_query(scope["query_string"], PutQuery) if place is not None else None
        if place is None or query is None:
            await self._app(scope, receive, send)
            return
        messages = await receive_all(receive)
        put = self._put(scope, place, headers, body_of(messages))
        if put is None:
            await self._app(scope, again(messages, receive), send)
            return
        scope[ROUTE], scope["path_params"] = TEMPLATE, {"repository": put.repository, "name": put.name}
        answer = await put_answer(self._registry, self._answers, put, query, actor=scope[ACTOR])
        await answer.send(send)

    def _put(
        self, scope: Scope, place: tuple[str, str], headers: Mapping[bytes, bytes], body: bytes | None
    ) -> Put | None:
        """What to write; None where the documented route has to say what is wrong."""
        if body is None:
            return None
        repository, name = place
        try:
            known, wanted = self._registry.repositories.require(repository, scope[ACTOR].rights), parse_name(name)
            scope[ACTOR].require_template(Role.AUTHOR, known, wanted)
            return Put(
                known,
                wanted,
                body,
                _text(headers.get(b"if-match")),
                _text(headers.get(b"if-none-match")),
            )
        except PromptuaryError:
            return None


def _is_plain(headers: Mapping[bytes, bytes]) -> bool:
    return is_plain_body(headers, YAML) and b"idempotency-key" not in headers


def _text(value: bytes | None) -> str | None:
    return value.decode("latin-1") if value is not None else None
