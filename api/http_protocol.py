"""uvicorn's HTTP protocol, which also takes addresses as people type them: ``curl …/templates/고객지원/분류``."""

from urllib.parse import quote_from_bytes

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_KEPT = bytes(range(0x21, 0x7F)).decode()


class TypedUrlProtocol(HttpToolsProtocol):
    """Percent-encodes the bytes of an address that are no ASCII; uvicorn itself answers 400 to them."""

    def on_url(self, url: bytes) -> None:
        """The parser's callback with a piece of the address."""
        super().on_url(url if url.isascii() else quote_from_bytes(url, safe=_KEPT).encode())
