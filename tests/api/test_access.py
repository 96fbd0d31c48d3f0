"""Users, groups and grants over REST: who makes them, and that they count at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api import gateway
from registry.bootstrap import Registry
from registry.domain.audit import AuditAction, AuditFilter
from registry.domain.ids import GroupName, ProviderName, UserName
from registry.domain.roles import Scope
from tests.stock import TONE

BASE = "/api/v1"
TEMPLATES = f"{BASE}/repositories/default/templates"


class Caller:
    """Somebody with a key."""

    def __init__(self, client: httpx.AsyncClient, key: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {key}"}

    async def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        content = {"json": body} if body is not None else {}
        return await self._client.request(method, f"{BASE}{path}", headers=self._headers, **content)

    async def done(self, method: str, path: str, body: Any = None) -> Any:
        found = await self.ask(method, path, body)
        assert found.status_code < 300, found.text
        return found.json() if found.content else None


@pytest.fixture
async def admin(anonymous: httpx.AsyncClient, stocked: Registry) -> Caller:
    return Caller(anonymous, (await stocked.accounts.create_key(scope=Scope.ADMIN))[1])


@pytest.fixture
async def kim(anonymous: httpx.AsyncClient, stocked: Registry, admin: Caller) -> Caller:
    """A user whose role is taken away again: the key alone allows nothing."""
    _, key = await stocked.accounts.create_key(user="kim", scope=Scope.ADMIN)
    for grant in (await admin.done("GET", "/grants"))["grants"]:
        if grant["user"] == "kim":
            await admin.done("DELETE", f"/grants/{grant['id']}")
    return Caller(anonymous, key)


async def test_a_grant_counts_and_is_taken_back(admin: Caller, kim: Caller, stocked: Registry) -> None:
    assert (await kim.ask("GET", "/repositories/default/templates")).status_code == 404
    made = await admin.done(
        "POST", "/grants", {"role": "reader", "user": "kim", "repository": "default", "folder": "고객지원"}
    )
    assert made["place"] == {"repository": "default", "folder": "고객지원"}
    assert (made["role"], made["user"], made["group"], made["made_by"]) == ("reader", "kim", None, "admin")
    listed = await kim.done("GET", "/repositories/default/templates")
    assert [each["name"] for each in listed["templates"]] == ["고객지원/환불"]
    assert (
        await admin.done(
            "POST", "/grants", {"role": "reader", "user": "kim", "repository": "default", "folder": "고객지원/"}
        )
        == made
    )
    assert await admin.done("DELETE", f"/grants/{made['id']}") == made
    assert (await kim.ask("GET", "/repositories/default/templates")).status_code == 404
    assert (await admin.ask("DELETE", f"/grants/{made['id']}")).status_code == 404


async def test_groups_give_roles_while_one_is_in_them(admin: Caller, kim: Caller, stocked: Registry) -> None:
    made = await admin.done("PUT", "/groups/readers", {"name": "독자", "members": ["kim"]})
    assert made == {"group": "readers", "name": "독자", "members": ["kim"], "members_by_provider": {}}
    await admin.done("POST", "/grants", {"role": "author", "group": "readers"})
    assert (await kim.ask("GET", "/repositories/default/templates")).status_code == 200
    assert (await admin.done("GET", "/users/kim"))["rights"] == [
        {"role": "author", "place": {"repository": None, "folder": None}}
    ]
    assert (await admin.done("PUT", "/groups/readers", {"members": []}))["name"] == "독자"
    assert (await kim.ask("GET", "/repositories/default/templates")).status_code == 404
    await admin.done("DELETE", "/groups/readers")
    assert await admin.done("GET", "/groups") == {"groups": []}
    assert [each["group"] for each in (await admin.done("GET", "/grants"))["grants"]] == [None]
    assert (await admin.ask("PUT", "/groups/readers", {"members": ["nobody"]})).status_code == 404


async def test_a_group_that_is_read_and_written_back_leaves_whom_a_provider_put_there_to_the_provider(
    admin: Caller, kim: Caller, stocked: Registry
) -> None:
    corp, team = ProviderName("corp"), GroupName("team")
    await admin.done("PUT", "/users/lee", {})
    await admin.done("PUT", "/groups/team", {"members": ["lee"]})
    await admin.done("POST", "/grants", {"role": "reader", "group": "team"})
    await stocked.access._groups.set_groups(UserName("kim"), [team], corp)
    (read,) = (await admin.done("GET", "/groups"))["groups"]
    assert (read["members"], read["members_by_provider"]) == (["lee"], {"corp": ["kim"]})
    assert await admin.done("PUT", "/groups/team", {"members": read["members"]}) == read
    assert (await kim.ask("GET", "/repositories/default/templates")).status_code == 200
    emptied = await admin.done("PUT", "/groups/team", {"members": []})
    assert emptied == read | {"members": []}
    (entry,) = (await stocked.audit.list_entries(AuditFilter(action=AuditAction.GROUP_CHANGED), limit=1)).items
    assert (entry.draft.old, entry.draft.new) == (read, emptied)
    await stocked.access._groups.set_groups(UserName("kim"), [], corp)
    stocked.identification.forget()
    assert (await kim.ask("GET", "/repositories/default/templates")).status_code == 404


async def test_who_is_disabled_comes_in_no_more(admin: Caller, kim: Caller, stocked: Registry) -> None:
    assert (await kim.ask("GET", "/key")).status_code == 200
    assert (await admin.done("PUT", "/users/kim", {"disabled": True}))["disabled_at"] is not None
    refused = await kim.ask("GET", "/key")
    assert (refused.status_code, "kim is disabled" in refused.text) == (401, True)
    assert (await admin.done("PUT", "/users/kim", {"disabled": False}))["disabled_at"] is None
    assert (await kim.ask("GET", "/key")).status_code == 200


async def test_a_user_is_made_and_changed(admin: Caller) -> None:
    made = await admin.done("PUT", "/users/deploy", {"is_service": True})
    assert made == {
        "user": "deploy",
        "name": "deploy",
        "email": "deploy@localhost",
        "is_service": True,
        "disabled_at": None,
    }
    changed = await admin.done("PUT", "/users/deploy", {"name": "배포", "email": "d@example.com"})
    assert (changed["name"], changed["email"], changed["is_service"]) == ("배포", "d@example.com", True)
    assert [each["user"] for each in (await admin.done("GET", "/users"))["users"]] == ["admin", "deploy"]
    for body in ({"name": "a <b>"}, {"email": "no address"}, {"name": "x\ny"}):
        assert (await admin.ask("PUT", "/users/deploy", body)).status_code == 400, body
    assert (await admin.ask("PUT", "/users/a b", {})).status_code == 400
    assert (await admin.ask("GET", "/users/nobody")).status_code == 404


async def test_the_last_administrator_stays(admin: Caller, kim: Caller, stocked: Registry) -> None:
    (own,) = (await admin.done("GET", "/grants"))["grants"]
    for method, path, body in (
        ("DELETE", f"/grants/{own['id']}", None),
        ("PUT", "/users/admin", {"disabled": True}),
    ):
        refused = await admin.ask(method, path, body)
        assert (refused.status_code, "Nobody would be administrator" in refused.text) == (409, True), path
    await admin.done("PUT", "/groups/admins", {"members": ["kim"]})
    await admin.done("POST", "/grants", {"role": "administrator", "group": "admins"})
    await admin.done("DELETE", f"/grants/{own['id']}")
    for method, path, body in (
        ("PUT", "/groups/admins", {"members": []}),
        ("DELETE", "/groups/admins", None),
        ("PUT", "/users/kim", {"disabled": True}),
    ):
        assert (await kim.ask(method, path, body)).status_code == 409, path
    assert (await admin.ask("GET", "/users")).status_code == 403


async def test_who_administers_a_repository_grants_there_alone(admin: Caller, kim: Caller, stocked: Registry) -> None:
    await admin.done(
        "POST", "/grants", {"role": "administrator", "user": "kim", "repository": "default", "folder": "support"}
    )
    here = {"role": "author", "user": "admin", "repository": "default", "folder": "support/deep"}
    made = await kim.done("POST", "/grants", here)
    assert [each["role"] for each in (await kim.done("GET", "/grants"))["grants"]] == ["author", "administrator"]
    for place in ({}, {"repository": "default"}, {"repository": "default", "folder": "support2"}):
        assert (await kim.ask("POST", "/grants", {"role": "reader", "user": "kim", **place})).status_code == 403, place
    others = [each for each in (await admin.done("GET", "/grants"))["grants"] if each["place"]["repository"] is None]
    assert (await kim.ask("DELETE", f"/grants/{others[0]['id']}")).status_code == 404, "it is not seen"
    await kim.done("DELETE", f"/grants/{made['id']}")
    assert (await kim.ask("GET", "/users")).status_code == 403


@pytest.mark.parametrize(
    "body",
    [
        {"role": "reader"},
        {"role": "reader", "user": "kim", "group": "x"},
        {"role": "owner", "user": "kim"},
        {"role": "reader", "user": "kim", "places": []},
    ],
)
async def test_a_grant_that_says_too_little_or_too_much(admin: Caller, body: dict[str, Any]) -> None:
    assert (await admin.ask("POST", "/grants", body)).status_code == 422


@pytest.mark.parametrize("place", [{"folder": "x"}, {"repository": "a b"}, {"repository": "default", "folder": "../x"}])
async def test_a_place_that_cannot_be(admin: Caller, place: dict[str, str]) -> None:
    refused = await admin.ask("POST", "/grants", {"role": "reader", "user": "admin", **place})
    assert refused.status_code == 400, refused.text


HERE = {"repository": "default", "folder": "support"}


async def test_a_key_is_made_used_and_revoked(
    admin: Caller, kim: Caller, stocked: Registry, anonymous: httpx.AsyncClient
) -> None:
    await admin.done("POST", "/grants", {"role": "author", "user": "kim", "repository": "default"})
    made = await kim.done("POST", "/api-keys", {"scope": "read", "places": [HERE], "expires_in_days": 7, "note": "앱"})
    assert (made["user"], made["scope"], made["places"], made["note"]) == ("kim", "read", [HERE], "앱")
    app = Caller(anonymous, made["key"])
    listed = await app.done("GET", "/repositories/default/templates")
    assert [each["name"] for each in listed["templates"]] == ["support/triage"]
    assert (await app.done("GET", "/key"))["id"] == made["id"]
    await stocked.key_uses.save()
    shown = (await kim.done("GET", "/api-keys"))["keys"]
    assert {"key" in each for each in shown} == {False}
    assert {each["id"]: each["used_at"] is not None for each in shown}[made["id"]]
    assert {each["user"] for each in shown} == {"kim"}
    await kim.done("DELETE", f"/api-keys/{made['id']}")
    assert (await app.ask("GET", "/key")).status_code == 401


async def test_a_key_makes_none_that_may_more(admin: Caller, kim: Caller, anonymous: httpx.AsyncClient) -> None:
    await admin.done("POST", "/grants", {"role": "administrator", "user": "kim"})
    narrow = Caller(anonymous, (await kim.done("POST", "/api-keys", {"scope": "write", "places": [HERE]}))["key"])
    made = await narrow.done("POST", "/api-keys", {"scope": "write"})
    assert made["places"] == [HERE], "where its maker can be used"
    for body in (
        {"scope": "maintain"},
        {"places": [{"repository": "default"}]},
        {"places": [{"repository": "default", "folder": "support2"}]},
        {"user": "admin"},
    ):
        assert (await narrow.ask("POST", "/api-keys", body)).status_code == 403, body
    assert (await narrow.ask("GET", "/api-keys?user=admin")).status_code == 403


async def test_keys_of_others_are_not_there(admin: Caller, kim: Caller) -> None:
    own = (await admin.done("GET", "/api-keys"))["keys"][0]["id"]
    for method, path, body in (("DELETE", f"/api-keys/{own}", None), ("POST", f"/api-keys/{own}/rotation", {})):
        assert (await kim.ask(method, path, body)).status_code == 404
    made = await admin.done("POST", "/api-keys", {"user": "kim", "scope": "read"})
    assert made["id"] in [each["id"] for each in (await admin.done("GET", "/api-keys?user=kim"))["keys"]]
    await admin.done("DELETE", f"/api-keys/{made['id']}")
    assert (await admin.ask("POST", "/api-keys", {"user": "nobody"})).status_code == 404


async def test_a_rotated_key_goes_on_for_the_overlap(admin: Caller, anonymous: httpx.AsyncClient) -> None:
    made = await admin.done("POST", "/api-keys", {"scope": "write", "places": [HERE], "note": "ci"})
    turned = await admin.done("POST", f"/api-keys/{made['id']}/rotation", {"overlap_hours": 1, "expires_in_days": 30})
    new, old = turned["new"], turned["old"]
    assert (new["scope"], new["places"], new["note"]) == ("write", [HERE], "ci")
    assert (old["id"], old["expires_at"] < new["expires_at"]) == (made["id"], True)
    for key in (made["key"], new["key"]):
        assert (await Caller(anonymous, key).ask("GET", "/key")).status_code == 200
    ended = await admin.done("POST", f"/api-keys/{made['id']}/rotation", {"overlap_hours": 0})
    assert (await Caller(anonymous, made["key"]).ask("GET", "/key")).status_code == 401
    assert (await admin.ask("POST", f"/api-keys/{ended['old']['id']}/rotation", {})).status_code == 400


async def test_a_narrow_key_neither_sees_nor_ends_wider_ones(admin: Caller, anonymous: httpx.AsyncClient) -> None:
    wide = await admin.done("POST", "/api-keys", {"scope": "write"})
    narrow = Caller(anonymous, (await admin.done("POST", "/api-keys", {"scope": "read", "places": [HERE]}))["key"])
    assert [each["scope"] for each in (await narrow.done("GET", "/api-keys"))["keys"]] == ["read"]
    for method, path, body in (("DELETE", "", None), ("POST", "/rotation", {})):
        assert (await narrow.ask(method, f"/api-keys/{wide['id']}{path}", body)).status_code == 404
    assert (await Caller(anonymous, wide["key"]).ask("GET", "/key")).status_code == 200


async def test_a_key_makes_none_that_outlives_it(admin: Caller, anonymous: httpx.AsyncClient) -> None:
    made = await admin.done("POST", "/api-keys", {"scope": "write", "expires_in_days": 1})
    short = Caller(anonymous, made["key"])
    for method, path, body in (
        ("POST", "/api-keys", {"scope": "read"}),
        ("POST", "/api-keys", {"scope": "read", "expires_in_days": 30}),
        ("POST", f"/api-keys/{made['id']}/rotation", {"overlap_hours": 1}),
    ):
        child = await short.done(method, path, body)
        assert child.get("new", child)["expires_at"] <= made["expires_at"], body


async def test_what_is_changed_of_accounts_is_audited(admin: Caller, kim: Caller) -> None:
    made = await admin.done("POST", "/grants", {"role": "reader", "user": "kim", **HERE})
    await admin.done("DELETE", f"/grants/{made['id']}")
    await admin.done("PUT", "/groups/team", {"members": ["kim"]})
    await admin.done("PUT", "/users/kim", {"name": "김민지"})
    key = await admin.done("POST", "/api-keys", {"scope": "read"})
    await admin.done("POST", f"/api-keys/{key['id']}/rotation", {})
    entries = (await admin.done("GET", "/audit"))["entries"]
    told = [(each["action"], each["actor"]) for each in entries]
    for action in ("role.granted", "role.revoked", "group.changed", "user.changed", "key.created", "key.rotated"):
        assert (action, "admin") in told, action
    granted = next(each for each in entries if each["action"] == "role.granted")
    assert (granted["new"]["role"], granted["new"]["folder"]) == ("reader", "support")
    assert "pmt_" not in str(entries)


@pytest.mark.parametrize(
    ("method", "path", "body", "media_type"),
    [
        ("PUT", "/templates/support/slow", TONE, "application/yaml"),
        ("POST", "/promotions", '{"label": "staging", "versions": {"support/triage": 1}}', "application/json"),
    ],
)
async def test_who_is_disabled_while_a_body_comes_writes_nothing(
    admin: Caller,
    kim: Caller,
    anonymous: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
    body: str,
    media_type: str,
) -> None:
    monkeypatch.setattr(gateway, "CACHE_SECONDS", 0.05)
    await admin.done("POST", "/grants", {"role": "author", "user": "kim"})
    key = (await kim.done("POST", "/api-keys", {"scope": "write"}))["key"]
    halfway, disabled = asyncio.Event(), asyncio.Event()

    async def drip() -> AsyncIterator[bytes]:
        yield body[:5].encode()
        halfway.set()
        await disabled.wait()
        await asyncio.sleep(0.1)
        yield body[5:].encode()

    headers = {"Authorization": f"Bearer {key}", "Content-Type": media_type, "If-None-Match": "*"}
    address = f"{BASE}/repositories/default{path}"
    sending = asyncio.create_task(anonymous.request(method, address, content=drip(), headers=headers))
    await halfway.wait()
    await admin.done("PUT", "/users/kim", {"disabled": True})
    disabled.set()
    refused = await sending
    assert (refused.status_code, "Your rights were changed" in refused.text) == (401, True), refused.text


async def test_a_removed_user_is_gone_and_the_audit_has_him(admin: Caller, kim: Caller, stocked: Registry) -> None:
    await admin.done("POST", "/grants", {"role": "author", "user": "kim"})
    assert (await kim.ask("GET", "/key")).status_code == 200
    assert (await admin.ask("DELETE", "/users/kim")).status_code == 204
    assert (await kim.ask("GET", "/key")).status_code == 401
    assert (await admin.ask("GET", "/users/kim")).status_code == 404
    assert (await admin.ask("DELETE", "/users/kim")).status_code == 404
    entry = (await stocked.audit.list_entries(AuditFilter(action=AuditAction.USER_REMOVED))).items[0].draft
    assert (entry.origin.actor, entry.old["user"], entry.new) == ("admin", "kim", None)


async def test_the_first_administrator_stays(admin: Caller) -> None:
    await admin.done("PUT", "/users/lee", {})
    await admin.done("POST", "/grants", {"role": "administrator", "user": "lee"})
    refused = await admin.ask("DELETE", "/users/admin")
    assert (refused.status_code, "first administrator" in refused.text) == (409, True)
