"""Several changes in one commit over HTTP: all of it or nothing."""

from typing import Any

import httpx
import pytest

from registry.bootstrap import Registry
from tests.stock import DEFAULT, TONE, TRIAGE

NOTE = "schema: prompt/v1\ntype: text\ntext: |\n  A note.\n"


async def commit(client: httpx.AsyncClient, *changes: Any, **fields: Any) -> httpx.Response:
    return await client.post("/commits", json={"message": "Several", "changes": list(changes), **fields})


def put(name: str, source: str = NOTE, **fields: Any) -> dict[str, Any]:
    return {"action": "put", "name": name, "source": source, **fields}


async def test_several_changes_are_one_commit(client: httpx.AsyncClient, stocked: Registry) -> None:
    triage = await client.get("/templates/support/triage")
    answer = await commit(
        client,
        put("support/note"),
        put("support/triage", TRIAGE.replace("You sort", "Sort"), if_match=triage.headers["etag"]),
        {"action": "move", "name": "partials/tone", "to": "partials/voice", "if_match": "*", "update_includes": True},
        {"action": "delete", "name": "고객지원/환불", "if_match": "*"},
    )
    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert [(c["action"], c["name"], c["version"], c["created"]) for c in body["changes"]] == [
        ("put", "support/note", 1, True),
        ("put", "support/triage", 3, False),
        ("move", "partials/voice", 1, False),
        ("delete", "고객지원/환불", None, False),
    ]
    assert body["includes_updated"] == ["support/triage"]
    with stocked.git.open(DEFAULT) as store:
        assert store.commit(body["commit"]).parents == (triage.headers["promptuary-commit"],)
    read = await client.get("/templates/support/triage")
    assert read.json()["source"] == TRIAGE.replace("You sort", "Sort").replace("partials/tone", "partials/voice")
    assert read.headers["etag"] == body["changes"][1]["etag"]
    assert (await client.get("/templates/partials/tone")).json()["to"] == "partials/voice"
    assert (await client.get("/templates/고객지원/환불")).status_code == 410
    assert await stocked.verifying.verify(DEFAULT) == []


async def test_what_only_holds_together_is_accepted_together(client: httpx.AsyncClient) -> None:
    asks = TONE.replace("kind", "{{ mood }}") + "variables:\n  mood: {type: string, default: kind}\n"
    alone = await client.put(
        "/templates/partials/tone", content=asks, headers={"Content-Type": "application/yaml", "If-Match": "*"}
    )
    assert alone.status_code == 422
    declares = TRIAGE.replace("  language:", "  mood: {type: string, default: kind}\n  language:")
    together = await commit(
        client, put("partials/tone", asks, if_match="*"), put("support/triage", declares, if_match="*")
    )
    assert together.status_code == 200, together.text


async def test_one_fault_leaves_everything_as_it_was(client: httpx.AsyncClient) -> None:
    tip = (await client.get("/index")).json()
    broken = await commit(client, put("a"), put("b", NOTE.replace("A note", "{{ who }}")), put("c", "["))
    assert broken.status_code == 422
    found = {(d["path"], d["rule"]) for d in broken.json()["diagnostics"]}
    assert ("prompts/b.prompt.yaml", "variable-undeclared") in found
    assert any(path == "prompts/c.prompt.yaml" for path, _ in found)
    stale = await commit(client, put("a"), put("support/triage", NOTE, if_match='"v1.0000000000000000.0"'))
    assert (stale.status_code, stale.json()["version"], "support/triage" in stale.json()["detail"]) == (412, 2, True)
    assert (await client.get("/templates/a")).status_code == 404
    assert (await client.get("/index")).json() == tip


async def test_a_document_keeps_the_comments(client: httpx.AsyncClient) -> None:
    document = (await client.get("/templates/support/triage")).json()["document"]
    document["description"] = "Sorts."
    change = {"action": "put", "name": "support/triage", "document": document, "if_match": "*"}
    assert (await commit(client, change)).status_code == 200
    source = (await client.get("/templates/support/triage")).json()["source"]
    assert source.startswith("# Sorts the tickets of the first line.\n")
    assert "\ndescription: Sorts.\n" in source


async def test_what_is_there_already_makes_no_commit(client: httpx.AsyncClient) -> None:
    answer = await commit(client, put("support/triage", TRIAGE, if_match="*"))
    assert (answer.status_code, answer.json()["changed"], answer.json()["changes"][0]["version"]) == (200, False, 2)


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ([], 422, "changes"),
        ([{"action": "copy", "name": "a"}], 422, "action"),
        ([{"action": "put", "name": "a"}], 422, "source"),
        ([{"action": "put", "name": "a", "source": NOTE, "document": {}}], 422, "source"),
        ([put("a"), put("a")], 400, "twice"),
        ([put("a"), {"action": "move", "name": "support/triage", "to": "a", "if_match": "*"}], 400, "twice"),
        ([put("support/triage")], 412, "exists already"),
        ([{"action": "delete", "name": "support/triage"}], 428, "If-Match"),
        ([{"action": "delete", "name": "support/traige", "if_match": "*"}], 404, "support/triage"),
        ([{"action": "move", "name": "support/triage", "to": "x"}], 428, "If-Match"),
        ([put("a", if_match="*")], 412, "does not exist"),
        ([put("../a")], 400, "template name"),
        ([put(f"n/t{n}") for n in range(501)], 422, "500"),
    ],
)
async def test_what_cannot_be_committed(client: httpx.AsyncClient, changes: Any, status: int, said: str) -> None:
    answer = await commit(client, *changes)
    assert (answer.status_code, said in answer.text) == (status, True), answer.text


async def test_a_branch_that_is_not_there(client: httpx.AsyncClient) -> None:
    assert (await commit(client, put("a"), branch="nowhere")).status_code == 404


async def test_scopes(read_only: httpx.AsyncClient) -> None:
    assert (await commit(read_only, put("a"))).status_code == 403


AUTHOR = {"name": "Grace Kim", "email": "grace@example.com", "time": "2021-03-04T05:06:07+09:00"}


async def test_an_administrator_names_the_author(
    client: httpx.AsyncClient, stocked: Registry, keys: dict[str, str]
) -> None:
    refused = await commit(client, put("support/note"), author=AUTHOR)
    assert (refused.status_code, "scope admin" in refused.text) == (403, True), refused.text
    client.headers["Authorization"] = f"Bearer {keys['admin']}"
    answer = await commit(client, put("support/note"), author=AUTHOR)
    assert answer.status_code == 200, answer.text
    with stocked.git.open(DEFAULT) as store:
        made = store.commit(answer.json()["commit"])
    assert (made.author.name, made.author.email) == ("Grace Kim", "grace@example.com")
    assert made.author.time.isoformat() == "2021-03-03T20:06:07+00:00"
    assert made.committer.email != "grace@example.com"
    assert made.committer.time.year > 2021
    version = (await client.get("/versions/support/note")).json()["versions"][0]
    assert version["author"] == {"name": "Grace Kim", "email": "grace@example.com"}
    assert version["committed_at"] > "2022"


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "A <b>"}, {"name": "a\nb"}, {"name": ""}, {"name": " a"}, {"email": "x>"}, {"time": "2021-03-04T05:06:07"},
        {"time": "1969-12-31T23:59:59Z"}, {"time": "9999-12-31T23:59:59-23:59"}, {"more": 1},
    ],
)  # fmt: skip
async def test_an_author_that_git_cannot_hold_is_refused(client: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    answer = await commit(client, put("support/note"), author={**AUTHOR, **wrong})
    assert answer.status_code == 422, answer.text
    assert "author" in answer.text
