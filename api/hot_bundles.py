"""The hot path of bundles: behind the gateway, which has checked the key, and before FastAPI.

Only plain requests for what is there are answered here, with the function that the documented route calls; everything
else goes on to that route, so that what is wrong is said in one place.
"""

from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from api.answer_cache import AnswerCache
from api.answers import Answer
from api.bundle_answers import bundle_answer
from api.content_codings import choose_coding
from api.observing import ACTOR, ROUTE
from api.plain_requests import plain_query, repository_before
from api.schemas.bundles import BundleQuery
from registry.bootstrap import Registry
from registry.domain.errors import PromptuaryError
from registry.domain.ids import LabelName

NOUN = "/bundle"
TEMPLATE = "/api/v1/repositories/{repository}/bundle"


class HotBundles:
    """An ASGI application in front of another one."""

    def __init__(self, app: ASGIApp, *, registry: Registry, answers: AnswerCache) -> None:
        self._app = app
        self._registry = registry
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or hands over."""
        repository = repository_before(scope, NOUN)
        answer = await self._answer(scope, repository) if repository is not None else None
        if answer is None:
            await self._app(scope, receive, send)
        else:
            scope[ROUTE] = TEMPLATE
            await answer.send(send)

    async def _answer(self, scope: Scope, repository: str) -> Answer | None:
        try:
            asked = _asked(scope["query_string"])
            known = self._registry.repositories.require(repository, scope[ACTOR].rights)
            return asked and await bundle_answer(
                self._registry,
                self._answers,
                known,
                *asked,
                scope[ACTOR].sight(known),
                coding=choose_coding(_header(scope, b"accept-encoding").decode("latin-1")),
                if_none_match=_header(scope, b"if-none-match"),
            )
        except PromptuaryError:
            return None


@lru_cache(256)
def _asked(query: bytes) -> tuple[LabelName | None, str | None] | None:
    """Label and folder; None for what the documented route has to look at. Raises BadRequest."""
    asked = plain_query(query, BundleQuery)
    return asked.parsed() if asked is not None else None


def _header(scope: Scope, wanted: bytes) -> bytes:
    """Its value; of several lines all, as a list."""
    return b",".join(value for name, value in scope["headers"] if name == wanted)
