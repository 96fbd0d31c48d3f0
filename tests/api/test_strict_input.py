"""What two readers could understand differently is refused and named, whichever part of a request it stands in."""

import json

import httpx
import pytest

from tests.api.conftest import Documented

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


@pytest.mark.parametrize(
    "number", ["4.0", "+4", "%2B4", "%204", "4%20", "4_0", "٤", "４", "04", "1e0", "0x1", "", "true", "--1"]
)
async def test_a_number_in_a_query_has_plain_digits(client: httpx.AsyncClient, number: str) -> None:
    for path in (
        f"/templates/support/triage?version={number}",
        f"/templates?limit={number}",
        f"/search?q=a&limit={number}",
        f"/versions/support/triage?limit={number}",
    ):
        answer = await client.get(path)
        assert (answer.status_code, "an integer is asked for" in answer.json()["detail"]) == (400, True), answer.text


async def test_no_route_ignores_a_parameter_that_it_does_not_know(
    client: httpx.AsyncClient, documented: Documented, keys: dict[str, str]
) -> None:
    """Or else ``POST commits?branch=wip`` would write to the default branch."""
    names = {"repository": "default", "name": "support/triage", "label": "staging", "digest": "0" * 8, "number": "1"}
    names |= {"key": "k1", "user": "kim", "group": "team", "grant": "g1", "session": "s1", "provider": "corp"}
    operations = [(path, method) for path, methods in documented.document["paths"].items() for method in methods]
    asked = [(path.format_map(names), method) for path, method in operations if path.startswith("/api/")]
    for path, method in asked:
        body = {} if method in {"get", "delete"} else {"json": {}}
        headers = {"Authorization": f"Bearer {keys['admin']}"}
        answer = await client.request(method, f"http://test{path}?wanted=1", headers=headers, **body)
        fields = [problem["field"] for problem in answer.json().get("problems", [])]
        assert "query.wanted" in fields, (method, path, answer.text)
    assert len(asked) > 25


async def test_a_number_that_is_too_large_is_told_its_bound(client: httpx.AsyncClient) -> None:
    for path, most in (("/templates/support/triage?version=", "2147483647"), ("/templates?limit=", "500")):
        answer = await client.get(path + "9" * 20)
        assert (answer.status_code, f"must be at most {most}" in answer.json()["detail"]) == (400, True)
    assert (await client.get("/templates?limit=" + "9" * 5000)).status_code == 400


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "body: is empty: send a JSON object"),
        ("[]", "body: must be a JSON object"),
        ("null", "body: must be a JSON object"),
        ('{"variables": []}', "body.variables: must be a JSON object"),
        (
            '{"variables": {"ticket": 1e999}}',
            "body.variables: a number is too large: at most about 1.8e308 can be sent",
        ),
    ],
)
async def test_a_body_of_another_shape_is_told_the_right_one(client: httpx.AsyncClient, body: str, said: str) -> None:
    answer = await client.post("/render/support/triage", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["detail"]) == (422, f"The request body does not fit: {said}")


async def test_strict_is_true_or_false(client: httpx.AsyncClient) -> None:
    answer = await client.post("/render/support/triage?strict=2", json={})
    assert (answer.status_code, "query.strict: must be true or false" in answer.text) == (400, True)
    moved = await client.put(LABEL, json={})
    assert "body.version: is missing" in moved.text


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


@pytest.mark.parametrize("sign", ["\0", "\x07", "\x1b", "\x7f", "\x85"])
async def test_control_characters_in_messages_are_named(client: httpx.AsyncClient, sign: str) -> None:
    text = f"Say it{sign} loud"
    source = b"schema: prompt/v1\ntype: text\ntext: x\n"
    yaml = {"Content-Type": "application/yaml", "If-None-Match": "*"}
    written = await client.put("/templates/new", params={"message": text}, content=source, headers=yaml)
    dropped = await client.delete("/labels/production/support/triage", params={"message": text})
    moved = await client.put(LABEL, json={"version": 1, "message": text})
    back = await client.post("/rollbacks", json={**ROLLBACK, "reason": text})
    assert [a.status_code for a in (written, dropped, moved, back)] == [400, 400, 422, 422]
    said = f"character 7 is U+{ord(sign):04X}"
    for answer in (written, dropped):
        assert ("NUL character" if sign == "\0" else said) in answer.json()["detail"]  # no address has that one
    for answer in (moved, back):
        assert said in answer.json()["detail"]
    assert (await client.put(LABEL, json={"version": 1, "message": "Say it\n\n\tloud 👩‍💻"})).status_code == 200


@pytest.mark.parametrize(
    ("accept", "yaml"),
    [
        ("application/yaml", True),
        ("application/yaml;q=0.5, application/json", False),
        ("application/json;q=0.8, application/yaml;q=0.9", True),
        ("application/json, application/yaml", False),
        ("application/yaml;q=0, */*", False),
        ("application/yaml; charset=utf-8; q=1.0, application/json", True),
        ("application/yaml;q=nonsense, application/json;q=0.1", False),
    ],
)
async def test_the_type_that_is_wanted_most(client: httpx.AsyncClient, accept: str, yaml: bool) -> None:
    answer = await client.get("/templates/support/triage", headers={"Accept": accept})
    assert answer.headers["content-type"] == ("application/yaml" if yaml else "application/json")


async def test_deleting_what_was_deleted(client: httpx.AsyncClient) -> None:
    path = "/templates/고객지원/환불"
    assert (await client.delete(path, headers={"If-Match": "*"})).status_code == 200
    again = await client.delete(path, headers={"If-Match": "*"})
    assert (again.status_code, again.json()["last_version"]) == (410, 1)
    assert (await client.delete("/templates/never/was", headers={"If-Match": "*"})).status_code == 404


async def test_a_body_for_one_provider_names_no_model_of_another(client: httpx.AsyncClient) -> None:
    values = {"variables": {"ticket": "x"}}
    bodies = {
        f: (await client.post(f"/render/support/triage?format={f}", json=values)).json()
        for f in ("openai", "anthropic")
    }
    assert (bodies["openai"]["model"], "model" in bodies["anthropic"]) == ("gpt-4o-mini", False)


async def test_no_score_is_minus_zero(client: httpx.AsyncClient) -> None:
    for query in ("", "a", "ticket"):
        assert '"score":-0.0' not in (await client.get("/search", params={"q": query})).text


async def test_one_of_some_words_is_told_which(client: httpx.AsyncClient) -> None:
    refused = await client.get("/templates?status=old")
    assert refused.json()["detail"].endswith("query.status: must be 'draft', 'active' or 'deprecated'")
