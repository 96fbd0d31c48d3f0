"""The hot path of rendering: behind the gateway, which has checked the key, and before FastAPI.

Only plain requests are answered here: JSON that fits, for a state that is there. Everything else goes
on to the documented route as it came, so that what is wrong is said in one place; that route uses the same function.
"""

from pydantic import ValidationError
from starlette.types import ASGIApp, Receive, Scope, Send

from api.answer_cache import AnswerCache
from api.answers import JSON
from api.json_bodies import parse_json
from api.observing import ACTOR, ROUTE
from api.plain_requests import again, body_of, headers_of, is_plain_body, place_of, plain_query, receive_all
from api.render_answers import Found, find_renderable, render_answer
from api.schemas.render import RenderQuery, RenderRequest
from registry.bootstrap import Registry
from registry.domain.errors import PromptuaryError
from registry.domain.ids import RepositoryName
from registry.domain.names import parse_name
from registry.domain.roles import Role

NOUN = "/render/"
TEMPLATE = "/api/v1/repositories/{repository}/render/{name}"


class HotRenders:
    """An ASGI application in front of another one."""

    def __init__(self, app: ASGIApp, *, registry: Registry, answers: AnswerCache) -> None:
        self._app = app
        self._registry = registry
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or hands over. Raises VariablesInvalid, RenderFailed, RenderLimit, Unavailable."""
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        place = place_of(scope, NOUN) if is_post and is_plain_body(headers_of(scope), JSON) else None
        if place is None:
            await self._app(scope, receive, send)
            return
        messages = await receive_all(receive)
        request = _request_of(body_of(messages))
        query = plain_query(scope["query_string"], RenderQuery)
        found = await self._find(scope, place, query) if request is not None and query is not None else None
        if request is None or query is None or found is None:
            await self._app(scope, again(messages, receive), send)
            return
        scope[ROUTE] = TEMPLATE
        answer = await render_answer(self._registry, RepositoryName(place[0]), found, query, request, scope[ACTOR])
        await answer.send(send)

    async def _find(self, scope: Scope, place: tuple[str, str], query: RenderQuery) -> Found | None:
        """The state to render; None where there is none, which the documented route explains."""
        repository, name = place
        try:
            known = self._registry.repositories.require(repository, scope[ACTOR].rights)
            wanted, selector = parse_name(name), query.selector()
            scope[ACTOR].require_template(Role.READER, known, wanted)
            return await find_renderable(self._registry, self._answers, known, wanted, selector)
        except PromptuaryError:
            return None


def _request_of(body: bytes | None) -> RenderRequest | None:
    """What was sent, where it came whole and fits."""
    if body is None:
        return None
    try:
        return RenderRequest.model_validate(parse_json(body))
    except (PromptuaryError, ValidationError):
        return None
