"""Identity providers over REST and by ``promptuary provider``: secrets go in and never come out."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from registry.bootstrap import Registry
from registry.domain.audit import AuditFilter
from tests.api.conftest import CheckedTransport

SECRET = "gloas-0123456789abcdef"
PLACE = "/api/v1/identity-providers"
BODY: dict[str, Any] = {
    "kind": "gitlab",
    "client_id": "5f0c",
    "client_secret": SECRET,
    "settings": {"groups": {"acme/prompts": "writers"}, "required_groups": ["acme"], "domains": ["Example.com"]},
}


@pytest.fixture
async def admin(app: Any, documented: Any, keys: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {keys['admin']}"}
    transport = CheckedTransport(app, documented)
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield client


async def test_a_provider_is_made_changed_and_removed(admin: httpx.AsyncClient, stocked: Registry) -> None:
    made = await admin.put(f"{PLACE}/gitlab", json=BODY)
    assert made.status_code == 200, made.text
    assert made.json() == {
        "provider": "gitlab",
        "name": "GitLab",
        "kind": "gitlab",
        "issuer": "https://gitlab.com",
        "client_id": "5f0c",
        "has_secret": True,
        "made_at": made.json()["made_at"],
        "disabled_at": None,
        "settings": {
            "scopes": [],
            "groups_claim": None,
            "groups": {"acme/prompts": "writers"},
            "same_groups": False,
            "required_groups": ["acme"],
            "domains": ["example.com"],
            "sign_up": False,
            "link_by_email": False,
            "allow_private": False,
        },
    }
    assert (await admin.get(PLACE)).json() == {"providers": [made.json()]}
    changed = await admin.put(f"{PLACE}/gitlab", json={"kind": "gitlab", "client_id": "6a", "disabled": True})
    assert (changed.json()["has_secret"], changed.json()["client_id"]) == (True, "6a")
    assert changed.json()["disabled_at"] is not None
    assert (await admin.get("/api/v1/sign-in")).json()["providers"] == []
    assert (await admin.get(f"{PLACE}/gitlab")).json() == changed.json()
    public = await admin.put(f"{PLACE}/gitlab", json={"kind": "gitlab", "client_id": "6a", "client_secret": ""})
    assert public.json()["has_secret"] is False
    assert (await admin.delete(f"{PLACE}/gitlab")).status_code == 204
    assert (await admin.get(f"{PLACE}/gitlab")).status_code == 404
    assert (await admin.delete(f"{PLACE}/gitlab")).status_code == 404


async def test_a_secret_is_in_no_answer_no_audit_and_no_table(admin: httpx.AsyncClient, stocked: Registry) -> None:
    answers = [
        await admin.put(f"{PLACE}/gitlab", json=BODY),
        await admin.get(PLACE),
        await admin.get(f"{PLACE}/gitlab"),
    ]
    assert not any(SECRET in answer.text for answer in answers)
    (entry,) = (await stocked.audit.list_entries(AuditFilter(), limit=1)).items
    assert (entry.draft.action, entry.draft.new["new_secret"]) == ("provider.changed", True)
    assert SECRET not in str(entry)
    stored = b"".join(path.read_bytes() for path in stocked.settings.data.glob("catalogue*"))
    assert SECRET.encode() not in stored
    assert b"pk1." in stored


async def test_the_same_name_is_not_given_another_issuer(admin: httpx.AsyncClient) -> None:
    """Else who changes it would be sent the secret, and be whoever he likes."""
    await admin.put(f"{PLACE}/gitlab", json=BODY)
    for change in ({"issuer": "https://evil.example"}, {"kind": "oidc", "issuer": "https://gitlab.com"}):
        answer = await admin.put(f"{PLACE}/gitlab", json=BODY | change)
        assert (answer.status_code, "Remove it first" in answer.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "oidc"}, "issuer"),
        ({"issuer": "http://id.example.com"}, "https"),
        ({"issuer": "http://127.0.0.1:1"}, "https"),
        ({"issuer": "https://kim:pw@id.example.com"}, "https"),
        ({"issuer": "https://id.example.com?x=y"}, "issuer"),
        ({"issuer": "file:///etc/passwd"}, "https"),
        ({"issuer": "https://"}, "https"),
        ({"issuer": "https://a:b:c"}, "https"),
        ({"issuer": "https://xn--a.b/"}, "host"),
        ({"issuer": "https://b.xn--a"}, "host"),
        ({"issuer": "https://a..b"}, "host"),
        ({"issuer": "https://a<b"}, "host"),
        ({"issuer": "https://1.2.3.999"}, "host"),
        ({"issuer": "https://[v1.x]"}, "host"),
        ({"issuer": "https://" + "a" * 64 + ".com"}, "host"),
        ({"client_secret": "a\nb"}, "secret"),
        ({"client_id": " "}, "client id"),
        ({"name": "\u202eevil"}, "name"),
        ({"settings": {"domains": ["@example.com"]}}, "domain"),
        ({"settings": {"scopes": ["email"]}}, "openid"),
        ({"settings": {"scopes": ["openid profile"]}}, "scope"),
        ({"settings": {"groups": {"a": "b/c"}}}, "group name"),
        ({"settings": {"groups_claim": "a..b"}}, "path"),
    ],
)
async def test_what_cannot_be_is_refused_with_the_reason(
    admin: httpx.AsyncClient, change: dict[str, Any], said: str
) -> None:
    answer = await admin.put(f"{PLACE}/corp", json=BODY | change)
    assert answer.status_code == 400, answer.text
    assert said in answer.json()["detail"]


@pytest.mark.parametrize("name", ["password", "device", "promptuary", "A", "1a", "a_b", "a" * 33, "가"])
async def test_names_that_would_say_something_else_are_refused(admin: httpx.AsyncClient, name: str) -> None:
    assert (await admin.put(f"{PLACE}/{name}", json=BODY)).status_code == 400
