"""Small servers that speak a part of another tool's REST API, over real HTTP, and what can go wrong with them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit


@dataclass
class Peer:
    """``dies_after`` answers it is gone, ``breaks`` cuts answers off, the first ``busy`` requests get a 429.

    ``moved`` is where it says that it lives now; ``asked`` the paths of the requests that it got, probes left out.
    """

    dies_after: int | None = None
    breaks: int = 0
    busy: int = 0
    moved: str = ""
    asked: list[str] = field(default_factory=list)
    keys_seen: list[str | None] = field(default_factory=list)
    url: str = ""
    authorization: str | None = None

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        """Status and document."""
        raise NotImplementedError

    def probe(self, path: str) -> tuple[int, str] | None:
        """Status and text where a path tells what server this is."""
        return (404, "Not Found") if path == "/version" else None


P = TypeVar("P", bound=Peer)


@contextmanager
def serving(peer: P) -> Iterator[P]:
    """The server while it runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            peer.keys_seen.append(self.headers["Authorization"])
            probed = peer.probe(asked.path)
            if probed is not None:
                self.reply(probed[0], probed[1].encode(), {"Content-Type": "text/html; charset=utf-8"})
                return
            peer.asked.append(self.path)
            if peer.dies_after is not None and len(peer.asked) > peer.dies_after:
                self.close_connection = True
                return
            status, answer, more = 401, {"message": "Invalid credentials"}, {}
            if len(peer.asked) <= peer.busy:
                status, answer, more = 429, {"message": "Rate limit exceeded"}, {"Retry-After": "0"}
            elif peer.moved:
                status, more = 307, {"Location": f"{peer.moved}{self.path}"}
            elif peer.authorization is None or self.headers["Authorization"] == peer.authorization:
                status, answer = peer.answer(asked.path, parse_qs(asked.query))
            self.reply(status, json.dumps(answer).encode(), {"Content-Type": "application/json", **more})

        def reply(self, status: int, data: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            cut = peer.breaks > 0 and status == 200 and "json" in headers["Content-Type"]
            self.wfile.write(data[: len(data) // 2] if cut else data)
            if cut:
                peer.breaks -= 1
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    peer.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield peer
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
