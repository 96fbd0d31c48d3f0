"""What is denied to somebody is in the audit with what it was about, whichever way it is denied, and nothing else is."""

from typing import Any

import httpx
import pytest

from registry.bootstrap import Registry
from registry.domain.ids import RepositoryName
from registry.domain.rights import Place
from registry.domain.roles import Scope
from registry.services.denials import EACH
from tests.api.conftest import BASE
from tests.stock import TONE, write_files

SUPPORT = Place(RepositoryName("default"), "support")
YAML = {"Content-Type": "application/yaml", "If-None-Match": "*"}
REFUND = "고객지원/환불"

Entry = dict[str, Any]


@pytest.fixture
async def narrow(anonymous: httpx.AsyncClient, stocked: Registry) -> httpx.AsyncClient:
    """A client with a key for one folder of one of two repositories."""
    stocked.repositories.create("other")
    _, secret = await stocked.accounts.create_key(user="kim", scope=Scope.WRITE, places=[SUPPORT])
    anonymous.headers["authorization"] = f"Bearer {secret}"
    return anonymous


async def entered(registry: Registry, client: httpx.AsyncClient, **query: Any) -> list[Entry]:
    """The denials that an administrator is told of, oldest first."""
    await registry.denials.flush(everything=True)
    _, key = await registry.accounts.create_key(scope=Scope.ADMIN)
    query["action"] = "access.denied"
    headers = {"authorization": f"Bearer {key}"}
    found = await client.get("http://test/api/v1/audit", params=query, headers=headers)
    assert found.status_code == 200, found.text
    entries: list[Entry] = found.json()["entries"]
    return entries[::-1]


def places(entries: list[Entry]) -> list[tuple[Any, ...]]:
    return [(each["repository"], each["name"], each["label"], each["ref"]) for each in entries]


HIDDEN: list[tuple[str, str, Any, str]] = [
    ("GET", f"/templates/{REFUND}", None, REFUND),
    ("HEAD", f"/templates/{REFUND}", None, REFUND),
    ("GET", f"/templates/{REFUND}?ref=main", None, REFUND),
    ("GET", f"/versions/{REFUND}/1", None, REFUND),
    ("GET", "/templates/partials/none", None, "partials/none"),
    ("PUT", f"/templates/{REFUND}", TONE, REFUND),
    ("DELETE", f"/templates/{REFUND}", None, REFUND),
    ("POST", f"/render/{REFUND}", {"variables": {}}, REFUND),
    ("POST", "/move/support/triage", {"to": "partials/mine"}, "partials/mine"),
    ("POST", "/promotions", {"label": "staging", "versions": {REFUND: 1}}, REFUND),
    ("POST", "/commits", {"message": "x", "changes": [{"action": "delete", "name": REFUND, "if_match": "*"}]}, REFUND),
]


@pytest.mark.parametrize(("method", "path", "body", "name"), HIDDEN)
async def test_who_reaches_beyond_his_folder_leaves_a_trace(
    narrow: httpx.AsyncClient, stocked: Registry, method: str, path: str, body: Any, name: str
) -> None:
    how = {"content": body, "headers": YAML} if isinstance(body, str) else {"json": body} if body else {}
    assert (await narrow.request(method, f"http://test{BASE}{path}", **how)).status_code == 404
    (entry,) = await entered(stocked, narrow)
    assert (entry["actor"], entry["address"], bool(entry["key"])) == ("kim", "127.0.0.1", True)
    assert places([entry]) == [("default", name, None, None)]
    assert (entry["new"]["status"], entry["new"]["method"], entry["new"]["reason"]) == (404, method, "hidden")
    assert await entered(stocked, narrow, name=name, repository="default", actor="kim") == [entry]


async def test_a_hidden_repository_leaves_a_trace_and_none_that_there_is_not(
    narrow: httpx.AsyncClient, stocked: Registry
) -> None:
    git = "http://test/git/{}.git/info/refs?service=git-upload-pack"
    for address in ("http://test/api/v1/repositories/{}/templates/a", git):
        there, absent = [await narrow.get(address.format(name)) for name in ("other", "othex")]
        assert (there.status_code, absent.status_code) == (404, 404)
        assert there.text.replace(there.headers["x-request-id"], "").replace("other", "othex") == absent.text.replace(
            absent.headers["x-request-id"], ""
        )
    found = await entered(stocked, narrow, repository="other")
    assert [(each["new"]["route"], each["new"]["reason"], each["name"]) for each in found] == [
        ("/api/v1/repositories/{repository}/templates/{name}", "hidden", "a"),
        ("/git/{repository}.git/info/refs", "hidden", None),
    ]
    assert await entered(stocked, narrow) == found


async def test_what_there_is_not_for_anybody_is_no_denial(
    narrow: httpx.AsyncClient, client: httpx.AsyncClient, stocked: Registry
) -> None:
    for each, path in (
        (narrow, "/templates/support/none"),
        (narrow, "/templates/support/triage?version=9"),
        (client, "/templates/partials/none"),
        (client, "/labels/none/support/triage"),
    ):
        assert (await each.get(f"http://test{BASE}{path}")).status_code == 404, path
    assert (await client.get("http://test/api/v1/repositories/none/templates/a")).status_code == 404
    refused = await client.put(f"/templates/{REFUND}2", content="rubbish", headers=YAML)
    assert refused.status_code == 422, "it is wrong, whoever does it"
    assert await entered(stocked, client) == []


async def test_a_403_tells_what_it_was_about(
    client: httpx.AsyncClient, read_only: httpx.AsyncClient, stocked: Registry
) -> None:
    assert (await read_only.put("labels/production/support/triage", json={"version": 2})).status_code == 403
    assert (await read_only.delete("branches/draft/x")).status_code == 403
    _, key = await stocked.accounts.create_key(user="lee", scope=Scope.ADMIN, places=[SUPPORT])
    grant = {"role": "reader", "user": "ada", "repository": "default", "folder": "partials"}
    by_lee = {"authorization": f"Bearer {key}"}
    assert (await client.post("http://test/api/v1/grants", json=grant, headers=by_lee)).status_code == 403
    found = await entered(stocked, client, repository="default")
    assert places(found) == [
        ("default", "support/triage", "production", None),
        ("default", None, None, "refs/heads/draft/x"),
        ("default", "partials/", None, None),
    ]
    assert await entered(stocked, client, folder="support") == found[:1]
    assert await entered(stocked, client, folder="partials") == found[2:]


async def test_a_wrong_key_tells_at_which_repository(client: httpx.AsyncClient, stocked: Registry) -> None:
    wrong = {"authorization": "Bearer pmt_wrong"}
    for path in (f"{BASE}/templates/a", "/git/default.git/info/refs?service=git-upload-pack", "/api/v1/users"):
        assert (await client.get(f"http://test{path}", headers=wrong)).status_code == 401
    for path in ("/api/v1/repositories/A%00/x", "/api/v1/repositories/..%2F/x", "/git/a b.git/info/refs"):
        await client.get(f"http://test{path}", headers=wrong)
    found = await entered(stocked, client)
    assert {each["repository"] for each in found} == {"default", None}
    assert len(await entered(stocked, client, repository="default")) == 2


async def test_a_change_that_the_rules_refuse_is_a_denial(client: httpx.AsyncClient, stocked: Registry) -> None:
    label = "schema: registry/v1\nlabels:\n  production: {move: [maintainer]}\n"
    await write_files(stocked, {".registry.yaml": label}, "Protect a label")
    moved = await client.put("labels/production/support/triage", json={"version": 2})
    branch = f"{label}branches:\n  main: {{push: [maintainer]}}\n"
    await write_files(stocked, {".registry.yaml": branch}, "Protect the branch")
    put = await client.put("templates/support/new", content=TONE, headers=YAML)
    assert (moved.status_code, put.status_code) == (422, 422), moved.text
    found = await entered(stocked, client, repository="default", actor="ada")
    assert places(found) == [
        ("default", "support/triage", "production", None),
        ("default", "support/new", None, "refs/heads/main"),
    ]
    told = [(each["new"]["status"], each["new"]["reason"]) for each in found]
    assert told == [(422, "label-not-allowed"), (422, "push-not-allowed")]
    assert await entered(stocked, client, name="support/new") == found[1:]


async def test_who_makes_up_names_fills_nothing(
    narrow: httpx.AsyncClient, read_only: httpx.AsyncClient, stocked: Registry
) -> None:
    for number in range(3 * EACH):
        await narrow.get(f"http://test{BASE}/templates/partials/n{number}")
    await narrow.get(f"http://test{BASE}/templates/partials/{'x' * 5000}")
    assert (await read_only.get("index")).status_code in {200, 403}
    assert (await read_only.put("labels/production/support/triage", json={"version": 2})).status_code == 403
    found = await entered(stocked, read_only, actor="kim")
    assert len(found) == EACH + 1
    assert sum(each["new"]["count"] for each in found) >= 3 * EACH
    assert places(found[-1:]) == [(None, None, None, None)]
    assert len(await entered(stocked, read_only, actor="ada", label="production")) == 1


async def test_a_key_in_an_address_is_not_kept(narrow: httpx.AsyncClient, stocked: Registry) -> None:
    for secret in ("ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8", narrow.headers["authorization"].split()[1]):
        assert (await narrow.get(f"http://test{BASE}/templates/partials/{secret}")).status_code == 404
        wrong = {"authorization": "Bearer pmt_wrong"}
        await narrow.get(f"http://test/api/v1/repositories/{secret.lower()}/index", headers=wrong)
    found = await entered(stocked, narrow)
    assert [each["name"] for each in found if each["actor"] == "kim"] == ["***", "partials/pmt_***"]
    assert {each["repository"] for each in found} == {"default", "***", "pmt_***"}
