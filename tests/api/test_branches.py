"""Branches over HTTP."""

import asyncio
from typing import Any

import httpx
import pytest

from registry.bootstrap import Registry
from registry.domain.ids import ZERO_COMMIT, RefName
from registry.domain.refs import RefUpdate
from registry.domain.roles import Scope
from tests.stock import DEFAULT, TRIAGE, write_files

NOTE = "schema: prompt/v1\ntype: text\ntext: |\n  A note.\n"
BRANCH_NAMES = [
    "a b",
    "a..b",
    "a/",
    "/a",
    "a//b",
    ".a",
    "a/.b",
    "-a",
    "a.lock",
    "a.",
    "@",
    "a@{1}",
    "a~1",
    "a:b",
    "",
    "",
]
YAML = {"Content-Type": "application/yaml"}


async def make(client: httpx.AsyncClient, name: str, **fields: Any) -> httpx.Response:
    return await client.post("/branches", json={"name": name, **fields})


async def test_a_branch_is_made_written_read_and_deleted(client: httpx.AsyncClient, stocked: Registry) -> None:
    made = await make(client, "기능/짧은 답".replace(" ", "-"))
    tip = made.json()["branch"]["commit"]
    assert (made.status_code, made.headers["etag"]) == (201, f'"{tip}"')
    branch = "기능/짧은-답"
    put = await client.put(f"/templates/new?branch={branch}", content=NOTE, headers={**YAML, "If-None-Match": "*"})
    assert (put.status_code, put.json()["version"]) == (201, None)
    moved = await client.post(
        f"/move/new?branch={branch}", json={"to": "newer"}, headers={"If-Match": put.json()["etag"]}
    )
    assert (moved.status_code, moved.json()["version"]) == (200, None)
    several = {"message": "x", "branch": branch, "changes": [{"action": "put", "name": "more", "source": NOTE}]}
    assert (await client.post("/commits", json=several)).status_code == 200
    assert (await client.get(f"/templates/newer?ref={branch}")).json()["source"] == NOTE
    gone = await client.delete(f"/templates/newer?branch={branch}", headers={"If-Match": "*"})
    assert gone.status_code == 200
    assert (await client.get("/templates/more")).status_code == 404
    read = (await client.get(f"/branches/{branch}")).json()
    assert (read["ahead"], read["behind"], read["default"], read["subject"]) == (4, 0, False, "Delete newer")
    assert read["commit"] == gone.json()["commit"]
    deleted = await client.delete(f"/branches/{branch}", headers={"If-Match": f'"{read["commit"]}"'})
    assert (deleted.status_code, deleted.json()) == (200, read)
    assert (await client.get(f"/branches/{branch}")).status_code == 404
    assert (await client.get(f"/templates/more?ref={branch}")).status_code == 404
    assert await stocked.verifying.verify(DEFAULT) == []


async def test_the_list_pages_by_name(client: httpx.AsyncClient) -> None:
    for name in ("b", "a/x", "c"):
        assert (await make(client, name)).status_code == 201
    first = (await client.get("/branches?limit=3")).json()
    rest = (await client.get("/branches", params={"limit": 3, "cursor": first["next_cursor"]})).json()
    found = [*first["branches"], *rest["branches"]]
    assert [b["name"] for b in found] == ["a/x", "b", "c", "main"]
    assert [b["default"] for b in found] == [False, False, False, True]
    assert rest["next_cursor"] is None
    assert (await client.get("/branches?cursor=x")).status_code == 400


async def test_where_a_branch_begins(client: httpx.AsyncClient) -> None:
    first = (await client.get("/versions/support/triage/1")).json()["commit"]
    made = (await make(client, "old", **{"from": first})).json()["branch"]
    assert (made["commit"], made["ahead"], made["behind"]) == (first, 0, 2)
    assert (await client.get("/templates/support/triage?ref=old")).json()["source"] == TRIAGE
    again = (await make(client, "older", **{"from": "old"})).json()["branch"]
    assert again["commit"] == first
    assert (await make(client, "x", **{"from": "nowhere"})).status_code == 404
    assert (await make(client, "x", **{"from": "0" * 40})).status_code == 404


@pytest.mark.parametrize(
    "name",
    [*BRANCH_NAMES, "0" * 40, "HEAD", "refs/heads/x", "a\\b", "a\tb", "é" * 125, "HEAD^", "x*"],
)
async def test_names_that_git_does_not_take(client: httpx.AsyncClient, name: str) -> None:
    answer = await make(client, name)
    assert answer.status_code in {400, 422}, answer.text
    assert len((await client.get("/branches")).json()["branches"]) == 1


async def test_names_that_are_taken(client: httpx.AsyncClient) -> None:
    assert (await make(client, "main")).status_code == 409
    assert (await make(client, "wip")).status_code == 201
    assert (await make(client, "wip")).status_code == 409
    assert (await make(client, "wip/more")).status_code == 409
    assert (await make(client, "team/ann")).status_code == 201
    assert (await make(client, "team")).status_code == 409
    case = await make(client, "WIP")
    assert (case.status_code, case.json()["diagnostics"][0]["rule"]) == (422, "ref-name")


async def test_a_branch_does_not_stand_before_a_tag(client: httpx.AsyncClient, stocked: Registry) -> None:
    first = (await client.get("/versions/support/triage/1")).json()["commit"]
    with stocked.git.open(DEFAULT) as store:
        store.move(RefUpdate(RefName("refs/tags/v9"), ZERO_COMMIT, first))
    made = await make(client, "v9")
    assert (made.status_code, "There is a tag 'v9'" in made.json()["detail"]) == (409, True)
    put = await client.put("/templates/new?branch=v9", content=NOTE, headers={**YAML, "If-None-Match": "*"})
    assert put.status_code == 404
    assert (await client.get("/templates/support/triage?ref=v9")).json()["source"] == TRIAGE
    assert (await make(client, "v9-draft", **{"from": "v9"})).status_code == 201


async def test_of_many_who_make_one_branch_one_does(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(make(client, "wip") for _ in range(6)))
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409, 409, 409]


async def test_what_cannot_be_deleted(client: httpx.AsyncClient, stocked: Registry) -> None:
    default = await client.delete("/branches/main")
    assert (default.status_code, default.json()["diagnostics"][0]["rule"]) == (422, "default-branch")
    await make(client, "release/1")
    stale = await client.delete("/branches/release/1", headers={"If-Match": f'"{"0" * 40}"'})
    assert (stale.status_code, len(stale.headers["etag"])) == (412, 42)
    rules = "schema: registry/v1\nbranches: {'release/*': {push: [author]}, 'locked/*': {push: [administrator]}}\n"
    await write_files(stocked, {".registry.yaml": rules}, "Protect releases")
    kept = await client.delete("/branches/release/1")
    assert (kept.status_code, kept.json()["diagnostics"][0]["rule"]) == (422, "force-push")
    locked = await make(client, "locked/1")
    assert (locked.status_code, locked.json()["diagnostics"][0]["rule"]) == (422, "push-not-allowed")
    absent = await client.delete("/branches/release/2")
    assert (absent.status_code, absent.json()["nearest"]) == (404, ["release/1"])
    assert [b["name"] for b in (await client.get("/branches")).json()["branches"]] == ["main", "release/1"]


async def test_the_rules_say_who_makes_and_deletes_a_branch(client: httpx.AsyncClient, stocked: Registry) -> None:
    _, key = await stocked.accounts.create_key(scope=Scope.ADMIN)
    admin = {"Authorization": f"Bearer {key}"}
    rules = "schema: registry/v1\nbranches: {'kept/*': {create: [maintainer], delete: []}}\n"
    await write_files(stocked, {".registry.yaml": rules}, "Keep some branches")
    refused = await make(client, "kept/1")
    assert (refused.status_code, refused.json()["diagnostics"][0]["rule"]) == (422, "push-not-allowed")
    assert "branches.kept/*.create" in refused.json()["detail"]
    assert (await client.post("/branches", json={"name": "kept/1"}, headers=admin)).status_code == 201
    put = await client.put("/templates/new?branch=kept/1", content=NOTE, headers={**YAML, "If-None-Match": "*"})
    assert put.status_code == 201
    kept = await client.delete("/branches/kept/1")
    assert (kept.status_code, "branches.kept/*.delete" in kept.json()["detail"]) == (422, True)
    assert (await client.delete("/branches/kept/1", headers=admin)).status_code == 200


async def test_scopes(read_only: httpx.AsyncClient) -> None:
    assert (await read_only.get("/branches")).status_code == 200
    assert (await make(read_only, "x")).status_code == 403
    assert (await read_only.delete("/branches/main")).status_code == 403
