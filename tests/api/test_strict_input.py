"""What two readers could understand differently is refused and named, whichever part of a request it stands in."""

import json

import httpx
import pytest

LABEL = "/labels/staging/support/triage"
ROLLBACK = {"label": "production", "name": "support/triage", "reason": "x"}
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("number", ["true", '"2"', "2.0", "false", "[2]", "2e0"])
async def test_a_version_is_an_integer(client: httpx.AsyncClient, number: str) -> None:
    moved = await client.put(LABEL, content=f'{{"version": {number}}}', headers=JSON)
    assert (moved.status_code, moved.json()["problems"][0]["field"]) == (422, "body.version")
    body = json.dumps(ROLLBACK)[:-1] + f', "to": {number}}}'
    back = await client.post("/rollbacks", content=body, headers=JSON)
    assert (back.status_code, back.json()["problems"][0]["field"]) == (422, "body.to")
    assert (await client.get("/labels/staging")).status_code == 404


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/yaml"])
async def test_json_is_announced(client: httpx.AsyncClient, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    for method, path, body in (
        ("POST", "/render/support/triage", {"variables": {"ticket": "x"}}),
        ("PUT", LABEL, {"version": 1}),
        ("POST", "/rollbacks", ROLLBACK),
    ):
        answer = await client.request(method, path, content=json.dumps(body).encode(), headers=headers)
        assert (answer.status_code, "send Content-Type: application/json" in answer.json()["detail"]) == (415, True)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b'{"variables": ', "line 1, column 15"),
        (b"[" * 50_000, "nests"),
        (b'{"variables": {"ticket": "\xff"}}', "byte 27"),
        ("\ufeff{}".encode(), "byte order mark"),
        (b'{"variables": {"ticket": "a", "ticket": "b"}}', '"ticket" twice'),
        (b'{"variables": {}, "variables": {"ticket": "b"}}', '"variables" twice'),
        (b'{"variables": {"ticket": NaN}}', "NaN"),
        (b'{"variables": {"ticket": "\\ud800"}}', "surrogate"),
        (b'{"variables": {"ticket": ' + b"9" * 5000 + b"}}", "digits"),
        (b"{} {}", "column 4"),
    ],
)
async def test_broken_json_says_what_is_wrong(client: httpx.AsyncClient, body: bytes, word: str) -> None:
    rendered = await client.post("/render/support/triage", content=body, headers=JSON)
    written = await client.put("/templates/new", content=body, headers={**JSON, "If-None-Match": "*"})
    assert (rendered.status_code, rendered.json()["type"]) == (422, "/docs/errors#invalid-body")
    assert (written.status_code, written.json()["type"]) == (400, "/docs/errors#bad-request")
    for answer in (rendered, written):
        assert word in answer.json()["detail"], answer.text


async def test_a_parameter_stands_once(client: httpx.AsyncClient) -> None:
    for path in ("/templates/support/triage?version=1&version=2", "/search?q=a&q=b", "/templates?t%61g=a&tag=b"):
        answer = await client.get(path)
        assert (answer.status_code, "more than once" in answer.json()["detail"]) == (400, True), path
    assert (await client.get("/templates?folder=a&tag=a&&&")).status_code == 200


async def test_a_query_is_utf8(client: httpx.AsyncClient) -> None:
    for path in ("/search?q=%FF", "/templates?%FF=1", "/search?q=%ED%A0%80"):
        answer = await client.get(path)
        assert (answer.status_code, "UTF-8" in answer.json()["detail"]) == (400, True), path


async def test_compressed_bodies_are_refused(client: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/yaml", "If-None-Match": "*", "Content-Encoding": "gzip"}
    written = await client.put("/templates/new", content=b"schema: prompt/v1\ntype: text\ntext: x\n", headers=headers)
    assert (written.status_code, "gzip" in written.json()["detail"]) == (415, True)
    rendered = await client.post("/render/support/triage", content=b"{}", headers={**JSON, "Content-Encoding": "br"})
    assert rendered.status_code == 415
