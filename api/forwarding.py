"""An API replica's way to the Git node: what it cannot answer from the indexes goes there, with the caller's key.

Bodies are passed on in both directions as they come, so that a push or a clone of any size takes no memory here.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import aiohttp
from multidict import CIMultiDict
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from yarl import URL

from api.answers import DEGRADED, FROM_CACHE, SUPERSEDED
from api.errors import error_answer
from api.observing import ID, LEFT, ROUTE, STATUS
from api.request_ids import HEADER as REQUEST_ID
from api.schemas.fields import COMMIT_ID
from api.traces import traceparent
from registry.domain.dependencies import Circuit, Condition
from registry.domain.errors import BadRequest, Unavailable
from registry.domain.ids import CommitId, RepositoryName
from registry.services.freshness import Freshness

log = logging.getLogger(__name__)

FORWARDED = b"promptuary-forwarded"
"""Marks a request that came through a replica: no replica passes it on again."""

FORWARDED_ROUTE = "forwarded"
"""What log and metrics have as the route of such a request; the Git node has its own."""

CONNECT_SECONDS, FREE_SECONDS = 2.0, 5.0
"""How long a connection may take to be made, and how long one is waited for where all are in use."""

GIT_SECONDS, WRITE_SECONDS, READ_SECONDS, INSTEAD_SECONDS = 900.0, 60.0, 30.0, 3.0
"""How long the Git node may say nothing: as long as a push may be judged, a write be gated, a diff be made.
The last is for one template while the catalogue is away: less than whoever reads it waits."""

CONNECTIONS = 200
IDLE_SECONDS = 3.0
"""How long an idle connection is kept: less than the Git node does, so that none is used while it is closed there."""

AWAY = (
    "The Git node is away. Writes, pushes, clones, diffs and reads by ref= or at= have to wait for it; other reads go "
    "on. Try again in a moment."
)
UNKNOWN = (
    "The Git node did not answer, so it is not known whether the change was made. Read before you send it again; with "
    "an Idempotency-Key it can be sent again as it was."
)

_REPOSITORIES = "/api/v1/repositories/"
_GIT = "/git/"
_READ_HERE = frozenset({"templates", "versions", "labels", "search", "bundle", "resolve", "events", "reads"})
_RENDER = "render"
_FAILED, _UNAVAILABLE = 500, 503
_READING = frozenset({"GET", "HEAD"})
_OF_GIT = frozenset({"ref", "at"})  # parameters that only Git can answer
_OF_A_CONNECTION = frozenset(
    {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"proxy-connection", b"host"}
)
"""Headers that are not passed on (RFC 9110, section 7.6.1)."""
_BODIED = frozenset({b"content-length", b"transfer-encoding"})


class GitNode:
    """The Git node as a replica reaches it, by a pool of connections."""

    def __init__(self, address: str, session: aiohttp.ClientSession) -> None:
        self._address = address.rstrip("/")
        self._session = session
        self._condition = Condition("Git node", Circuit.CLOSED, datetime.now(UTC))

    def condition(self) -> Condition:
        """How it is doing, as of the last request. It is always asked: nothing else could answer."""
        return self._condition

    @asynccontextmanager
    async def ask(
        self, scope: Scope, body: "_Body | None", request_id: bytes, *, instead: bool = False
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The Git node's answer to a request. Raises Unavailable where it is away, or leaves in between.

        Raises ClientDisconnect where it was the caller who left, in the middle of the body.
        Of a write that reached it the message says that nobody knows what became of it.
        """
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        url = URL(self._address + (scope["raw_path"] + query).decode("latin-1"), encoded=True)
        headers = _passed_on(scope, request_id)
        reads = instead or scope["method"] in _READING
        of_method = INSTEAD_SECONDS if instead else READ_SECONDS if reads else WRITE_SECONDS
        silent = GIT_SECONDS if scope["path"].startswith(_GIT) else of_method
        timeout = aiohttp.ClientTimeout(connect=FREE_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=silent)
        try:
            async with self._session.request(
                scope["method"], url, headers=headers, data=body, allow_redirects=False, timeout=timeout
            ) as answer:
                self._turn(Circuit.CLOSED)
                yield answer
        except (aiohttp.ClientError, TimeoutError) as error:
            if body is not None and body.is_cut_off:
                raise ClientDisconnect from error
            self._turn(Circuit.HALF_OPEN, "it did not answer the last request")
            unsent = reads or isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
            raise Unavailable(AWAY if unsent else UNKNOWN) from error

    def _turn(self, circuit: Circuit, reason: str = "") -> None:
        if circuit is not self._condition.circuit:
            self._condition = Condition(self._condition.name, circuit, datetime.now(UTC), reason)


@asynccontextmanager
async def open_git_node(address: str | None) -> AsyncIterator[GitNode]:
    """The Git node at an address. Raises BadRequest where that is missing or none."""
    if address is None or not address.startswith(("http://", "https://")):
        raise BadRequest(
            "An API replica passes writes and Git on to the Git node: set PROMPTUARY_GIT_URL to the address of "
            "promptuary git, for example http://127.0.0.1:8001."
        )
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=IDLE_SECONDS),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers={"user-agent", "accept", "accept-encoding", "content-type"},
    ) as session:
        yield GitNode(address, session)


class Forwarding:
    """An ASGI application in front of another one: hands over what the Git node has to answer."""

    def __init__(self, app: ASGIApp, *, node: GitNode, freshness: Freshness) -> None:
        self._app = app
        self._node = node
        self._freshness = freshness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers here, or there."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif not await self._is_answered_here(scope):
            await self._forward(scope, receive, send)
        elif _is_read(scope):
            kept, held = _Kept(receive), _Held(send)
            await self._app(scope, kept, held)
            if held.messages:  # without the catalogue, but the Git node may have it on its disk
                await self._forward(scope, kept.again, send, held)
        else:
            await self._app(scope, receive, send)

    async def _is_answered_here(self, scope: Scope) -> bool:
        path, method = scope["path"], scope["method"]
        if path.startswith(_GIT):
            return False
        if not path.startswith(_REPOSITORIES):
            return True
        repository, _, rest = path.removeprefix(_REPOSITORIES).partition("/")
        noun = rest.partition("/")[0]
        if not (noun in _READ_HERE if method in _READING else method == "POST" and noun == _RENDER):
            return False
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        if not _OF_GIT.isdisjoint(query):
            return False
        commit = query.get("min_commit")
        if commit is None or not COMMIT_ID.fullmatch(commit):
            return True
        return await self._freshness.has_seen(RepositoryName(repository), CommitId(commit))

    async def _forward(self, scope: Scope, receive: Receive, send: Send, held: "_Held | None" = None) -> None:
        """Has the Git node answer; where that cannot either, what is held is better than that."""
        headers = dict(scope["headers"])
        request_id = scope[ID].encode()
        scope[ROUTE] = FORWARDED_ROUTE
        if FORWARDED in headers:
            loop = "PROMPTUARY_GIT_URL of the replica that passed this on names a replica, not the Git node."
            await _refuse(Unavailable(loop), scope, request_id, send)
            return
        begun, body = False, None if _BODIED.isdisjoint(headers) else _Body(receive)
        try:
            async with self._node.ask(scope, body, request_id, instead=held is not None) as answer:
                if held is not None and held.is_superseded and answer.status >= _FAILED:
                    await held.release()
                    return
                begun = True
                await send(_start(answer))
                async for chunk in answer.content.iter_any():
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except ClientDisconnect:
            scope[STATUS] = LEFT
        except Unavailable as error:
            if begun:  # nothing can be said any more: the connection ends, and the client sees that not all came
                log.warning("request %s: the Git node left in the middle of its answer", request_id.decode())
                return
            if held is not None and held.is_superseded:
                await held.release()
                return
            await _refuse(error, scope, request_id, send)


class _Held:
    """Sends on, but holds back an answer that says that something is away, or is known to be superseded."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.messages: list[Message] = []
        self.is_superseded = False

    async def __call__(self, message: Message) -> None:
        begins = message["type"] == "http.response.start"
        if begins and (DEGRADED, SUPERSEDED) in message["headers"]:
            self.is_superseded = True
            others = [pair for pair in message["headers"] if pair[0] != DEGRADED]
            message = {**message, "headers": [*others, (DEGRADED, FROM_CACHE)]}
        if self.messages or self.is_superseded or (begins and message["status"] == _UNAVAILABLE):
            self.messages.append(message)
        else:
            await self._send(message)

    async def release(self) -> None:
        """Sends what was held back."""
        for message in self.messages:
            await self._send(message)


class _Kept:
    """Gives what comes, and keeps the request so that it can be given again."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: list[Message] = []

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._messages.append(message)
        return message

    async def again(self) -> Message:
        """What came before once more, and then what still comes."""
        return self._messages.pop(0) if self._messages else await self._receive()


def _is_read(scope: Scope) -> bool:
    """Whether one template is read or rendered, which Git alone can answer too, and nobody has passed it on."""
    noun, _, name = scope["path"].removeprefix(_REPOSITORIES).partition("/")[2].partition("/")
    if noun != (_RENDER if scope["method"] == "POST" else "templates") or not name:
        return False
    return all(key != FORWARDED for key, _ in scope["headers"])


async def _refuse(error: Unavailable, scope: Scope, request_id: bytes, send: Send) -> None:
    answer = error_answer(error, instance=scope["path"], request_id=request_id.decode())
    await answer.send(send, (REQUEST_ID, request_id))


def _passed_on(scope: Scope, request_id: bytes) -> CIMultiDict[str]:
    kept = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in scope["headers"]
        if name not in _OF_A_CONNECTION and name not in {b"expect", REQUEST_ID}
    ]
    if (joined := traceparent()) is not None:
        kept = [*((name, value) for name, value in kept if name != "traceparent"), ("traceparent", joined)]
    return CIMultiDict([*kept, (REQUEST_ID.decode(), request_id.decode()), (FORWARDED.decode(), "1")])


class _Body:
    """A request's body as it comes."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_cut_off = False
        """Whether the caller left before all of it had come: whoever sends it on hides the error that says so."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Raises ClientDisconnect."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] != "http.request":
                self.is_cut_off = True
                raise ClientDisconnect
            more = message.get("more_body", False)
            if message.get("body"):
                yield message["body"]


def _start(answer: aiohttp.ClientResponse) -> Message:
    headers = [(name.lower(), value) for name, value in answer.raw_headers if name.lower() not in _OF_A_CONNECTION]
    return {"type": "http.response.start", "status": answer.status, "headers": headers}
