"""Imports over HTTP: uploaded files become templates, each version a commit."""

import json
import time
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from api.app import create_app
from registry.bootstrap import Registry
from tests.api.conftest import running
from tests.stock import DEFAULT

PROMPTY = "---\ndescription: 요약\n---\nsystem:\nBe {{ tone }}.\n"


def version(name: str, prompt: Any, number: int = 1, **more: Any) -> dict[str, Any]:
    created = f"2024-01-{number:02}T00:00:00Z"
    return {"name": name, "version": number, "prompt": prompt, "createdAt": created, "createdBy": "ada@x.org", **more}


async def send(client: httpx.AsyncClient, *files: tuple[str, str], **query: Any) -> httpx.Response:
    return await client.post("/imports", files=[("files", (n, t.encode())) for n, t in files], params=query)


async def test_a_langfuse_export_becomes_commits_and_labels_once(client: httpx.AsyncClient, stocked: Registry) -> None:
    entries = [
        version("Sort {it}", "Sort {{ticket-text}}"),
        version("Sort {it}", "Sort: {{ticket-text}}", 2, labels=["production", "latest"]),
        version("환불/말투", "친절하게"),
    ]
    answer = await send(client, ("export.json", json.dumps(entries)), folder="moved")
    body = answer.json()
    assert (answer.status_code, body["written"], body["dry_run"]) == (200, 3, False), answer.text
    sort = next(each for each in body["prompts"] if each["from"]["name"] == "Sort {it}")
    assert (sort["written"], sort["labels"]) == ([1, 2], ["production"])
    read = (await client.get(f"/templates/{sort['name']}", params={"label": "production"})).json()
    assert (read["version"], read["document"]["text"]) == (2, "Sort: {{ ticket_text }}")
    assert (await client.get("/templates/moved/환불/말투")).json()["document"]["text"] == "친절하게"
    again = (await send(client, ("export.json", json.dumps(entries)), folder="moved")).json()
    assert (again["written"], sum(len(each["there"]) for each in again["prompts"])) == (0, 3)
    assert await stocked.verifying.verify(DEFAULT) == []


async def test_an_administrators_import_names_the_authors(app: Any, keys: dict[str, str]) -> None:
    transport = httpx.ASGITransport(app=app)
    headers = {"Authorization": f"Bearer {keys['admin']}"}
    base = "http://test/api/v1/repositories/default"
    async with httpx.AsyncClient(transport=transport, base_url=base, headers=headers) as client:
        assert (await send(client, ("x.json", json.dumps([version("by/ada", "x")])))).status_code == 200
        made = (await client.get("/versions/by/ada")).json()["versions"][0]
    assert made["author"]["email"] == "ada@x.org"
    assert made["subject"].startswith('Import version 1 of "by/ada" from langfuse [')


async def test_files_of_several_formats_come_by_their_paths(client: httpx.AsyncClient) -> None:
    files = [("a/chat.prompty", PROMPTY), ("b/note.md", "Hello {{name}}"), ("README.md", "# About"), ("c.csv", "1,2")]
    body = (await send(client, *files, folder="/up/")).json()
    assert [each["name"] for each in body["prompts"]] == ["up/a/chat", "up/b/note"], body
    assert [each["what"] for each in body["left_out"]] == ["README.md", "c.csv"]
    template = (await client.get("/templates/up/a/chat", params={"label": "latest"})).json()
    assert template["document"]["description"] == "요약"


async def test_files_that_belong_together_come_in_one_upload(client: httpx.AsyncClient) -> None:
    template = "# ours\nschema: prompt/v1\ntype: text\ntext: '안녕'\n"
    files = [
        ("promptfooconfig.yaml", "prompts: [file://p/안내.txt, file://../../etc/passwd]"), ("p/안내.txt", "안내 {{이름}}"),
        ("prompts/own/인사.prompt.yaml", template), ("labels/production/own.yaml", "인사: 1\n"), ("other.yaml", "a: 1"),
    ]  # fmt: skip
    body = (await send(client, *files, folder="set")).json()
    names = [(each["name"], each["from"]["format"]) for each in body["prompts"]]
    assert names == [("set/own/인사", "promptuary"), ("set/p/안내", "promptfoo")], body
    told = [each["what"] for each in body["left_out"]]
    assert told == ["promptfooconfig.yaml: file://../../etc/passwd", "other.yaml", "labels/production/own.yaml"]
    source = (await client.get("/templates/set/own/인사", params={"label": "latest"})).json()["source"]
    assert source == template


@pytest.mark.parametrize("format_", ["mlflow", "git"])
async def test_formats_that_come_from_an_address_are_refused(client: httpx.AsyncClient, format_: str) -> None:
    answer = await send(client, ("x.json", "{}"), format=format_)
    assert (answer.status_code, "address" in answer.text) == (400, True), answer.text


async def test_a_dry_run_writes_nothing(client: httpx.AsyncClient) -> None:
    before = (await client.get("/templates")).headers["promptuary-commit"]
    body = (await send(client, ("n.txt", "{{a b}}"), dry_run="true", format="text")).json()
    assert (body["written"], body["refused"], body["prompts"][0]["versions"]) == (1, 0, [1])
    assert "a_b" in body["prompts"][0]["notes"][0]["note"]
    assert (await client.get("/templates")).headers["promptuary-commit"] == before


async def test_a_dry_run_says_what_the_import_does(client: httpx.AsyncClient) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    entries = [
        version("tone", "Kind", 1), version("tone", f"Use {secret}", 2, labels=["production"]), version("tone", "Soft", 3),
        version("main", "@@@langfusePrompt:name=tone|label=production@@@ {{a}}"),
    ]  # fmt: skip
    files = ("e.json", json.dumps(entries))
    assert (await send(client, files, folder="some")).json()["written"] == 3
    told = (await send(client, files, folder="dry", dry_run="true")).json()
    assert (await client.get("/templates/dry/main")).status_code == 404
    done = (await send(client, files, folder="dry")).json()
    assert told == {**done, "dry_run": True}
    assert [(each["written"], each["refused"]) for each in told["prompts"]] == [([1], []), ([1, 3], [2])]
    assert (told["written"], told["refused"], told["labels_not_set"]) == (3, 1, 1)
    again = (await send(client, files, folder="dry", dry_run="true")).json()
    assert [each["there"] for each in again["prompts"]] == [[1], [1, 3]]


async def test_another_source_with_the_same_names_is_told_and_changes_nothing(client: httpx.AsyncClient) -> None:
    one = [version("greet", "A one", 1, labels=["production"]), version("greet", "A two", 2)]
    two = [version("greet", "B one", 1), version("greet", "B two", 2, labels=["production"]), version("greet", "B", 3)]
    assert (await send(client, ("a.json", json.dumps(one)))).json()["written"] == 2
    (found,) = (await send(client, ("b.json", json.dumps(two)))).json()["prompts"]
    assert (found["written"], found["there"], found["refused"], found["labels"]) == ([], [], [1, 2, 3], [])
    assert "says something else here than there" in json.dumps(found["notes"])
    assert (await client.get("/templates/greet?label=production")).json()["document"]["text"] == "A one"
    (changed,) = (await send(client, ("n.txt", "one"))).json()["prompts"]
    assert changed["written"] == [1]
    (changed,) = (await send(client, ("n.txt", "two"))).json()["prompts"]
    assert (changed["refused"], "it was changed there" in json.dumps(changed["notes"])) == ([1], True)


async def test_half_a_character_in_a_name_is_no_500(client: httpx.AsyncClient) -> None:
    text = '[{"name": "sur\\ud800x", "version": 1, "prompt": "hi", "labels": ["l\\ud800"], "tags": ["\\ud800"]}]'
    answer = await send(client, ("e.json", text))
    assert (answer.status_code, answer.json()["written"]) == (200, 1), answer.text


async def test_patterns_and_chains_of_references_take_no_time_to_speak_of(client: httpx.AsyncClient) -> None:
    stars = f"prompts: ['file://{'*a' * 25}zz.txt', 'file://**/b/**/c/**.txt']"
    started = time.monotonic()
    answer = await send(client, ("promptfooconfig.yaml", stars), (f"{'a' * 200}zz.tx", "x"), dry_run="true")
    assert answer.status_code in {200, 400}
    chain = [version(f"m{n}", f"@@@langfusePrompt:name=m{n + 1}@@@") for n in range(1500)]
    answer = await send(client, ("chain.json", json.dumps(chain)), dry_run="true")
    assert (answer.status_code, len(answer.json()["prompts"])) == (200, 1500)
    assert time.monotonic() - started < 60, "it took minutes, or never ended, where every step was tried"


@pytest.mark.parametrize(
    ("files", "query", "said"),
    [
        ([("x.json", "{")], {}, "no JSON"),
        ([("x.json", "[]")], {}, "no file that can be imported"),
        ([("x.csv", "1")], {}, "no known format"),
        ([("x.txt", "1")], {"folder": "a//b"}, "folder: a segment is empty"),
        ([("x.txt", "1")], {"format": "word"}, "query.format"),
        ([("x.txt", "1")], {"fodler": "a"}, "query.fodler"),
    ],
)
async def test_what_cannot_be_read_is_told(
    client: httpx.AsyncClient, files: list[tuple[str, str]], query: dict[str, str], said: str
) -> None:
    answer = await send(client, *files, **query)
    assert (answer.status_code, said in answer.text) == (400, True), answer.text


@pytest.mark.parametrize(
    ("kind", "body", "status", "said"),
    [
        ("application/json", b"[]", 415, "curl -F files=@export.json"),
        ("multipart/form-data", b"", 400, "boundary"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--\r\n', 400, "'x'"),
        ("multipart/form-data; boundary=b", b"--b--\r\n", 400, "no file"),
        ("multipart/form-data; boundary=b", b"--b\r\nbroken", 400, ""),
    ],
)  # fmt: skip
async def test_what_is_no_form_is_told(
    client: httpx.AsyncClient, kind: str, body: bytes, status: int, said: str
) -> None:
    answer = await client.post("/imports", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


async def test_a_key_that_may_only_read_is_refused(client: httpx.AsyncClient, keys: dict[str, str]) -> None:
    answer = await client.post(
        "/imports", files=[("files", ("n.txt", b"x"))], headers={"Authorization": f"Bearer {keys['read']}"}
    )
    assert (answer.status_code, "scope write" in answer.text) == (403, True)


async def test_an_import_may_be_larger_than_other_bodies_but_not_without_end(
    stocked: Registry, keys: dict[str, str]
) -> None:
    settings = stocked.settings
    assert settings.max_import_bytes > settings.max_body_bytes
    app = create_app(stocked)
    headers = {"Authorization": f"Bearer {keys['write']}"}
    base = "http://test/api/v1/repositories/default"
    async with (
        running(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=base, headers=headers) as client,
    ):
        large = "x" * (settings.max_body_bytes + 1)
        body = (await send(client, ("large.txt", large), ("small.txt", "fits"))).json()
        assert {each["name"]: (each["written"], each["refused"]) for each in body["prompts"]} == {
            "large": ([], [1]),
            "small": ([1], []),
        }
        huge = await send(client, ("huge.txt", "x" * (settings.max_import_bytes + 1)))
        assert huge.status_code == 413


OLD = "Sort: 'it'.json"


async def test_an_imported_template_answers_to_its_old_name(client: httpx.AsyncClient, stocked: Registry) -> None:
    entries = [version(OLD, "Sort {{x}}", labels=["production"]), version("triage", "Plain")]
    body = (await send(client, ("e.json", json.dumps(entries)), folder="moved")).json()
    new = next(each["name"] for each in body["prompts"] if each["from"]["name"] == OLD)
    assert new != OLD
    for address in ("/templates", "/versions"):
        answer = await client.get(f"{address}/{quote(OLD)}", params={"limit": 1} if address == "/versions" else {})
        assert (answer.status_code, answer.json()["to"]) == (308, new)
    read = await client.get(f"/templates/{quote(OLD)}", params={"label": "production"}, follow_redirects=True)
    assert (read.status_code, read.json()["name"], read.json()["labels"]) == (200, new, ["production"])
    rendered = await client.post(f"/render/{quote(OLD)}", json={"variables": {"x": "1"}}, follow_redirects=True)
    assert rendered.json()["text"] == "Sort 1"
    assert (await client.get("/templates/triage")).json()["to"] == "moved/triage"
    assert (await client.get("/versions/triage")).json()["to"] == "moved/triage"
    assert [
        each["name"] for each in (await client.get("/templates", params={"imported": OLD})).json()["templates"]
    ] == [new]
    assert (await client.get(f"/templates/{quote('No: such.json')}")).status_code == 400
    assert await stocked.verifying.verify(DEFAULT) == []


async def test_a_name_that_two_imports_had_is_not_guessed_at(client: httpx.AsyncClient) -> None:
    for folder in ("one", "two"):
        await send(client, ("e.json", json.dumps([version("twice", folder)])), folder=folder)
    answer = await client.get("/templates/twice")
    assert (answer.status_code, answer.json()["nearest"]) == (404, ["one/twice", "two/twice"])


async def test_a_write_to_an_old_name_is_not_sent_on(client: httpx.AsyncClient) -> None:
    await send(client, ("e.json", json.dumps([version("was", "x")])), folder="now")
    answer = await client.put(
        "/templates/was", content=b"schema: prompt/v1\ntype: text\ntext: x\n",
        headers={"If-None-Match": "*", "Content-Type": "application/yaml"},
    )  # fmt: skip
    assert answer.status_code == 201
    assert (await client.get("/templates/was")).json()["document"]["text"] == "x"
