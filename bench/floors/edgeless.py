"""``promptuary serve`` without its edge, by ``python -m bench.floors.edgeless serve``: no headers, limits, checks."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api import server
from api.cli import main
from api.http_protocol import TypedUrlProtocol


class EdgelessProtocol(TypedUrlProtocol):
    """As uvicorn has it, but for what writes an answer in one go and takes addresses as people type them."""

    on_headers_complete = HttpToolsProtocol.on_headers_complete
    on_body = HttpToolsProtocol.on_body
    _start_asgi_task = HttpToolsProtocol._start_asgi_task  # noqa: SLF001  (what it overrides)

    def on_message_begin(self) -> None:
        """The parser's callback with the first byte of a request."""
        self._came = self._body = 0
        super().on_message_begin()


if __name__ == "__main__":
    vars(server)["protocol_of"] = lambda _edge: EdgelessProtocol
    main()
