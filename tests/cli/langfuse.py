"""A small server that speaks the part of Langfuse's REST API that lists and gives prompts."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.cli.peers import Peer, serving

PROMPTS = "/api/public/v2/prompts"
HEALTH = "/api/public/health"
KEYS = {"LANGFUSE_PUBLIC_KEY": "pk-lf-1", "LANGFUSE_SECRET_KEY": "sk-lf-2"}
AUTHORIZATION = f"Basic {base64.b64encode(':'.join(KEYS.values()).encode()).decode()}"


@dataclass
class Langfuse(Peer):
    """A project's versions."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    updated: str = "2024-01-01T00:00:00.000Z"

    def probe(self, path: str) -> tuple[int, str] | None:
        return (200, '{"status": "OK", "version": "3.63.0"}') if path == HEALTH else super().probe(path)

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        if path == PROMPTS:
            return 200, self._page(int(query.get("page", ["1"])[0]), int(query.get("limit", ["50"])[0]))
        name = unquote(path.removeprefix(f"{PROMPTS}/"))
        for entry in self.entries:
            if entry["name"] == name and [str(entry["version"])] == query.get("version"):
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
    with serving(Langfuse(entries=list(entries), authorization=AUTHORIZATION, **faults)) as peer:
        yield peer


def version(name: str, prompt: Any, number: int = 1, **more: Any) -> dict[str, Any]:
    """A version as the API answers it; later numbers are a day younger each."""
    kind = "text" if isinstance(prompt, str) else "chat"
    more = {"labels": [], "tags": [], "config": {}, "commitMessage": None, "createdBy": "ada@example.com", **more}
    created = f"2024-01-{number:02}T00:00:00.000Z"
    return {"name": name, "version": number, "type": kind, "prompt": prompt, "createdAt": created, **more}
