"""A small server that speaks the part of Langfuse's REST API that lists and gives prompts."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PROMPTS = "/api/public/v2/prompts"
KEYS = {"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-2"}


@dataclass
class Langfuse:
    """The project's versions, and what goes wrong: ``dies_after`` answers it is gone, the first ``busy`` get a 429."""

    entries: list[dict[str, Any]]
    dies_after: int | None = None
    busy: int = 0
    asked: list[str] = field(default_factory=list)
    url: str = ""
    updated: str = "2024-01-01T00:00:00.000Z"

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if path == PROMPTS:
            return 200, self._page(int(query.get("page", "1")), int(query.get("limit", "50")))
        name = unquote(path.removeprefix(f"{PROMPTS}/"))
        for entry in self.entries:
            if entry["name"] == name and str(entry["version"]) == query.get("version"):
                return 200, entry
        return 404, {"error": "LangfuseNotFoundError", "message": "Prompt not found"}

    def _page(self, page: int, limit: int) -> dict[str, Any]:
        numbers: dict[str, list[int]] = {}
        for entry in self.entries:
            numbers.setdefault(entry["name"], []).append(entry["version"])
        names = sorted(numbers)
        data = [
            {"name": n, "versions": numbers[n], "labels": [], "tags": [], "lastUpdatedAt": self.updated}
            for n in names[(page - 1) * limit : page * limit]
        ]
        meta = {"page": page, "limit": limit, "totalItems": len(names), "totalPages": -(-len(names) // limit)}
        return {"data": data, "meta": meta}


@contextmanager
def langfuse(*entries: dict[str, Any], **faults: Any) -> Iterator[Langfuse]:
    """The server while it runs."""
    project = Langfuse(list(entries), **faults)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            project.asked.append(self.path)
            asked = urlsplit(self.path)
            status, answer, more = 401, {"message": "Invalid credentials"}, {}
            keys = base64.b64encode(":".join(KEYS.values()).encode()).decode()
            if project.dies_after is not None and len(project.asked) > project.dies_after:
                self.close_connection = True
                return
            if len(project.asked) <= project.busy:
                status, answer, more = 429, {"message": "Rate limit exceeded"}, {"Retry-After": "0"}
            elif self.headers["Authorization"] == f"Basic {keys}":
                query = {name: values[0] for name, values in parse_qs(asked.query).items()}
                status, answer = project.answer(asked.path, query)
            data = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    project.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield project
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def version(name: str, prompt: Any, number: int = 1, **more: Any) -> dict[str, Any]:
    """A version as the API answers it; later numbers are a day younger each."""
    kind = "text" if isinstance(prompt, str) else "chat"
    more = {"labels": [], "tags": [], "config": {}, "commitMessage": None, "createdBy": "ada@example.com", **more}
    created = f"2024-01-{number:02}T00:00:00.000Z"
    return {"name": name, "version": number, "type": kind, "prompt": prompt, "createdAt": created, **more}
