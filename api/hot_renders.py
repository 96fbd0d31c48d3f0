"""The hot path of rendering: behind the gateway, which has checked the key, and before FastAPI.

Only plain requests are answered here: JSON that fits, for a state that is there. Everything else goes
on to the documented route as it came, so that what is wrong is said in one place; that route uses the same function.
"""

from collections.abc import Mapping, Sequence

from pydantic import ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answer_cache import AnswerCache
from api.json_bodies import parse_json
from api.observing import ACTOR, ROUTE
from api.plain_requests import PREFIX, plain_query
from api.render_answers import Found, find_renderable, render_answer
from api.schemas.render import RenderQuery, RenderRequest
from registry.bootstrap import Registry
from registry.domain.access import Scope as KeyScope
from registry.domain.errors import PromptuaryError
from registry.domain.ids import RepositoryName
from registry.domain.names import parse_name

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
        if scope["type"] != "http" or scope["method"] != "POST" or not _is_plain(scope):
            await self._app(scope, receive, send)
            return
        messages = [await receive()]
        while messages[-1]["type"] == "http.request" and messages[-1].get("more_body", False):
            messages.append(await receive())
        request = _request_of(messages)
        query = plain_query(scope["query_string"], RenderQuery)
        found = await self._find(scope, query) if request is not None and query is not None else None
        if request is None or query is None or found is None:
            await self._app(scope, _again(messages, receive), send)
            return
        scope[ROUTE] = TEMPLATE
        repository = RepositoryName(scope["path"][len(PREFIX) :].partition(NOUN)[0])
        answer = await render_answer(self._registry, repository, found, query, request, scope[ACTOR])
        await answer.send(send)

    async def _find(self, scope: Scope, query: RenderQuery) -> Found | None:
        """The state to render; None where there is none, which the documented route explains."""
        repository, _, name = scope["path"][len(PREFIX) :].partition(NOUN)
        try:
            scope[ACTOR].require(KeyScope.READ)
            known = self._registry.repositories.require(repository)
            wanted, selector = parse_name(name), query.selector()
            return await find_renderable(self._registry, self._answers, known, wanted, selector)
        except PromptuaryError:
            return None


def _is_plain(scope: Scope) -> bool:
    repository, noun, name = scope["path"][len(PREFIX) :].partition(NOUN)
    if not scope["path"].startswith(PREFIX) or not noun or not name or "/" in repository:
        return False
    headers: Mapping[bytes, bytes] = dict(reversed(scope["headers"]))  # of several of one name the first counts
    # With a length, because the gateway has compared it with the limit, and the server keeps to it.
    return (
        headers.get(b"content-type") == b"application/json"
        and b"content-length" in headers
        and b"content-encoding" not in headers
    )


def _request_of(messages: Sequence[Message]) -> RenderRequest | None:
    """The body, where it came whole and fits."""
    if messages[-1]["type"] != "http.request":
        return None
    try:
        return RenderRequest.model_validate(parse_json(b"".join(each.get("body", b"") for each in messages)))
    except (PromptuaryError, ValidationError):
        return None


def _again(messages: Sequence[Message], receive: Receive) -> Receive:
    """A channel that gives what was received already before all else."""
    waiting = list(reversed(messages))

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received
