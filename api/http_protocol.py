"""uvicorn's HTTP protocol, which also takes addresses as people type them, and keeps what a network may send in bounds.

``curl …/search?q=환불`` is understood. A head that is too long, a shape that two servers could read differently, and a
client that is too slow are answered here, before an application is reached (docs/edge.md).
"""

import asyncio
import re
from functools import partial
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote_from_bytes

from starlette.types import Scope
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from api.edge import Edge
from api.errors import HTTP_PROBLEMS, make_problem
from api.joined_writes import JoinedWrites
from api.request_heads import Fault, find_fault, large_head, long_address, malformed
from api.request_ids import HEADER, RequestIds
from api.security_headers import HeaderBlock
from api.slow_clients import Seen, Waiting

_KEPT = bytes(range(0x80)).decode()
_UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)
_OPEN = Edge()
"""Where nobody says what is allowed: only heads have limits."""

CHUNK_FACTOR = 8
"""How many bytes more than itself a body may take on its way: each byte can be a chunk of its own, but no more."""

RETRY_SECONDS = 5
LINGER_SECONDS = 1.0


class _Refused(Exception):
    """Ends the parsing of a request that is going to be answered."""


def protocol_of(edge: Edge) -> type[asyncio.Protocol]:
    """What uvicorn makes for each connection."""
    return cast("type[asyncio.Protocol]", partial(TypedUrlProtocol, edge=edge))


class TypedUrlProtocol(HttpToolsProtocol):
    """Percent-encodes the bytes of an address that are no ASCII; what is no HTTP at all is answered with a problem.

    The parser takes ASCII only, so the request line is encoded before it, byte by byte as it comes. (Not a line that
    comes in one piece with the end of the request before it: where it begins in there, only the parser knows.)
    """

    seen: Seen | None = None
    """How it was when it was looked at last."""

    _data = b""
    """What the parser is fed with."""

    _came = 0
    """How many bytes of a request have come, about."""

    _body = 0
    """How many bytes of its body were among them."""

    _in_head = False
    _in_body = False
    """Whether a line and headers, or a body, are coming."""

    _awaits_line = True
    """Whether what comes next begins, or goes on with, a request line."""

    _is_proxied = False
    """Whether the other side is a trusted proxy."""

    _turn = 0
    _received = 0
    _fault: Fault | None = None

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        edge: Edge = _OPEN,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._edge = edge
        self.timeout_keep_alive = cast("int", edge.keep_alive_seconds)  # which it only passes on to the loop

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """The transport's callback at its beginning."""
        self._joined = JoinedWrites(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", self._joined))
        self._edge.slow.watch(self)
        self._is_proxied = self._edge.proxies.trusts(self._host)
        if self._is_proxied:
            return  # all that it has come from many
        if not self._edge.enters(self._host):
            most = self._edge.most_connections
            detail = f"There are {most} connections from this address already: use fewer, and each for many requests."
            self._refuse(Fault(429, detail, "many_connections"))

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport's callback at its end."""
        self._edge.slow.forget(self)
        if not self._is_proxied:
            self._edge.leaves(self._host)
        super().connection_lost(exc)

    @property
    def _host(self) -> str:
        return self.client[0] if self.client is not None else ""

    def data_received(self, data: bytes) -> None:
        """The transport's callback with what has come."""
        if self._fault is not None:
            return  # what was asked before is still being answered
        if self._awaits_line:
            line, end, rest = data.partition(b"\n")
            self._awaits_line = not end
            if not line.isascii():
                data = quote_from_bytes(line, safe=_KEPT).encode() + end + rest
            if b"pgrade:" in rest or b"PGRADE:" in rest:
                data = _without_upgrade(data)
        size = len(data)
        self._came += size
        self._received += size
        self._data = data
        super().data_received(data)
        self._data = b""
        if self._came - self._body > self._edge.head.head_bytes + CHUNK_FACTOR * self._body and self._fault is None:
            self._refuse(large_head(self._edge.head))
        elif self.timeout_keep_alive_task is None and self._is_idle():
            # The rest of a body, behind its answer: uvicorn would let such a connection stay for ever.
            self.timeout_keep_alive_task = self.loop.call_later(
                self._edge.keep_alive_seconds, self.timeout_keep_alive_handler
            )

    def on_message_begin(self) -> None:
        """The parser's callback with the first byte of a request."""
        self._in_head = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """The parser's callback with the address, or the part of it that has come."""
        if self._awaits_line and not self._data.endswith(url):  # the rest of the line is no address
            self._awaits_line = False
        super().on_url(url)
        if len(self.url) > self._edge.head.address_bytes:
            self._give_back(long_address(self._edge.head))

    def on_headers_complete(self) -> None:
        """The parser's callback when a body, or nothing, follows."""
        self._awaits_line = False
        self._turn += 1
        fault = find_fault(self.parser.get_http_version(), self.headers, leaves=self.parser.should_upgrade())
        if fault is not None:
            self._give_back(fault)
        if len(self.headers) > self._edge.head.headers or self._is_large():
            self._give_back(large_head(self._edge.head))
        self._in_head, self._in_body = False, True
        super().on_headers_complete()
        self.headers = []  # what comes behind a body (trailers) nobody asks for, and is no header of the request

    def _is_large(self) -> bool:
        """Whether the line and the headers are: what came may be a body, too."""
        most = self._edge.head.head_bytes
        return self._came > most and len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > most

    def on_body(self, body: bytes) -> None:
        """The parser's callback with a part of a body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The parser's callback at the end of a request."""
        self._awaits_line = True
        self._in_body = False
        self._came = self._body = 0
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Uvicorn's beginning of a request, whose turn it is to be answered on this connection."""
        if self._is_proxied:
            self._edge.proxies.apply(cast("Scope", cycle.scope))
        self._joined.headers = self._block(cycle.scope["scheme"])
        super()._start_asgi_task(cycle, app)

    def _block(self, scheme: str | None) -> HeaderBlock:
        return self._edge.secure_headers if scheme == "https" else self._edge.plain_headers

    def waits(self) -> tuple[Waiting | None, int, int]:
        """What the client has to do, if anything; for which request; how many bytes came or went so far."""
        held = self._joined.get_write_buffer_size()
        if held:
            return Waiting.READ, 0, self._joined.written - held
        if self._fault is not None:
            return None, 0, 0  # it ends as it is
        if self._in_body:
            is_asked = not self.flow.read_paused and not self.cycle.waiting_for_100_continue
            return Waiting.BODY if is_asked else None, self._turn, self._received
        cycle = self._last
        # Empty lines may come before a request, but not for ever: they keep a connection from being idle.
        is_ours = (self._is_idle() and not self._came) or (cycle is not None and not cycle.response_complete)
        return None if is_ours else Waiting.HEAD, self._turn, 0

    def _is_idle(self) -> bool:
        """Whether all that was asked has been answered, and nothing more has come."""
        cycle = self._last
        return cycle is not None and cycle.response_complete and not self._in_head and not self._in_body

    @property
    def _last(self) -> RequestResponseCycle | None:
        """The request that came last, once there was one."""
        return self.cycle

    def give_up(self, waiting: Waiting) -> None:
        """Ends the connection of a client that is too slow."""
        if waiting is Waiting.READ:
            self._edge.refused[waiting] += 1
            self.transport.abort()
            return
        what = "The request's head" if waiting is Waiting.HEAD else "The request's body"
        self._refuse(Fault(408, f"{what} did not come in time: send it faster, or in smaller parts.", waiting))

    def send_400_response(self, msg: str) -> None:
        """Answers what the parser cannot read, and closes the connection."""
        self._refuse(self._fault or malformed(msg))

    def _give_back(self, fault: Fault) -> None:
        """From one of the parser's callbacks: uvicorn then takes the request for unreadable."""
        self._fault = fault
        raise _Refused

    def _refuse(self, fault: Fault) -> None:
        """Answers with a problem where it is this request's turn, and ends the connection."""
        self._fault = fault
        self._edge.refused[fault.reason] += 1
        cycle = self._last
        if cycle is not None and not cycle.response_complete and not self._in_body and not self.pipeline:
            cycle.keep_alive = False  # the request before it is answered first, and then the connection ends
            return
        begun = cycle is not None and not cycle.response_complete and (cycle.response_started or bool(self.pipeline))
        if begun or (fault.status == 408 and not self._received):
            self.transport.close()
            return
        self._joined.headers = self._block(self.scheme)
        self.transport.write(_problem(fault))
        if cycle is not None:
            cycle.disconnected = True  # the application need not wait, nor answer
            cycle.message_event.set()
        self._end()

    def _end(self) -> None:
        """Closes the connection when the client had time to read: what it still sends would make it lose the answer."""
        if self.transport.can_write_eof():
            self.transport.write_eof()
            self.loop.call_later(LINGER_SECONDS, self.transport.close)
        else:
            self.transport.close()


def _problem(fault: Fault) -> bytes:
    request_id = RequestIds().take()
    retry = {"retry-after": str(RETRY_SECONDS)} if fault.status == 429 else None
    kind = HTTP_PROBLEMS[fault.status]
    answer = make_problem(kind, fault.detail, instance="", request_id=request_id.decode(), headers=retry)
    status = b"HTTP/1.1 %d %s" % (fault.status, HTTPStatus(fault.status).phrase.encode())
    headers = [*answer.headers, (HEADER, request_id), (b"connection", b"close")]
    return b"\r\n".join([status, *(b"%s: %s" % pair for pair in headers), b"", answer.body])


def _without_upgrade(data: bytes) -> bytes:
    """A request without the offer of another protocol, which Java's client makes by itself.

    No other is spoken here, and an offer may be ignored; the parser would take the body for the other protocol's.
    """
    head, end, body = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"", head) + end + body
