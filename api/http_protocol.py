"""uvicorn's HTTP protocol, which also takes addresses as people type them: ``curl …/search?q=환불``."""

from http import HTTPStatus
from urllib.parse import quote_from_bytes

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from api.errors import HTTP_PROBLEMS, make_problem
from api.request_ids import HEADER, RequestIds

_KEPT = bytes(range(0x20, 0x7F)).decode()


class TypedUrlProtocol(HttpToolsProtocol):
    """Percent-encodes the bytes of an address that are no ASCII; what is no HTTP at all is answered with a problem."""

    def data_received(self, data: bytes) -> None:
        """The transport's callback with what has come."""
        super().data_received(data if data.isascii() else self._encoded(data))

    def on_url(self, url: bytes) -> None:
        """The parser's callback with a piece of the address."""
        super().on_url(url if url.isascii() else quote_from_bytes(url, safe=_KEPT).encode())

    def send_400_response(self, msg: str) -> None:
        """Answers what the parser cannot read, and closes the connection."""
        detail = f"{msg.rstrip('.')}: an address may hold no spaces and no control characters; percent-encode them."
        request_id = RequestIds().take()
        answer = make_problem(HTTP_PROBLEMS[400], detail, instance="", request_id=request_id.decode())
        headers = [*answer.headers, (HEADER, request_id), (b"connection", b"close")]
        lines = [b"HTTP/1.1 400 " + HTTPStatus.BAD_REQUEST.phrase.encode(), *(b"%s: %s" % pair for pair in headers)]
        self.transport.write(b"\r\n".join([*lines, b"", answer.body]))
        self.transport.close()

    def _encoded(self, data: bytes) -> bytes:
        """The data with its request line in ASCII, where it begins with one: the parser refuses a query otherwise."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.more_body:
            return data  # a piece of a body
        line, end, rest = data.partition(b"\r\n")
        method, _, target = line.partition(b" ")
        if line.isascii() or not method.isalpha() or not target.startswith(b"/"):
            return data
        return quote_from_bytes(line, safe=_KEPT).encode() + end + rest
