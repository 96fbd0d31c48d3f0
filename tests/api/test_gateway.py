"""What holds for every request: keys, ids, addresses, methods, and that nothing inside ever shows."""

from typing import Any

import httpx
import pytest
from starlette.types import Message

from registry.bootstrap import Registry
from registry.domain.roles import Scope

PUBLIC = [
    "/api/v1/sign-in",
    "/livez",
    "/readyz",
    "/openapi.json",
    "/docs",
    "/docs/errors",
    "/schemas/prompt-v1.json",
]
PRIVATE = ["/api/v1/repositories", "/api/v1/repositories/default/search", "/nothing/here", "/api", "/metrics"]


@pytest.mark.parametrize("path", PUBLIC)
async def test_what_needs_no_key(anonymous: httpx.AsyncClient, stocked: Registry, path: str) -> None:
    await stocked.indexing.reconcile()
    assert (await anonymous.get(path)).status_code == 200


@pytest.mark.parametrize("path", PRIVATE)
async def test_what_needs_one(anonymous: httpx.AsyncClient, path: str) -> None:
    answer = await anonymous.get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "pmt_x", "Bearer pmt_nonsense", "Bearer \xe9", "Token x"]
)
async def test_keys_that_are_none(anonymous: httpx.AsyncClient, header: str) -> None:
    answer = await anonymous.get("/api/v1/repositories", headers={"Authorization": header.encode("latin-1")})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="Promptuary"')


async def test_a_revoked_key_is_refused(anonymous: httpx.AsyncClient, stocked: Registry) -> None:
    key, secret = await stocked.accounts.create_key(scope=Scope.READ)
    headers = {"Authorization": f"bearer {secret}"}
    path = "/api/v1/repositories/default/templates/support/triage"
    assert (await anonymous.get(path, headers=headers)).status_code == 200
    await stocked.accounts.revoke_key(key.id)
    answer = await anonymous.get(path, headers={"Authorization": f"Bearer {secret}"})
    assert (answer.status_code, "revoked" in answer.json()["detail"]) == (401, True)
    assert secret not in answer.text


async def test_the_key_is_asked_before_the_body_is_looked_at(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.post("/api/v1/repositories/default/render/support/triage", content=b"{")
    assert answer.status_code == 401


async def test_request_ids(client: httpx.AsyncClient) -> None:
    mine = await client.get("/templates/support/triage", headers={"X-Request-Id": "mine-1"})
    assert mine.headers["x-request-id"] == "mine-1"
    strange = await client.get("/templates/nothing", headers={"X-Request-Id": "two words"})
    assert strange.headers["x-request-id"] == strange.json()["request_id"] != "two words"
    first, second = [(await client.get("/templates")).headers["x-request-id"] for _ in range(2)]
    assert first != second


async def test_unknown_addresses_and_methods(client: httpx.AsyncClient) -> None:
    nothing = await client.get("/nothing")
    assert (nothing.status_code, nothing.json()["type"]) == (404, "/docs/errors#route-not-found")
    wrong = await client.post("/templates/support/triage")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "DELETE, GET, HEAD, PUT")
    assert wrong.headers["content-type"] == "application/problem+json"


async def test_what_goes_wrong_inside_stays_inside(
    app: Any, keys: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret internals")

    app._registry.templates.__class__.list_templates, kept = broken, app._registry.templates.__class__.list_templates
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
            answer = await client.get(
                "/api/v1/repositories/default/templates", headers={"Authorization": f"Bearer {keys['read']}"}
            )
    finally:
        app._registry.templates.__class__.list_templates = kept
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (500, "/docs/errors#internal-error")
    assert "secret internals" not in answer.text
    assert problem["request_id"] in caplog.text
    assert keys["read"] not in caplog.text


async def test_repositories(client: httpx.AsyncClient) -> None:
    body = (await client.get("http://test/api/v1/repositories")).json()
    assert body == {"repositories": [{"name": "default", "git_path": "/git/default.git"}]}


async def test_the_root_leads_to_the_documentation(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")


async def test_websockets_are_closed(app: Any) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app({"type": "websocket", "path": "/x", "headers": []}, None, send)
    assert sent == [{"type": "websocket.close", "code": 1000}]


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/render/support/triage", b"application/json"),
        ("POST", "/render/support/triage", b"application/json; charset=utf-8"),
        ("PUT", "/templates/support/new", b"application/yaml"),
    ],
)
async def test_who_leaves_in_the_middle_of_a_body_is_no_error(
    app: Any, keys: dict[str, str], caplog: pytest.LogCaptureFixture, method: str, path: str, kind: bytes
) -> None:
    async def receive() -> Message:
        return received.pop(0)

    async def send(_message: Message) -> None:
        """Nobody is there."""

    received: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.disconnect"},
    ]
    address = f"/api/v1/repositories/default{path}"
    headers = {b"authorization": f"Bearer {keys['write']}".encode(), b"content-type": kind, b"content-length": b"9"}
    scope = {"type": "http", "method": method, "path": address, "raw_path": address.encode(), "query_string": b""}
    await app({**scope, "headers": [*headers.items(), (b"if-none-match", b"*")]}, receive, send)
    assert [record.getMessage() for record in caplog.records] == []
