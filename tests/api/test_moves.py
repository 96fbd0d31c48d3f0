"""Renaming over HTTP, and what is said of names that are no more."""

import asyncio
from urllib.parse import quote

import httpx
import pytest

from registry.bootstrap import Registry
from tests.stock import DEFAULT, TRIAGE

NOTE = "schema: prompt/v1\ntype: text\ntext: |\n  A note.\n"
YAML = {"Content-Type": "application/yaml"}
ANY = {"If-Match": "*"}


async def move(client: httpx.AsyncClient, name: str, to: str, **fields: object) -> httpx.Response:
    return await client.post(f"/move/{name}", json={"to": to, **fields}, headers=ANY)


async def test_a_rename_is_one_commit_and_the_numbers_go_on(client: httpx.AsyncClient, stocked: Registry) -> None:
    before = await client.get("/templates/고객지원/환불")
    answer = await client.post(
        "/move/고객지원/환불", json={"to": "고객지원/환불 안내"}, headers={"If-Match": before.headers["etag"]}
    )
    body = answer.json()
    assert answer.status_code == 200
    assert (body["name"], body["moved_from"], body["version"]) == ("고객지원/환불 안내", "고객지원/환불", 1)
    read = await client.get("/templates/고객지원/환불 안내")
    assert (read.headers["etag"], read.json()["moved_from"]) == (answer.headers["etag"], "고객지원/환불")
    assert read.json()["source"] == before.json()["source"]
    assert await stocked.verifying.verify(DEFAULT) == []
    with stocked.git.open(DEFAULT) as store:
        made = store.commit(body["commit"])
        assert made.parents == (before.headers["promptuary-commit"],)
        assert made.subject == "Rename 고객지원/환불 to 고객지원/환불 안내"


async def test_the_old_name_leads_to_the_last_of_the_new_ones(client: httpx.AsyncClient) -> None:
    for old, new in (("고객지원/환불", "b"), ("b", "c/d"), ("c/d", "e f/g")):
        assert (await move(client, old, new)).status_code == 200
    for old in ("고객지원/환불", "b", "c/d"):
        answer = await client.get(f"/templates/{old}?label=latest")
        assert (answer.status_code, answer.json()["to"]) == (308, "e f/g")
        assert answer.headers["location"].endswith("/templates/e%20f/g?label=latest")
        rendered = await client.post(f"/render/{old}", json={"variables": {"이름": "지우"}}, follow_redirects=True)
        assert "지우 고객님" in rendered.json()["text"]
    assert (await client.get("/templates/b?version=1")).json()["name"] == "b"
    await client.delete("/templates/e f/g", headers=ANY)
    followed = await client.get("/templates/b", follow_redirects=True)
    assert (followed.status_code, followed.json()["last_version"]) == (410, 1)


async def test_a_name_that_is_used_again_is_no_redirect(client: httpx.AsyncClient) -> None:
    await move(client, "고객지원/환불", "b")
    again = await client.put("/templates/고객지원/환불", content=NOTE, headers={**YAML, "If-None-Match": "*"})
    assert (again.status_code, again.json()["version"]) == (201, 2)
    assert (await client.get("/templates/고객지원/환불")).json()["source"] == NOTE
    back = await move(client, "b", "고객지원/환불")
    assert (back.status_code, "exists already" in back.json()["detail"]) == (409, True)


async def test_old_states_stay_readable_under_the_old_name(client: httpx.AsyncClient) -> None:
    before = (await client.get("/templates/support/triage")).json()
    await move(client, "support/triage", "support/sort", labels="drop")
    by_version = (await client.get("/templates/support/triage?version=2")).json()
    by_ref = (await client.get(f"/templates/support/triage?ref={before['commit']}")).json()
    assert by_version["source"] == by_ref["source"] == TRIAGE
    assert by_version["reference"] == before["reference"]
    then = quote(before["updated_at"])
    assert (await client.get(f"/templates/support/triage?at={then}&label=latest")).json()["source"] == TRIAGE
    listed = (await client.get("/versions/support/triage")).json()
    assert [v["version"] for v in listed["versions"]] == [2, 1]
    assert (listed["deleted"], listed["moved_to"]) == (False, "support/sort")
    await client.delete("/templates/support/sort", headers=ANY)
    gone = (await client.get("/versions/support/sort")).json()
    assert (gone["deleted"], gone["moved_to"], len(gone["versions"])) == (True, None, 1)
    assert (await client.get("/versions/support/triage/1")).status_code == 200


async def test_labels_refuse_or_are_dropped(client: httpx.AsyncClient) -> None:
    refused = await move(client, "support/triage", "support/sort")
    assert refused.status_code == 422
    assert {d["rule"] for d in refused.json()["diagnostics"]} == {"label-in-use"}
    done = await move(client, "support/triage", "support/sort", labels="drop")
    assert done.json()["labels_dropped"] == [{"label": "production", "name": "support/triage"}]
    assert (await client.get("/labels")).json()["labels"] == {}
    set_again = await client.put("/labels/production/support/sort", json={"version": 1})
    assert set_again.status_code == 200


async def test_includes_refuse_or_follow(client: httpx.AsyncClient) -> None:
    refused = await move(client, "partials/tone", "partials/voice")
    assert refused.status_code == 422
    assert "include-missing" in {d["rule"] for d in refused.json()["diagnostics"]}
    done = await move(client, "partials/tone", "partials/voice", update_includes=True)
    assert done.json()["includes_updated"] == ["support/triage"]
    triage = (await client.get("/templates/support/triage")).json()
    assert triage["source"] == TRIAGE.replace("partials/tone", "partials/voice")
    assert (triage["version"], list(triage["partials"])) == (3, ["partials/voice"])
    assert (await client.get("/templates/partials/voice")).json()["moved_from"] == "partials/tone"


async def test_a_rename_names_the_state_that_it_changes(client: httpx.AsyncClient) -> None:
    stale = (await client.get("/templates/partials/tone?version=1")).headers["etag"]
    body = {"to": "partials/voice", "update_includes": True}
    assert (await client.post("/move/partials/tone", json=body)).status_code == 428
    answer = await client.post("/move/partials/tone", json=body, headers={"If-Match": stale})
    assert (answer.status_code, answer.json()["version"]) == (412, 2)
    assert (await client.get("/templates/partials/tone")).status_code == 200


@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("support/triage", {"to": "support/triage"}, 400),
        ("support/triage", {"to": "a.json"}, 400),
        ("support/triage", {"to": "Partials/sort", "labels": "drop"}, 422),
        ("support/triage", {"to": "partials/tone"}, 409),
        ("support/triage", {}, 422),
        ("support/triage", {"to": "x", "labels": "follow"}, 422),
        ("support/triage", {"to": "x", "update_includes": "yes"}, 422),
        ("never/was", {"to": "x"}, 404),
    ],
)
async def test_what_cannot_be_renamed(client: httpx.AsyncClient, name: str, body: object, status: int) -> None:
    answer = await client.post(f"/move/{name}", json=body, headers=ANY)
    assert answer.status_code == status, answer.text
    assert (await client.get("/templates/support/triage")).json()["version"] == 2


async def test_writes_to_a_name_that_is_no_more(client: httpx.AsyncClient) -> None:
    """They are not sent on: whoever follows would change a template that they never looked at."""
    await move(client, "고객지원/환불", "b")
    for again in (
        await move(client, "고객지원/환불", "c"),
        await client.delete("/templates/고객지원/환불", headers=ANY),
    ):
        assert (again.status_code, again.json()["nearest"]) == (404, ["b"])
    await client.delete("/templates/b", headers=ANY)
    assert (await move(client, "b", "c")).status_code == 410


async def test_many_renames_of_one_template_at_once(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(move(client, "고객지원/환불", f"new/n{n}") for n in range(6)))
    assert sorted(a.status_code for a in answers) == [200, 404, 404, 404, 404, 404]
    won = next(a for a in answers if a.status_code == 200)
    assert (await client.get("/templates/고객지원/환불")).json()["to"] == won.json()["name"]


async def test_scopes(read_only: httpx.AsyncClient) -> None:
    assert (await move(read_only, "support/triage", "x")).status_code == 403
