"""The Git node as a replica reaches it: by a pool of connections, and by a circuit breaker for what is only read.

Bodies are passed on in both directions as they come, so that a push or a clone of any size takes no memory here.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from multidict import CIMultiDict
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope
from yarl import URL

from api.addresses import FORWARDED, FORWARDED_FOR, FORWARDED_PROTO, OF_PROXIES
from api.gateway import GIT_FOLDER
from api.request_ids import HEADER as REQUEST_ID
from api.traces import traceparent
from registry.domain.dependencies import Circuit, Condition
from registry.domain.errors import BadRequest, Unavailable
from registry.tiers import Breaker

CONNECT_SECONDS, FREE_SECONDS = 2.0, 5.0
"""How long a connection may take to be made, and a read waits for a free one; and how long anything else does."""

GIT_SECONDS, WRITE_SECONDS, READ_SECONDS, TEMPLATE_SECONDS = 900.0, 60.0, 30.0, 3.0
"""How long the Git node may say nothing: as long as a push may be judged, a write be gated, a diff be made.
The last is for one template that the catalogue cannot tell of: less than whoever asks for it waits."""

SILENT_SECONDS, LIVE_SECONDS = 1.0, 2.0
"""After how long the Git node, which has not answered a read, is asked whether it lives, and how long that may take."""

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

OF_A_CONNECTION = frozenset(
    {b"connection", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"proxy-connection", b"host"}
)
"""Headers that are not passed on (RFC 9110, section 7.6.1)."""

READING = frozenset({"GET", "HEAD"})


class GitNode:
    """The Git node at an address.

    What is read goes through a circuit breaker, and ends soon where the node hangs. Pushes and clones are always sent,
    and so is what writes, for it may have nowhere else to go; a write is waited for once it is.
    """

    def __init__(self, address: str, session: aiohttp.ClientSession, prober: aiohttp.ClientSession) -> None:
        """``prober`` has a connection of its own, which is free when all of the session's are not."""
        self._address = address.rstrip("/")
        self._session = session
        self._prober = prober
        self._breaker = Breaker("Git node", seconds=TEMPLATE_SECONDS)
        self._probe: asyncio.Task[bool] | None = None
        self._lived_at = 0.0
        """When it said last that it lives."""

    def condition(self) -> Condition:
        """How it is doing, as of the last requests."""
        return self._breaker.condition()

    @asynccontextmanager
    async def ask(
        self, scope: Scope, body: "Body | None", request_id: bytes, *, reads: bool, instead: bool = False
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The Git node's answer to a request, which ``reads`` or may change something.

        ``instead`` says that it stands in for the catalogue, which is worth less patience. Raises Unavailable where
        the node is away, or leaves in between: of a write that reached it the message says that nobody knows what
        became of it. Raises ClientDisconnect where the caller left, in the middle of the body.
        """
        breaks = reads and not scope["path"].startswith(GIT_FOLDER)
        try:
            era = self._breaker.admit() if breaks else self._breaker.era
        except Unavailable as error:
            raise Unavailable(AWAY) from error
        began = time.monotonic()
        try:
            asking = self._send(scope, body, request_id, reads=reads, instead=instead)
            answer = await (self._watched(asking, era) if reads else asking)
        except (aiohttp.ClientError, TimeoutError) as error:
            unsent = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
            self._count_failure(era, breaks=breaks, away=self._lived_at < began and (reads or unsent))
            if body is not None and body.is_cut_off:
                raise ClientDisconnect from error
            raise Unavailable(AWAY if reads or unsent else UNKNOWN) from error
        except BaseException:
            self._count_failure(era, breaks=breaks, away=False)
            raise
        self._breaker.answered(era)
        try:
            async with answer:
                yield answer
        except (aiohttp.ClientError, TimeoutError) as error:
            if body is not None and body.is_cut_off:
                raise ClientDisconnect from error
            raise Unavailable(AWAY if reads else UNKNOWN) from error

    def _count_failure(self, era: int, *, breaks: bool, away: bool) -> None:
        """What was let through whatever the circuit may open it, and does not keep it open."""
        if away and (breaks or self._breaker.condition().circuit is Circuit.CLOSED):
            self._breaker.failed(era, "it does not answer")
        elif breaks:
            self._breaker.told_nothing(era)

    def _send(
        self, scope: Scope, body: "Body | None", request_id: bytes, *, reads: bool, instead: bool
    ) -> Coroutine[Any, Any, aiohttp.ClientResponse]:
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        url = URL(self._address + (scope["raw_path"] + query).decode("latin-1"), encoded=True)
        silent = TEMPLATE_SECONDS if instead else READ_SECONDS if reads else WRITE_SECONDS
        if scope["path"].startswith(GIT_FOLDER):
            silent = GIT_SECONDS
        free = CONNECT_SECONDS if reads else FREE_SECONDS
        timeout = aiohttp.ClientTimeout(connect=free, sock_connect=CONNECT_SECONDS, sock_read=silent)
        headers = _passed_on(scope, request_id)
        return self._session.request(
            scope["method"], url, headers=headers, data=body, allow_redirects=False, timeout=timeout
        )

    async def _watched(self, asking: Coroutine[Any, Any, aiohttp.ClientResponse], era: int) -> aiohttp.ClientResponse:
        """What is asked for. Raises TimeoutError where that takes long and the node does not even say that it lives."""
        task = asyncio.ensure_future(asking)
        try:
            await self._wait_for(task, era)
        except BaseException:
            task.cancel()
            task.add_done_callback(_close)
            raise
        return task.result()

    async def _wait_for(self, task: "asyncio.Task[aiohttp.ClientResponse]", era: int) -> None:
        while not task.done():
            done, _ = await asyncio.wait((task,), timeout=SILENT_SECONDS)
            if done:
                return
            if await self._lives():
                self._breaker.answered(era)  # slow, not away: nobody else has to be turned off
            elif not task.done():
                raise TimeoutError

    async def _lives(self) -> bool:
        """Whether it answers at all; of all who want to know at a time, one asks."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._answers())
        return await asyncio.shield(self._probe)

    async def _answers(self) -> bool:
        timeout = aiohttp.ClientTimeout(total=LIVE_SECONDS)
        try:
            async with self._prober.get(f"{self._address}/livez", timeout=timeout, allow_redirects=False):
                self._lived_at = time.monotonic()
                return True
        except (aiohttp.ClientError, TimeoutError):
            return False


def _close(task: "asyncio.Task[aiohttp.ClientResponse]") -> None:
    """Gives back the connection of an answer that nobody waits for any more."""
    if not task.cancelled() and task.exception() is None:
        task.result().close()


@asynccontextmanager
async def open_git_node(address: str | None) -> AsyncIterator[GitNode]:
    """The Git node at an address. Raises BadRequest where that is missing."""
    if not address:  # anything that is none the settings refuse
        raise BadRequest(
            "An API replica passes writes and Git on to the Git node: set PROMPTUARY_GIT_URL to the address of "
            "promptuary git, for example http://127.0.0.1:8001."
        )
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=IDLE_SECONDS),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers={"user-agent", "accept", "accept-encoding", "content-type"},
        ) as session,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1, force_close=True)) as prober,
    ):
        yield GitNode(address, session, prober)


def _passed_on(scope: Scope, request_id: bytes) -> CIMultiDict[str]:
    kept = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in scope["headers"]
        if name not in OF_A_CONNECTION and name not in OF_PROXIES and name not in {b"expect", REQUEST_ID}
    ]
    if client := scope.get("client"):
        kept += [(FORWARDED_FOR.decode(), client[0]), (FORWARDED_PROTO.decode(), scope["scheme"])]
    if (joined := traceparent()) is not None:
        kept = [*((name, value) for name, value in kept if name != "traceparent"), ("traceparent", joined)]
    return CIMultiDict([*kept, (REQUEST_ID.decode(), request_id.decode()), (FORWARDED.decode(), "1")])


class Body:
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
