"""Judging files before they are committed: nothing is written, and the answer is the gate's."""

from typing import Any

import httpx
import pytest

from registry.bootstrap import Registry
from tests.pushing import text_template
from tests.stock import DEFAULT, TONE, TRIAGE

PATH = "prompts/support/triage.prompt.yaml"
NEW = "prompts/support/new.prompt.yaml"
NARROW = TRIAGE.replace("max_length: 200", "max_length: 50")
YAML = {"Content-Type": "application/yaml", "If-Match": "*"}


async def check(client: httpx.AsyncClient, files: dict[str, str | None], **more: Any) -> dict[str, Any]:
    answer = await client.post("/check", json={"files": files, **more})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def codes(body: dict[str, Any]) -> list[str]:
    return [each["rule"] for each in body["diagnostics"]]


async def test_sound_files_are_accepted_and_nothing_is_written(client: httpx.AsyncClient, stocked: Registry) -> None:
    path = stocked.git.path(DEFAULT)
    before = sorted(file for file in (path / "objects").rglob("*") if file.is_file())
    body = await check(client, {NEW: text_template(), PATH: TRIAGE.replace("kind", "kinder")})
    assert (body["accepted"], body["diagnostics"]) == (True, [])
    with stocked.git.open(DEFAULT) as store:
        assert store.refs()[stocked.git.default_branch(DEFAULT)] == body["commit"]
    assert sorted(file for file in (path / "objects").rglob("*") if file.is_file()) == before
    assert (await client.get("/templates/support/new")).status_code == 404


async def test_what_the_gate_would_refuse(client: httpx.AsyncClient) -> None:
    body = await check(client, {NEW: text_template("Hi {{ nobody }}"), PATH: NARROW})
    assert (body["accepted"], set(codes(body))) == (
        False,
        {"variable-undeclared", "variable-unused", "breaking-change"},
    )
    put = await client.put("/templates/support/triage", content=NARROW, headers=YAML)
    assert put.status_code == 422
    [told] = [each for each in put.json()["diagnostics"] if each["rule"] == "breaking-change"]
    assert told in body["diagnostics"]


async def test_removing_what_others_need(client: httpx.AsyncClient) -> None:
    body = await check(client, {"prompts/partials/tone.prompt.yaml": None})
    assert (body["accepted"], set(codes(body))) == (False, {"include-missing"})
    body = await check(client, {PATH: None})
    assert (body["accepted"], set(codes(body))) == (False, {"label-in-use"})
    assert (await check(client, {"prompts/nowhere.prompt.yaml": None}))["accepted"]


async def test_partials_that_come_along_count(client: httpx.AsyncClient) -> None:
    include = text_template('{% include "partials/new" %}', variables="{}")
    assert codes(await check(client, {NEW: include})) == ["include-missing"]
    assert (await check(client, {NEW: include, "prompts/partials/new.prompt.yaml": TONE}))["accepted"]


async def test_a_message_may_say_why(client: httpx.AsyncClient) -> None:
    body = await check(client, {PATH: NARROW}, message="Shorten\n\nBreaking-Change: longer ones are cut")
    assert (body["accepted"], codes(body)) == (True, [])


async def test_another_state_to_compare_with(client: httpx.AsyncClient) -> None:
    wide = TRIAGE.replace("max_length: 200", "required: false")
    assert (await client.put("/templates/support/triage", content=wide, headers=YAML)).status_code == 200
    assert not (await check(client, {PATH: TRIAGE + "# a note\n"}))["accepted"]
    for against in ("label:production", "version:1", "version:2"):
        assert (await check(client, {PATH: TRIAGE + "# a note\n"}, against=against))["accepted"]
    body = await check(client, {PATH: TRIAGE + "# a note\n", NEW: text_template()}, against="ref:main")
    assert (body["accepted"], set(codes(body))) == (False, {"breaking-change"})
    assert "commit " in body["diagnostics"][0]["message"]


@pytest.mark.parametrize(
    ("against", "status"),
    [("label:nobody", 404), ("ref:nowhere", 404), ("version:x", 400), ("", 400), ("production", 400)],
)
async def test_states_that_are_not_there(client: httpx.AsyncClient, against: str, status: int) -> None:
    answer = await client.post("/check", json={"files": {PATH: TRIAGE + "#\n"}, "against": against})
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a//b", ".git/config", "prompts/a\u0000.prompt.yaml", "x/"])
async def test_paths_that_no_commit_can_hold(client: httpx.AsyncClient, path: str) -> None:
    for noun in ("check", "validate"):
        answer = await client.post(f"/{noun}", json={"files": {path: "x"}})
        assert (answer.status_code, codes(answer.json())[:1]) == (200, ["path-form"])


@pytest.mark.parametrize(
    "body", [{}, {"files": {}}, {"files": {"": "x"}}, {"files": {"a": 1}}, {"files": {"a": "x"}, "mesage": "x"}]
)
async def test_bodies_that_do_not_fit(client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    for noun in ("check", "validate"):
        assert (await client.post(f"/{noun}", json=body)).status_code == 422


async def test_half_characters_are_refused(client: httpx.AsyncClient) -> None:
    for text in (r'{"files": {"a": "\ud800"}}', r'{"files": {"\ud800": "a"}}'):
        for noun in ("check", "validate"):
            answer = await client.post(f"/{noun}", content=text, headers={"Content-Type": "application/json"})
            assert answer.status_code == 422


async def test_validate_looks_at_each_file_alone(client: httpx.AsyncClient) -> None:
    files = {
        PATH: TRIAGE,
        NEW: "schema: prompt/v1\ntype: text\n",
        "labels/production/support.yaml": "triage: x\n",
        ".registry.yaml": "branchs: {}\n",
        "README.md": "x",
    }
    body = (await client.post("/validate", json={"files": files})).json()
    assert body["valid"] is False
    assert {each["path"] for each in body["diagnostics"]} == {NEW, "labels/production/support.yaml", ".registry.yaml"}
    fine = (await client.post("/validate", json={"files": {PATH: TRIAGE}})).json()
    assert fine == {"valid": True, "diagnostics": []}


async def test_put_says_why_in_the_query(client: httpx.AsyncClient, stocked: Registry) -> None:
    refused = await client.put("/templates/support/triage?breaking=%20", content=NARROW, headers=YAML)
    assert refused.status_code == 400
    done = await client.put(
        "/templates/support/triage", params={"breaking": "longer ones\nare cut"}, content=NARROW, headers=YAML
    )
    assert done.status_code == 200, done.text
    with stocked.git.open(DEFAULT) as store:
        message = store.commit(done.json()["commit"]).message
    assert message == "Update support/triage\n\nBreaking-Change: longer ones are cut\n"
