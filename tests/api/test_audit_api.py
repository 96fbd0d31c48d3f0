"""The audit over HTTP: who may read it, what is in it, and how a denial gets there."""

import json
from datetime import datetime
from typing import Any

import httpx
import pytest

from api.schemas.audit import entry_body
from registry.bootstrap import Registry
from registry.domain.access import Scope
from registry.domain.audit import AuditAction, AuditChain, AuditDraft, AuditEntry, AuditOrigin

AUDIT = "http://test/api/v1/audit"


@pytest.fixture
async def admin(anonymous: httpx.AsyncClient, stocked: Registry) -> httpx.AsyncClient:
    """A client with a key of scope admin."""
    _, secret = await stocked.accounts.create_key(user="root", scope=Scope.ADMIN)
    anonymous.headers["authorization"] = f"Bearer {secret}"
    return anonymous


async def listed(admin: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await admin.get(AUDIT, params=query)
    assert answer.status_code == 200, answer.text
    entries: list[dict[str, Any]] = answer.json()["entries"]
    return entries


@pytest.mark.parametrize("path", ["", "/export", "/verification"])
async def test_it_needs_the_scope_admin(
    anonymous: httpx.AsyncClient, client: httpx.AsyncClient, read_only: httpx.AsyncClient, path: str
) -> None:
    assert (await anonymous.get(f"{AUDIT}{path}")).status_code == 401
    for each in (client, read_only):
        denied = await each.get(f"{AUDIT}{path}")
        assert (denied.status_code, "scope admin" in denied.json()["detail"]) == (403, True)


async def test_keys_that_were_made_are_in_it(admin: httpx.AsyncClient) -> None:
    entries = await listed(admin, action="key.created")
    assert entries[0]["new"]["user"] == "root"
    assert (entries[0]["actor"], entries[0]["at"][-1]) == (None, "Z")


async def test_a_denial_is_in_it_with_who_and_from_where(
    admin: httpx.AsyncClient, read_only: httpx.AsyncClient, stocked: Registry
) -> None:
    body = {"variables": {}}
    for _ in range(3):
        denied = await read_only.put("templates/support/triage", json=body, headers={"x-request-id": "mine"})
        assert denied.status_code == 403
    wrong = await admin.get(AUDIT, headers={"authorization": "Bearer pmt_wrong"})
    assert wrong.status_code == 401
    await stocked.denials.flush(everything=True)
    unknown, known = await listed(admin, action="access.denied")
    assert (known["actor"], known["address"], known["request_id"]) == ("ada", "127.0.0.1", "mine")
    assert known["new"].pop("until") >= known["at"]
    route = "/api/v1/repositories/{repository}/templates/{name}"
    assert known["new"] == {"count": 3, "method": "PUT", "route": route, "status": 403}
    assert (unknown["actor"], unknown["key"]) == (None, None)
    assert unknown["new"] == {"count": 1, "method": "GET", "route": "/api/v1/…", "status": 401}
    assert await listed(admin, action="access.denied", actor="ada", address="127.0.0.1") == [
        (await listed(admin, key=known["key"]))[0]
    ]


async def test_a_denied_push_is_in_it_and_the_challenge_is_not(
    admin: httpx.AsyncClient, anonymous: httpx.AsyncClient, stocked: Registry, keys: dict[str, str]
) -> None:
    refs = "http://test/git/default.git/info/refs?service=git-receive-pack"
    root = admin.headers.pop("authorization")
    assert (await anonymous.get(refs)).status_code == 401
    assert (await anonymous.get(refs, headers={"authorization": f"Bearer {keys['read']}"})).status_code == 403
    await stocked.denials.flush(everything=True)
    admin.headers["authorization"] = root
    (entry,) = await listed(admin, action="access.denied")
    assert (entry["actor"], entry["new"]["route"]) == ("ada", "/git/{repository}.git/info/refs")


async def test_pages_and_filters(admin: httpx.AsyncClient, stocked: Registry) -> None:
    await stocked.audit.enter(*(stocked.audit.draft(AuditAction.GROUP_CHANGED, new=n) for n in range(5)))
    page = (await admin.get(AUDIT, params={"action": "group.changed", "limit": 3})).json()
    rest = await listed(admin, action="group.changed", limit=3, cursor=page["next_cursor"])
    assert [entry["new"] for entry in [*page["entries"], *rest]] == [4, 3, 2, 1, 0]
    at = page["entries"][0]["at"]
    assert at in {entry["at"] for entry in await listed(admin, **{"from": at})}
    assert at not in {entry["at"] for entry in await listed(admin, to=at)}
    for wrong in (
        {"action": "nothing"},
        {"from": "yesterday"},
        {"from": "2026-11-30"},
        {"actor": "a\x00"},
        {"who": "x"},
    ):
        assert (await admin.get(AUDIT, params=wrong)).status_code == 400, wrong
    assert (await admin.get(AUDIT, params={"cursor": "x"})).status_code == 400


async def test_who_moved_a_label_of_a_template_is_one_question(
    admin: httpx.AsyncClient, client: httpx.AsyncClient, stocked: Registry
) -> None:
    await stocked.ref_audit.drain()
    for version in (2, 1):
        moved = await client.put("labels/production/support/triage", json={"version": version})
        assert moved.status_code == 200, moved.text
    await client.put("labels/staging/support/triage", json={"version": 1})
    await stocked.ref_audit.drain()
    found = await listed(admin, action="label.moved", label="production", name="support/triage", ref="refs/heads/main")
    assert [(each["actor"], each["old"], each["new"]) for each in found] == [
        ("ada", {"version": 2}, {"version": 1}),
        ("ada", {"version": 1}, {"version": 2}),
        ("ada", None, {"version": 1}),
    ]
    assert await listed(admin, action="label.moved", label="production", folder="/support/") == found
    exported = (await admin.get(f"{AUDIT}/export", params={"label": "production", "folder": "support"})).text
    assert [json.loads(line)["number"] for line in exported.splitlines()] == [each["number"] for each in found[::-1]]
    for nothing in ({"name": "support"}, {"label": "production", "name": "support/other"}, {"ref": "main"}):
        assert await listed(admin, **nothing) == []


async def test_the_export_can_be_verified_by_itself(admin: httpx.AsyncClient, stocked: Registry) -> None:
    await stocked.audit.enter(*(stocked.audit.draft(AuditAction.GROUP_CHANGED, new=n) for n in range(1_200)))
    await stocked.audit.sign_head()
    answer = await admin.get(f"{AUDIT}/export")
    assert answer.headers["content-type"] == "application/x-ndjson"
    *lines, last = [json.loads(line) for line in answer.text.splitlines()]
    chain = AuditChain()
    assert [chain.take(entry_of(line)) for line in lines] == [None] * len(lines)
    assert (last["mark"]["kind"], last["mark"]["number"], last["mark"]["hash"]) == ("head", len(lines), chain.hash)
    some = (await admin.get(f"{AUDIT}/export", params={"action": "group.changed"})).text.splitlines()
    assert [json.loads(line)["new"] for line in some] == list(range(1_200))
    nothing = await admin.get(f"{AUDIT}/export", params={"actor": "nobody"})
    assert (nothing.status_code, nothing.text) == (200, "")
    head = await admin.head(f"{AUDIT}/export")
    assert (head.status_code, head.text) == (200, "")


def entry_of(line: dict[str, Any]) -> AuditEntry:
    """As a reader of the export makes it."""
    origin = AuditOrigin(line["actor"], line["key"], line["address"], line["request_id"])
    draft = AuditDraft(
        line["action"],
        datetime.fromisoformat(line["at"]),
        origin,
        *(line[name] for name in ("repository", "name", "label", "ref", "old", "new", "operation")),
    )
    entry = AuditEntry(line["number"], draft, line["hash"])
    assert set(entry_body(entry)) == set(line)
    return entry


async def test_the_verification_says_whether_it_fits(admin: httpx.AsyncClient, stocked: Registry) -> None:
    await stocked.audit.sign_head()
    found = (await admin.get(f"{AUDIT}/verification")).json()
    assert (found["valid"], found["fault"], found["first"]) == (True, None, 1)
    assert [(mark["kind"], mark["trust"], mark["number"]) for mark in found["marks"]] == [
        ("head", "signed", found["last"])
    ]
