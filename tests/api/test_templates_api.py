"""Templates over HTTP: reading, listing, writing, deleting, and everything that a caller can get wrong."""

import unicodedata
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest

from registry.bootstrap import Registry
from registry.domain.rights import EVERY_RIGHT
from tests.stock import FILES, TRIAGE, write_files

YAML = {"Content-Type": "application/yaml"}
NOTE = "schema: prompt/v1\ntype: text\ntext: |\n  A note.\n"


async def etag_of(client: httpx.AsyncClient, name: str) -> str:
    return (await client.get(f"/templates/{name}")).headers["etag"]


async def test_a_read_has_everything_that_an_application_needs(client: httpx.AsyncClient) -> None:
    answer = await client.get("/templates/support/triage")
    body = answer.json()
    assert answer.status_code == 200
    assert (body["name"], body["version"], body["labels"]) == ("support/triage", 2, [])
    assert body["source"] == TRIAGE
    assert body["document"]["tags"] == ["support", "triage"]
    assert "short and kind" in body["partials"]["partials/tone"]
    assert body["reference"] == f"support/triage@2#{body['digest'][:8]}"
    assert body["cause"] == "partials/tone"
    assert len(answer.headers["promptuary-commit"]) == 40


async def test_selectors(client: httpx.AsyncClient) -> None:
    by_label = (await client.get("/templates/support/triage?label=production")).json()
    by_version = (await client.get("/templates/support/triage?version=1")).json()
    assert by_label["version"] == by_version["version"] == 1
    assert by_label["labels"] == ["production"]
    assert (await client.get("/templates/support/triage?label=latest")).json()["version"] == 2
    assert (await client.get("/templates/support/triage?ref=main")).json()["source"] == TRIAGE
    assert (await client.get("/templates/support/triage?label=nightly")).json()["type"].endswith("#label-not-found")
    assert (await client.get("/templates/support/triage?version=99")).json()["type"].endswith("#version-not-found")
    assert (await client.get("/templates/support/triage?ref=nowhere")).json()["type"].endswith("#revision-not-found")


@pytest.mark.parametrize(
    "query", ["version=0", "version=x", "label=Production", "at=yesterday", "lable=production", "version=1&label=x"]
)
async def test_a_selector_that_cannot_be_read_is_never_the_default(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/templates/support/triage?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert query.split("=", maxsplit=1)[0] in answer.json()["detail"]


async def test_conditional_reads(client: httpx.AsyncClient) -> None:
    first = await client.get("/templates/support/triage")
    again = await client.get(
        "/templates/support/triage", headers={"If-None-Match": f'"other", {first.headers["etag"]}'}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    other = await client.get("/templates/support/triage?version=1", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200


async def test_the_source_alone_as_yaml(client: httpx.AsyncClient) -> None:
    answer = await client.get("/templates/support/triage", headers={"Accept": "application/yaml"})
    assert answer.text == TRIAGE
    assert answer.headers["content-type"] == "application/yaml"
    assert answer.headers["promptuary-version"] == "2"
    put = await client.put(
        "/templates/support/triage",
        content=TRIAGE.replace("queue", "pile"),
        headers={**YAML, "If-Match": answer.headers["etag"]},
    )
    assert put.status_code == 200


async def test_korean_names_in_every_form(client: httpx.AsyncClient) -> None:
    name = "고객지원/환불"
    for typed in (name, quote(name), quote(unicodedata.normalize("NFD", name)), quote(name, safe="")):
        answer = await client.get(f"/templates/{typed}")
        assert answer.json()["name"] == name, typed
    assert (await client.get("/templates/%EA%B3%A0%EB")).json()["type"].endswith("#bad-request")


async def test_unknown_names(client: httpx.AsyncClient) -> None:
    problem = (await client.get("/templates/support/traige")).json()
    assert problem["status"] == 404
    assert problem["nearest"][0] == "support/triage"
    assert "support/triage" in problem["detail"]
    elsewhere = (await client.get("http://test/api/v1/repositories/defualt/templates/support/triage")).json()
    assert elsewhere["nearest"] == ["default"]
    assert (await client.get("/templates/../../etc/passwd")).status_code in {400, 404}
    assert (await client.get("/templates/a//b")).status_code == 400


async def test_the_list_pages_filters_and_sorts(client: httpx.AsyncClient) -> None:
    page = (await client.get("/templates?limit=2")).json()
    rest = (await client.get(f"/templates?limit=2&cursor={page['next_cursor']}")).json()
    names = [t["name"] for t in page["templates"] + rest["templates"]]
    assert sorted(names) == sorted(["partials/tone", "support/triage", "고객지원/환불"])
    assert rest["next_cursor"] is None
    assert next(iter(page["templates"][0])) == "name"

    async def found(query: str) -> list[str]:
        return [t["name"] for t in (await client.get(f"/templates?{query}")).json()["templates"]]

    assert await found("tag=triage") == ["support/triage"]
    assert await found(f"folder={quote('고객지원')}") == ["고객지원/환불"]
    assert await found("type=chat") == ["support/triage"]
    assert await found("model=openai/gpt-4o-mini") == ["support/triage"]
    assert await found("owner=@support-leads") == ["support/triage"]
    assert await found("label=production") == ["support/triage"]
    assert await found("status=draft") == []
    assert set((await found("sort=-updated_at"))[:2]) == {"partials/tone", "support/triage"}


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "cursor=nonsense", "sort=color", "colour=red", "type=poem"])
async def test_a_list_query_that_cannot_be_read(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/templates?{query}")).status_code == 400


async def test_a_new_template_is_a_commit(client: httpx.AsyncClient, stocked: Registry) -> None:
    answer = await client.put("/templates/notes/첫째", content=NOTE, headers={**YAML, "If-None-Match": "*"})
    body = answer.json()
    assert (answer.status_code, body["created"], body["version"]) == (201, True, 1)
    assert body["etag"] == answer.headers["etag"]
    with stocked.git.open(stocked.repositories.require("default", EVERY_RIGHT)) as store:
        commit = store.commit(body["commit"])
    assert (commit.author.name, commit.author.email) == ("ada", "ada@localhost")
    read = await client.get("/templates/notes/첫째")
    assert read.json()["source"] == NOTE
    assert read.headers["etag"] == answer.headers["etag"]


async def test_an_edit_is_read_at_once_and_the_next_needs_its_etag(client: httpx.AsyncClient) -> None:
    before = await client.get("/templates/support/triage")
    changed = TRIAGE.replace("into a queue", "quickly")
    answer = await client.put(
        "/templates/support/triage?message=Say%20quickly",
        content=changed,
        headers={**YAML, "If-Match": before.headers["etag"]},
    )
    assert (answer.status_code, answer.json()["version"]) == (200, 3)
    after = await client.get("/templates/support/triage")
    assert (after.json()["source"], after.json()["message"]) == (changed, "Say quickly")
    stale = await client.put(
        "/templates/support/triage", content=TRIAGE, headers={**YAML, "If-Match": before.headers["etag"]}
    )
    problem = stale.json()
    assert stale.status_code == 412
    assert problem["version"] == 3
    assert stale.headers["etag"] == problem["etag"]
    retry = await client.put("/templates/support/triage", content=TRIAGE, headers={**YAML, "If-Match": problem["etag"]})
    assert retry.status_code == 200


async def test_writing_json_keeps_the_comments(client: httpx.AsyncClient) -> None:
    document = (await client.get("/templates/support/triage")).json()["document"]
    document["description"] = "Sorts."
    answer = await client.put(
        "/templates/support/triage", json=document, headers={"If-Match": await etag_of(client, "support/triage")}
    )
    assert answer.status_code == 200
    source = (await client.get("/templates/support/triage")).json()["source"]
    assert source.startswith("# Sorts the tickets of the first line.")
    assert "description: Sorts." in source


async def test_the_same_bytes_again_make_no_commit(client: httpx.AsyncClient) -> None:
    answer = await client.put("/templates/support/triage", content=TRIAGE, headers={**YAML, "If-Match": "*"})
    assert (answer.status_code, answer.json()["changed"]) == (200, False)


async def test_preconditions_are_required(client: httpx.AsyncClient) -> None:
    assert (await client.put("/templates/support/triage", content=TRIAGE, headers=YAML)).status_code == 428
    assert (await client.put("/templates/new", content=NOTE, headers=YAML)).status_code == 428
    assert (await client.delete("/templates/support/triage")).status_code == 428
    taken = await client.put("/templates/support/triage", content=TRIAGE, headers={**YAML, "If-None-Match": "*"})
    assert taken.status_code == 412
    absent = await client.put("/templates/new", content=NOTE, headers={**YAML, "If-Match": '"v1.0.0"'})
    assert absent.status_code == 412


async def test_the_gate_tells_everything_that_is_wrong(client: httpx.AsyncClient) -> None:
    broken = TRIAGE.replace("{{ ticket }}", "{{ tiket }}").replace("partials/tone", "partials/ton")
    answer = await client.put("/templates/support/triage", content=broken, headers={**YAML, "If-Match": "*"})
    assert answer.status_code == 422
    found = {d["rule"]: d for d in answer.json()["diagnostics"]}
    assert {"include-missing", "variable-undeclared"} <= found.keys()
    assert found["include-missing"]["path"] == "prompts/support/triage.prompt.yaml"
    assert found["include-missing"]["line"] == 13
    unchanged = (await client.get("/templates/support/triage")).json()
    assert unchanged["version"] == 2


async def test_a_broken_partial_is_told_before_what_includes_it(client: httpx.AsyncClient) -> None:
    includer = "schema: prompt/v1\ntype: text\ntext: \"{% include 'partials/tone' %}\"\n"
    answer = await client.put("/templates/aaa", content=includer, headers={**YAML, "If-None-Match": "*"})
    assert answer.status_code == 201
    broken = await client.put("/templates/partials/tone", content="text: [", headers={**YAML, "If-Match": "*"})
    first, *others = broken.json()["diagnostics"]
    assert (first["rule"], first["path"]) == ("yaml-syntax", "prompts/partials/tone.prompt.yaml")
    assert broken.json()["detail"] == f"The change was refused: {first['message']}"
    assert {(each["rule"], each["path"]) for each in others} == {
        ("include-missing", "prompts/aaa.prompt.yaml"),
        ("include-missing", "prompts/support/triage.prompt.yaml"),
    }
    assert "the partial is not valid: mend it in prompts/partials/tone.prompt.yaml" in others[0]["message"]


@pytest.mark.parametrize("body", [b"\xff\xfe", b"[" * 100_000, b"a: &x 1\nb: *x\n", b"", b"a: 1\na: 2\n", b"\x00"])
async def test_malformed_yaml_is_a_diagnostic(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.put("/templates/new", content=body, headers={**YAML, "If-None-Match": "*"})
    assert answer.status_code == 422
    assert answer.json()["diagnostics"]


async def test_bodies_of_the_wrong_kind(client: httpx.AsyncClient) -> None:
    new = {"If-None-Match": "*"}
    form = {"Content-Type": "application/x-www-form-urlencoded", **new}
    answer = await client.put("/templates/new", content=NOTE, headers=form)
    assert answer.status_code == 415
    assert "application/yaml" in answer.json()["detail"]
    json = {"Content-Type": "application/json", **new}
    assert (await client.put("/templates/new", content="{", headers=json)).status_code == 400
    assert (await client.put("/templates/new", content="[]", headers=json)).status_code == 400
    assert (await client.put("/templates/new", content="{}", headers=json)).status_code == 422


async def test_large_bodies_are_refused_before_they_are_read(client: httpx.AsyncClient, stocked: Registry) -> None:
    large = b"x" * (stocked.settings.max_body_bytes + 1)
    whole = await client.put("/templates/new", content=large, headers={**YAML, "If-None-Match": "*"})
    assert whole.status_code == 413

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(5):
            yield large[: len(large) // 4]

    streamed = await client.put("/templates/new", content=pieces(), headers={**YAML, "If-None-Match": "*"})
    assert streamed.status_code == 413
    assert streamed.json()["type"].endswith("#payload-too-large")


async def test_deleting(client: httpx.AsyncClient) -> None:
    named = await client.delete("/templates/support/triage", headers={"If-Match": "*"})
    assert named.status_code == 422
    assert {d["rule"] for d in named.json()["diagnostics"]} == {"label-in-use"}
    done = await client.delete("/templates/support/triage?drop_labels=true", headers={"If-Match": "*"})
    assert (done.status_code, done.json()["changed"]) == (200, True)
    gone = await client.get("/templates/support/triage")
    assert (gone.status_code, gone.json()["last_version"]) == (410, 2)
    assert (await client.get("/templates/support/triage?version=2")).status_code == 200
    assert (await client.get("/labels")).json()["labels"] == {}
    assert (await client.delete("/templates/support/triage", headers={"If-Match": "*"})).status_code == 410


async def test_a_partial_that_is_in_use_cannot_be_deleted(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/templates/partials/tone", headers={"If-Match": "*"})
    assert answer.status_code == 422
    assert "include-missing" in {d["rule"] for d in answer.json()["diagnostics"]}


async def test_a_renamed_template_says_where_it_is(client: httpx.AsyncClient, stocked: Registry) -> None:
    old, new = "prompts/고객지원/환불.prompt.yaml", "prompts/고객지원/환불 안내.prompt.yaml"
    await write_files(stocked, {old: None, new: FILES[old]}, "Rename")
    answer = await client.get("/templates/고객지원/환불?label=latest")
    assert (answer.status_code, answer.json()["to"]) == (308, "고객지원/환불 안내")
    followed = await client.get(f"http://test{answer.headers['location']}")
    assert followed.json()["moved_from"] == "고객지원/환불"
    rendered = await client.post("/render/고객지원/환불", json={"variables": {"이름": "지우"}}, follow_redirects=True)
    assert "지우 고객님" in rendered.json()["text"]


async def test_scopes(read_only: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    assert (await read_only.get("/templates")).status_code == 200
    put = await read_only.put("/templates/new", content=NOTE, headers={**YAML, "If-None-Match": "*"})
    assert (put.status_code, "scope write" in put.json()["detail"]) == (403, True)
    assert (await read_only.delete("/templates/support/triage", headers={"If-Match": "*"})).status_code == 403
    nobody = await anonymous.get("/api/v1/repositories/default/templates/support/triage")
    assert nobody.status_code == 401
    assert nobody.headers["www-authenticate"].startswith("Bearer")


async def test_head_is_get_without_the_body(client: httpx.AsyncClient) -> None:
    answer = await client.head("/templates/support/triage")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"] == await etag_of(client, "support/triage")


async def test_writes_to_another_branch(client: httpx.AsyncClient) -> None:
    answer = await client.put("/templates/new?branch=nowhere", content=NOTE, headers={**YAML, "If-None-Match": "*"})
    assert (answer.status_code, "nowhere" in answer.json()["detail"]) == (404, True)
