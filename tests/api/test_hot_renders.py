"""The hot path of rendering gives the answers of the documented route, and never renders an old state."""

import json
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from api.app import create_app
from registry.bootstrap import Registry
from tests.api.conftest import running
from tests.stock import TRIAGE, write_files

BASE = "http://test/api/v1/repositories/default"
VALUES: dict[str, Any] = {"variables": {"ticket": "My card was charged twice", "language": "ko"}}
MORE = {"variables": {**VALUES["variables"], "mood": 1}}
JSON = {"Content-Type": "application/json"}
PLAIN = [
    ("/render/support/triage", VALUES),
    ("/render/support/triage?label=production", VALUES),
    ("/render/support/triage?version=2&format=openai", VALUES),
    ("/render/support/triage?ref=main&format=anthropic", VALUES),
    ("/render/support/triage", MORE),
    ("/render/support/triage?strict=true", MORE),
    ("/render/support/triage", {"variables": {}}),
    ("/render/support/triage", {"variables": {"ticket": 4}}),
    ("/render/support/triage?label=nightly", VALUES),
    ("/render/support/triage?version=77", VALUES),
    ("/render/support/triage?unknown=1", VALUES),
    ("/render/support/triage?format=yaml", VALUES),
    ("/render/support/triage?label=%FF", VALUES),
    ("/render/support/triage", {"values": {}}),
    ("/render/support/triage", []),
    ("/render/support%2Ftriage", VALUES),
    ("/render/support/triage%0A", VALUES),
    ("/render/nothing", VALUES),
    ("/render/", VALUES),
    ("/templates/render/x", VALUES),
]
ODD = [
    (b'{"variables": {}, "variables": {}}', JSON),
    (b'{"variables": {"ticket": 1e999}}', JSON),
    (b"{", JSON),
    (b"", JSON),
    (json.dumps(VALUES).encode(), {"Content-Type": "application/json; charset=utf-8"}),
    (json.dumps(VALUES).encode(), {"Content-Type": "text/plain"}),
    (json.dumps(VALUES).encode(), {}),
    (json.dumps(VALUES).encode(), {**JSON, "Content-Encoding": "gzip"}),
]


class _Spy:
    """Stands before the documented application and counts what reaches it."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        await self.app(scope, receive, send)


def _told(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    headers = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "content-length"}}
    body = answer.json()
    return answer.status_code, headers, {k: v for k, v in body.items() if k != "request_id"}


def _client(app: Any, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), headers={"Authorization": f"Bearer {key}"})


async def test_both_ways_answer_alike(stocked: Registry, keys: dict[str, str]) -> None:
    hot, documented = create_app(stocked), create_app(stocked)
    documented._app._app._app = documented._app._app._app._app  # type: ignore[attr-defined]  # the gateway without the hot path
    asked = [(path, json.dumps(body).encode(), JSON) for path, body in PLAIN]
    asked += [("/render/support/triage", body, headers) for body, headers in ODD]
    async with (
        running(hot),
        running(documented),
        _client(hot, keys["read"]) as one,
        _client(documented, keys["read"]) as two,
    ):
        for path, body, headers in asked:
            answers = [
                _told(await client.post(f"{BASE}{path}", content=body, headers=headers)) for client in (one, one, two)
            ]
            assert answers[0] == answers[1] == answers[2], (path, body)


async def test_plain_requests_do_not_reach_the_framework(stocked: Registry, keys: dict[str, str]) -> None:
    app = create_app(stocked)
    renders = app._app._app._app  # type: ignore[attr-defined]
    renders._app = spy = _Spy(renders._app)
    async with _client(app, keys["read"]) as client:
        for path, body in PLAIN[:8]:
            await client.post(f"{BASE}{path}", json=body)
        assert spy.asked == 0
        await client.post(f"{BASE}/render/nothing", json=VALUES)
        assert spy.asked == 1


@pytest.mark.parametrize("chunks", [1, 3])
async def test_a_body_in_pieces_is_read_whole(client: httpx.AsyncClient, chunks: int) -> None:
    body = json.dumps(VALUES).encode()
    size = -(-len(body) // chunks)

    async def pieces() -> Any:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    for headers in (JSON, {**JSON, "Content-Length": str(len(body))}):
        answer = await client.post("/render/support/triage", content=pieces(), headers=headers)
        assert answer.status_code == 200, answer.text
        assert "My card" in answer.text


async def test_a_change_is_rendered_at_once(client: httpx.AsyncClient, stocked: Registry) -> None:
    for opening in ("You file", "You route"):
        changed = {"prompts/support/triage.prompt.yaml": TRIAGE.replace("You sort", opening)}
        await write_files(stocked, changed, opening)
        answer = (await client.post("/render/support/triage", json=VALUES)).json()
        assert answer["messages"][0]["content"].startswith(opening)
    by_label = (await client.post("/render/support/triage?label=production", json=VALUES)).json()
    assert by_label["version"] == 1
    await client.put("/labels/production/support/triage", json={"version": 3})
    by_label = (await client.post("/render/support/triage?label=production", json=VALUES)).json()
    assert by_label["version"] == 3
