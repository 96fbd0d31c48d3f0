"""The hot path of searches: behind the gateway, which has checked the key, and before FastAPI.

Only plain requests are answered here, with the function that the documented route calls; everything else goes on to
that route, so that what is wrong with a request is said in one place.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from api.answer_cache import AnswerCache
from api.list_bodies import search_answer
from api.observing import ACTOR, ROUTE
from api.plain_requests import plain_query, repository_before
from api.schemas.search import SearchQuery
from registry.bootstrap import Registry
from registry.domain.errors import PromptuaryError
from registry.domain.search import Query

NOUN = "/search"
TEMPLATE = "/api/v1/repositories/{repository}/search"


class HotSearches:
    """An ASGI application in front of another one."""

    def __init__(self, app: ASGIApp, *, registry: Registry, answers: AnswerCache) -> None:
        self._app = app
        self._registry = registry
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or hands over. Raises BadRequest for a cursor that cannot be read, Unavailable."""
        query = self._query(scope)
        if query is None:
            await self._app(scope, receive, send)
            return
        scope[ROUTE] = TEMPLATE
        answer = await search_answer(self._registry, self._answers, query)
        await answer.send(send)

    def _query(self, scope: Scope) -> Query | None:
        """What is looked for; None where the documented route has to say what is wrong, or to wait for a commit."""
        repository = repository_before(scope, NOUN)
        asked = plain_query(scope["query_string"], SearchQuery) if repository is not None else None
        if repository is None or asked is None:
            return None
        try:
            known = self._registry.repositories.require(repository, scope[ACTOR].rights)
            return asked.query(known, scope[ACTOR].sight(known))
        except PromptuaryError:
            return None
