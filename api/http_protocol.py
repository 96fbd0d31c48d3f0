"""uvicorn's HTTP protocol, which also takes addresses as people type them: ``curl …/search?q=환불``."""

import asyncio
import re
from http import HTTPStatus
from typing import cast
from urllib.parse import quote_from_bytes

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.errors import HTTP_PROBLEMS, make_problem
from api.joined_writes import JoinedWrites
from api.request_ids import HEADER, RequestIds
from api.security_headers import make_block

_KEPT = bytes(range(0x80)).decode()
_UPGRADE = re.compile(rb"\r\nupgrade:[^\r\n]*", re.IGNORECASE)

_ADVICE = (
    "check the method, the headers, the length of the body, and the address, "
    "which is ASCII without spaces and control characters, at most 64 KiB long: percent-encode the rest."
)


_HEADERS = make_block()

HEAD_BYTES = 131_072
"""A request line and headers that have not ended by then are refused: they are held before any key is seen."""


class TypedUrlProtocol(HttpToolsProtocol):
    """Percent-encodes the bytes of an address that are no ASCII; what is no HTTP at all is answered with a problem.

    The parser takes ASCII only, so the request line is encoded before it, byte by byte as it comes. (Not a line that
    comes in one piece with the end of the request before it: where it begins in there, only the parser knows.)
    """

    _data = b""
    """What the parser is fed with."""

    _head = 0
    """How many bytes of a request's line and headers have come, about."""

    _in_body = False
    """Whether a body is coming."""

    _awaits_line = True
    """Whether what comes next begins, or goes on with, a request line."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """The transport's callback at its beginning."""
        self._joined = JoinedWrites(transport, self.loop)
        super().connection_made(cast("asyncio.Transport", self._joined))

    def data_received(self, data: bytes) -> None:
        """The transport's callback with what has come."""
        if self._awaits_line:
            line, end, rest = data.partition(b"\n")
            self._awaits_line = not end
            if not line.isascii():
                data = quote_from_bytes(line, safe=_KEPT).encode() + end + rest
            if b"pgrade:" in rest:
                data = _without_upgrade(data)
        self._head += len(data)
        self._data = data
        super().data_received(data)
        self._data = b""
        if self._head > HEAD_BYTES and not self._in_body and not self.transport.is_closing():
            self.send_400_response(f"The request's line and headers are longer than {HEAD_BYTES} bytes.")

    def on_url(self, url: bytes) -> None:
        """The parser's callback with the address, or the part of it that has come."""
        if self._awaits_line and not self._data.endswith(url):  # the rest of the line is no address
            self._awaits_line = False
        super().on_url(url)

    def on_headers_complete(self) -> None:
        """The parser's callback when a body, or nothing, follows."""
        self._awaits_line = False
        self._in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The parser's callback at the end of a request."""
        self._awaits_line = True
        self._in_body = False
        self._head = 0
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Uvicorn's beginning of a request, whose turn it is to be answered on this connection."""
        self._joined.headers = _HEADERS
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        """Answers what the parser cannot read, and closes the connection."""
        detail = f"{msg.rstrip('.')}: {_ADVICE}"
        request_id = RequestIds().take()
        answer = make_problem(HTTP_PROBLEMS[400], detail, instance="", request_id=request_id.decode())
        headers = [*answer.headers, (HEADER, request_id), (b"connection", b"close")]
        lines = [b"HTTP/1.1 400 " + HTTPStatus.BAD_REQUEST.phrase.encode(), *(b"%s: %s" % pair for pair in headers)]
        self._joined.headers = _HEADERS
        self.transport.write(b"\r\n".join([*lines, b"", answer.body]))
        self.transport.close()


def _without_upgrade(data: bytes) -> bytes:
    """A request without the offer of another protocol, which Java's client makes by itself.

    No other is spoken here, and an offer may be ignored; the parser would take the body for the other protocol's.
    """
    head, end, body = data.partition(b"\r\n\r\n")
    return _UPGRADE.sub(b"", head) + end + body
