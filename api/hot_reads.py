"""The hot path: a template by selector, answered as ready bytes before Starlette is reached.

Only plain cases are answered here: a GET with a key that was checked seconds ago, and an answer of 200 or 304.
Everything else goes on to the documented route, which uses the same function on a miss. (A FastAPI route costs three
to five times what this does; see docs/decisions.)
"""

import logging
from functools import lru_cache, partial
from time import perf_counter
from urllib.parse import parse_qsl, unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from api.answer_cache import AnswerCache, Key
from api.answers import Answer
from api.observing import ID
from api.rate_limiting import RequestLimits, limit_headers
from api.request_ids import CURRENT, RequestIds
from api.request_ids import HEADER as REQUEST_ID
from api.request_log import SLOW_SECONDS, Served, loggable, tell
from api.request_meters import HOT_ROUTE, RequestMeters
from api.template_reads import git_answer, is_seen_whole, read_answer
from api.traces import name_request, request_span
from registry.bootstrap import Registry
from registry.domain.access import Actor
from registry.domain.errors import PromptuaryError
from registry.domain.key_secrets import SESSION_PREFIX
from registry.domain.names import parse_name
from registry.domain.rate_limits import Allowance
from registry.domain.roles import Role
from registry.domain.selectors import Selector, parse_selector

log = logging.getLogger(__name__)

PREFIX = b"/api/v1/repositories/"
NOUN = b"/templates/"
QUERIES = 256
"""For how many queries it is kept what they select: one for each label and version that is asked for now."""

QUERY_BYTES = 200
"""Longer ones select nothing that is answered here."""

CACHEABLE = frozenset({"label", "version"})
"""Selectors whose answer only a projection can change. Other refs move without one, so ``ref`` is not kept."""

_SESSION = SESSION_PREFIX.encode()  # four bytes; a session comes by its cookie alone


class HotReads:
    """An ASGI application in front of another one."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        registry: Registry,
        cache: AnswerCache,
        request_ids: RequestIds,
        meters: RequestMeters,
        rates: RequestLimits,
    ) -> None:
        self._app = app
        self._registry = registry
        self._callers = registry.identification
        self._reads = registry.reads
        self._cache = cache
        self._request_ids = request_ids
        self._meters = meters
        self._durations = meters.durations["GET", HOT_ROUTE]
        self._statuses = meters.hot
        self._rates = rates if rates.limits_reads else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or hands over."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["raw_path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        began = perf_counter()
        authorization = accept = etags = request_id = b""
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value
            elif name == b"accept":
                accept = value
            elif name == b"if-none-match":
                etags = value
            elif name == REQUEST_ID:
                request_id = value
        actor = self._caller(authorization[7:]) if authorization[:7] == b"Bearer " else None
        key = (scope["raw_path"], scope["query_string"], accept)
        answer = self._cache.find(key)
        limit = self._rates.of_actor(actor, scope) if self._rates is not None and actor is not None else None
        if actor is None or (answer is not None and not _sees(actor, answer)) or _is_refused(limit):
            await self._app(scope, receive, send)
            return
        request_id = self._request_ids.take(request_id)
        if answer is None:
            answer = await self._missed(scope, key, request_id, actor)
            if answer is None:
                scope[ID] = request_id.decode()
                self._meters.hot_handed_on += 1
                await self._app(scope, receive, send)
                return
            self._meters.hot_made += 1
        self._reads.count(answer.read, actor.key_id)
        answer = answer.matched(etags)
        waited = perf_counter() - began
        self._durations.add(waited)
        self._statuses[answer.status] += 1
        await answer.send(send, (REQUEST_ID, request_id), *limit_headers(limit))
        if waited >= SLOW_SECONDS or log.isEnabledFor(logging.DEBUG):
            served = Served("GET", scope["path"], HOT_ROUTE, answer.status, waited, perf_counter() - began, actor.user)
            tell(served, request_id)

    def _caller(self, secret: bytes) -> Actor | None:
        """Whose key it is, where that is known; a session's secret is none."""
        return self._callers.cached(secret.decode("latin-1")) if secret[:4] != _SESSION else None

    async def _missed(self, scope: Scope, key: Key, request_id: bytes, actor: Actor) -> Answer | None:
        token = CURRENT.set(request_id.decode())
        try:
            with request_span(scope) as span:
                answer = await self._fetch(key, actor)
                if answer is not None and (answer.is_superseded() or not _sees(actor, answer)):
                    # The Git node may know better, and who asks it stands behind this; there a part is left out, too.
                    answer = None
                name_request(span, "GET", HOT_ROUTE, answer.status if answer is not None else 0)
                return answer
        except PromptuaryError:
            return None  # the documented route says what is wrong
        except Exception:
            # It tries again, and behind the gateway whatever it ends in is a problem that names the request.
            log.exception("request %s failed on the hot path: %s", request_id.decode(), loggable(scope["path"]))
            return None
        finally:
            CURRENT.reset(token)

    async def _fetch(self, key: Key, actor: Actor) -> Answer | None:
        wanted = _wanted(key)
        if wanted is None:
            return None
        repository, name, selector = wanted
        known = self._registry.repositories.require(repository, actor.rights)
        actor.require_template(Role.READER, known, parse_name(name))
        read, instead = (
            partial(way, self._registry, known, name, selector, key[2]) for way in (read_answer, git_answer)
        )
        return await self._cache.fetch(known, key, read, instead=instead)


def _sees(actor: Actor, answer: Answer) -> bool:
    """Whether what an answer was made of lies where the caller may read, all of it."""
    read = answer.read
    sight = actor.rights.sight(read.repository) if read is not None else None
    return sight is not None and read is not None and sight.has(read.name) and is_seen_whole(answer, sight)


def _wanted(key: Key) -> tuple[str, str, Selector] | None:
    """Repository, template and selector of a plain read; None for everything that is not one. Raises BadRequest."""
    repository, noun, name = key[0][len(PREFIX) :].partition(NOUN)
    if not noun or not name or b"/" in repository or len(key[1]) > QUERY_BYTES:
        return None
    try:
        selector = _selector_of(key[1])
        if selector is None:
            return None
        return repository.decode("ascii"), unquote_to_bytes(name).decode(), selector
    except ValueError:
        return None


@lru_cache(QUERIES)
def _selector_of(query: bytes) -> Selector | None:
    """What a query selects; None for one that says more. Raises ValueError and BadRequest for what cannot be read."""
    pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, strict_parsing=bool(query), errors="strict")
    said = dict(pairs)
    if len(said) != len(pairs) or not said.keys() <= CACHEABLE:
        return None
    return parse_selector(label=said.get("label"), version=said.get("version"))


def _is_refused(limit: Allowance | None) -> bool:
    """Whether the gateway has to say that there were too many."""
    return limit is not None and not limit.is_allowed
