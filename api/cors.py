"""Which pages of other origins may call (CORS, in the Fetch standard): those that are named, and without cookies."""

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers import SAFE_HEADERS, Answer, RawHeaders
from api.errors import error_answer
from api.request_ids import HEADER as REQUEST_ID
from api.request_ids import RequestIds
from registry.domain.errors import Denied
from registry.domain.names import printable

METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
ASKED = (
    b"Accept, Authorization, Content-Type, Git-Protocol, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "
    b"X-Request-Id"
)
"""Headers that a page may send."""

TOLD = (
    b"ETag, Link, Location, Promptuary-Commit, Promptuary-Degraded, RateLimit, RateLimit-Policy, Retry-After, "
    b"WWW-Authenticate, X-Request-Id"
)
"""Headers that a page may read besides those that every page may."""

KEPT_SECONDS = 600
"""For how long a browser need not ask again."""

_ORIGIN = b"access-control-allow-origin"
NAMES = frozenset({_ORIGIN, b"access-control-expose-headers"})
"""Of an answer that is passed on they are left out: each process says its own."""

_VARIES = (b"vary", b"Origin")
MAX_SHOWN = 100


class Cors:
    """An ASGI application in front of another one."""

    def __init__(self, app: ASGIApp, *, origins: Sequence[str], request_ids: RequestIds) -> None:
        self._app = app
        self._origins = frozenset(origin.encode() for origin in origins)
        self._request_ids = request_ids

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a browser that asks whether it may, or passes on and has the answer say for whom it is."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"")
        if scope["method"] == "OPTIONS" and origin and b"access-control-request-method" in headers:
            request_id = self._request_ids.take(headers.get(REQUEST_ID))
            await self._preflight(origin, scope["path"], request_id).send(send, (REQUEST_ID, request_id), _VARIES)
        elif origin in self._origins:
            told = ((_ORIGIN, origin), (b"access-control-expose-headers", TOLD), _VARIES)
            await self._app(scope, receive, _Reply(send, told))
        else:
            await self._app(scope, receive, _Reply(send, (_VARIES,)))

    def _preflight(self, origin: bytes, path: str, request_id: bytes) -> Answer:
        if origin not in self._origins:
            shown = printable(origin.decode("latin-1")[:MAX_SHOWN])
            refusal = Denied(f"Pages of {shown} may not call this server: it is none of PROMPTUARY_CORS_ORIGINS.")
            return error_answer(refusal, instance=path, request_id=request_id.decode())
        allowed = (
            (_ORIGIN, origin),
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", ASKED),
            (b"access-control-max-age", b"%d" % KEPT_SECONDS),
        )
        return Answer(204, b"", (*SAFE_HEADERS, *allowed))


class _Reply:
    """Sends on, with more headers."""

    def __init__(self, send: Send, headers: RawHeaders) -> None:
        self._send = send
        self._headers = headers

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *self._headers]}
        await self._send(message)
