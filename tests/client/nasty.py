"""A small real HTTP server that answers as a test tells it to: slowly, in pieces, wrongly or not at all."""

import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from registry.domain.graph import closure_digest
from registry.domain.ids import BlobId, TemplateName

KEY = "pk_secret_0123456789abcdef"
SOURCE = "schema: prompt/v1\ntype: text\nvariables: {who: {type: string}}\ntext: Hello {{ who }}\n"


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Handler(BaseHTTPRequestHandler):
    """Hands every request to the server's script."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "_Server"

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked = Asked(self.command, self.path, headers, body)
        self.server.nasty.asked.append(self.asked)
        with suppress(OSError):  # the client has gone
            self.server.nasty.script(self)

    do_GET = do_PUT = do_POST = _handle  # noqa: N815 - http.server's own names

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def answer(self, status: int, body: Any = b"", **headers: str) -> None:
        """A whole answer."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 304:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def template(self, **changes: Any) -> None:
        """A template, or 304 where the client has it."""
        body = template(**changes)
        etag = f'"v{body["version"]}.{body["digest"][:16]}"'
        if self.asked.headers.get("if-none-match") == etag:
            self.answer(304, ETag=etag)
        else:
            self.answer(200, body, ETag=etag)

    def drop(self) -> None:
        """Closes the connection without a word."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    nasty: "Nasty"

    def handle_error(self, *_: object) -> None:
        """A client that went away is what the tests are about."""


@dataclass
class Nasty:
    """The server; ``script`` answers, ``asked`` is what was asked for so far."""

    script: Callable[[Handler], None]
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    _server: _Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def stopped(self) -> bool:
        """Whether it refuses connections."""
        return self._server is None

    def start(self) -> None:
        """Listens, at the same port as before."""
        self._server = _Server(("127.0.0.1", self.port), Handler)
        self._server.nasty = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Refuses connections from now on; those that are open are left to themselves."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def serving(script: Callable[[Handler], None]) -> Iterator[Nasty]:
    """A server for as long as the context lasts."""
    nasty = Nasty(script)
    nasty.start()
    try:
        yield nasty
    finally:
        nasty.stop()


def template(
    name: str = "support/hello",
    source: str = SOURCE,
    version: int | None = 1,
    labels: tuple[str, ...] = ("production",),
    partials: Mapping[str, str] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """What the product answers for a template, the digest computed by the product's own code."""
    files = {name: source, **(partials or {})}
    commit = "9c1f0a6d3b7e4c2f8a5d1e0b9c8f7a6d5e4c3b2a"
    digest = closure_digest(tuple((TemplateName(each), _blob(files[each])) for each in sorted(files)))
    document = {"schema": "prompt/v1", "type": "text", "text": source.partition("text: ")[2].strip()}
    return {
        "name": name,
        "version": version,
        "commit": commit,
        "digest": digest,
        "labels": list(labels),
        "reference": f"{name}@{version or commit[:12]}#{digest[:8]}",
        "source": source,
        "document": {**document, "variables": {"who": {"type": "string"}}},
        "partials": dict(partials or {}),
        "status": "active",
        "replaced_by": None,
        **changes,
    }


def _blob(text: str) -> BlobId:
    data = text.encode()
    return BlobId(hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest())
