"""Tokens over HTTP: OAuth's endpoints, the page that lets a program in, and what is tried against them."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from api.oauth_forms import FORM
from api.routes.oauth import DEVICE_CODE
from registry.bootstrap import Registry
from registry.domain.access_tokens import CLIENT
from registry.domain.audit import AuditAction, AuditFilter
from registry.domain.ids import UserName
from registry.domain.key_secrets import DEVICE_PREFIX, REFRESH_PREFIX, new_secret
from registry.domain.rate_limits import Buckets, LimitKind, RateLimit
from registry.domain.roles import Role, Scope
from registry.services.rate_limits import RateLimiting
from tests.api.conftest import BASE, CheckedTransport
from tests.api.test_permissions import ADMIN
from tests.api.test_sign_in import made, sign_in

TEMPLATES = f"{BASE}/templates"
TEMPLATE = f"{BASE}/templates/support/by-a-token"
YAML = "schema: prompt/v1\ntype: text\ntext: |\n  hello\n"


@pytest.fixture
async def program(app: Any, documented: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A program on the server's own machine, without any key."""
    transport = CheckedTransport(app, documented)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", headers={"User-Agent": "promptuary 1.0 on laptop"}
    ) as client:
        yield client


@pytest.fixture
async def kim(stocked: Registry, browser: httpx.AsyncClient) -> str:
    """An author, signed in in the browser."""
    name = await made(stocked, Role.AUTHOR)
    assert (await sign_in(browser, name)).status_code == 200
    return name


async def post(program: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    return await program.post(path, data={"client_id": CLIENT, **fields})


async def begun(program: httpx.AsyncClient, scope: str = "write") -> dict[str, Any]:
    answer = await post(program, "/oauth/device", scope=scope)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def redeem(program: httpx.AsyncClient, code: str) -> httpx.Response:
    return await post(program, "/oauth/token", grant_type=DEVICE_CODE, device_code=code)


async def refresh(program: httpx.AsyncClient, token: str, **more: str) -> httpx.Response:
    return await post(program, "/oauth/token", grant_type="refresh_token", refresh_token=token, **more)


async def logged_in(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    scope: str = "write",
) -> dict[str, Any]:
    asked = await begun(program, scope)
    done = await browser.post("/device", data={"user_code": asked["user_code"], "decision": "allow"})
    assert done.status_code == 200, done.text
    answer = await redeem(program, asked["device_code"])
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def fault(answer: httpx.Response) -> str:
    assert answer.status_code == 400, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["error"])


async def test_a_program_is_let_in_and_acts_for_who_did(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    kim: str,
) -> None:
    asked = await begun(program)
    assert re.fullmatch(r"[B-Z]{4}-[B-Z]{4}", asked["user_code"])
    assert asked["verification_uri"] == "http://127.0.0.1/device"
    assert (asked["expires_in"], asked["interval"]) == (600, 5)
    assert fault(await redeem(program, asked["device_code"])) == "authorization_pending"
    assert fault(await redeem(program, asked["device_code"])) == "slow_down"
    page = await browser.get(f"/device?user_code={asked['user_code'].lower()}")
    assert page.status_code == 200
    for shown in (asked["user_code"], "promptuary 1.0 on laptop", kim, "write"):
        assert shown in page.text
    tokens = await logged_in(program, browser)
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 600, "write")
    assert (await program.get(TEMPLATES)).status_code == 401
    assert (await program.get(TEMPLATES, headers=bearer(tokens["access_token"]))).status_code == 200
    headers = {**bearer(tokens["access_token"]), "Content-Type": "application/yaml", "If-None-Match": "*"}
    assert (await program.put(TEMPLATE, content=YAML, headers=headers)).status_code == 201
    who = (await program.get("/api/v1/session", headers=bearer(tokens["access_token"]))).json()
    assert who["user"] == kim
    sessions = (await browser.get("/api/v1/sessions")).json()["sessions"]
    assert {(each["way"], each["agent"]) for each in sessions} >= {("device", "promptuary 1.0 on laptop")}


async def test_tokens_are_in_no_cache_and_no_address(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    kim: str,
) -> None:
    asked = await post(program, "/oauth/device")
    assert asked.headers["cache-control"] == "no-store"
    tokens = await logged_in(program, browser)
    answer = await refresh(program, tokens["refresh_token"])
    assert answer.headers["cache-control"] == "no-store"
    found = await program.post(f"/oauth/token?refresh_token={answer.json()['refresh_token']}", data={"a": "b"})
    assert found.status_code == 400


async def test_a_scope_holds_down(program: httpx.AsyncClient, browser: httpx.AsyncClient, kim: str) -> None:
    tokens = await logged_in(program, browser, "read")
    headers = {**bearer(tokens["access_token"]), "Content-Type": "application/yaml", "If-None-Match": "*"}
    assert (await program.put(TEMPLATE, content=YAML, headers=headers)).status_code == 403
    assert fault(await refresh(program, tokens["refresh_token"], scope="admin")) == "invalid_scope"
    key = await program.post("/api/v1/api-keys", json={"scope": "admin"}, headers=bearer(tokens["access_token"]))
    assert key.status_code == 403, "it makes no key that may more"


async def test_a_stolen_refresh_token_is_found_out(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    kim: str,
    stocked: Registry,
) -> None:
    first = await logged_in(program, browser)
    second = (await refresh(program, first["refresh_token"])).json()
    third = (await refresh(program, second["refresh_token"])).json()
    assert (await program.get(TEMPLATES, headers=bearer(third["access_token"]))).status_code == 200
    assert fault(await refresh(program, first["refresh_token"])) == "invalid_grant"
    for token in (second, third):
        assert fault(await refresh(program, token["refresh_token"])) == "invalid_grant"
        assert (await program.get(TEMPLATES, headers=bearer(token["access_token"]))).status_code == 401
    told = (await stocked.audit.list_entries(AuditFilter(action=AuditAction.SESSION_REVOKED))).items[0]
    assert told.draft.new == {"reason": "a refresh token was used twice"}


async def test_of_many_refreshes_at_once_there_is_one_successor(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    kim: str,
) -> None:
    first = await logged_in(program, browser)
    answers = await asyncio.gather(*(refresh(program, first["refresh_token"]) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


async def test_what_gets_no_token_is_a_denial_but_for_whoever_has_to_wait(
    program: httpx.AsyncClient, stocked: Registry
) -> None:
    asked = await begun(program)
    assert fault(await redeem(program, asked["device_code"])) == "authorization_pending"
    assert fault(await post(program, "/oauth/token", grant_type="rubbish")) == "unsupported_grant_type"
    for _ in range(3):
        assert fault(await refresh(program, "pmr_" + "x" * 43)) == "invalid_grant"
    assert fault(await program.post("/oauth/device", data={"client_id": "another"})) == "invalid_client"
    await stocked.denials.flush(everything=True)
    found = (await stocked.audit.list_entries(AuditFilter(action=AuditAction.ACCESS_DENIED))).items
    told = [(each.draft.new["reason"], each.draft.new["status"], each.draft.new["count"]) for each in found]
    assert sorted(told) == [("invalid_client", 400, 1), ("invalid_grant", 400, 3)]
    assert {(each.draft.origin.actor, each.draft.origin.address) for each in found} == {(None, "127.0.0.1")}


async def test_signing_out_ends_tokens(program: httpx.AsyncClient, browser: httpx.AsyncClient, kim: str) -> None:
    tokens, others = await logged_in(program, browser), await logged_in(program, browser)
    assert (await program.get(TEMPLATES, headers=bearer(tokens["access_token"]))).status_code == 200
    assert (await post(program, "/oauth/revoke", token=tokens["refresh_token"])).status_code == 200
    assert (await post(program, "/oauth/revoke", token=tokens["refresh_token"])).status_code == 200
    assert (await post(program, "/oauth/revoke", token="nonsense")).status_code == 200
    assert (await program.get(TEMPLATES, headers=bearer(tokens["access_token"]))).status_code == 401
    gone = await program.delete("/api/v1/session", headers=bearer(others["access_token"]))
    assert gone.status_code == 204
    assert fault(await refresh(program, others["refresh_token"])) == "invalid_grant"


async def test_a_disabled_user_has_no_tokens(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    kim: str,
    stocked: Registry,
) -> None:
    tokens = await logged_in(program, browser)
    await stocked.access.put_user(UserName(kim), actor=ADMIN, disabled=True)
    assert (await program.get(TEMPLATES, headers=bearer(tokens["access_token"]))).status_code == 401
    assert fault(await refresh(program, tokens["refresh_token"])) == "invalid_grant"


async def test_no_other_secret_is_a_bearer_token(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    kim: str,
) -> None:
    tokens, asked = await logged_in(program, browser), await begun(program)
    (session,) = browser.cookies.values()
    for secret in (session, tokens["refresh_token"], asked["device_code"], asked["user_code"], "eyJ", "eyJ.eyJ.eyJ"):
        answer = await program.get(TEMPLATES, headers=bearer(secret))
        assert answer.status_code == 401, secret
    for secret in (session, tokens["access_token"], asked["device_code"]):
        assert fault(await refresh(program, secret)) == "invalid_grant"
    assert fault(await redeem(program, tokens["refresh_token"])) == "invalid_grant"


@pytest.mark.parametrize("token", ["eyJ" + "x" * 20_000, "eyJhbGciOiJub25lIn0.e30.", "eyJ\xff.a.b", "eyJ" + "." * 999])
async def test_malformed_tokens_are_refused(program: httpx.AsyncClient, token: str) -> None:
    answer = await program.get(TEMPLATES, headers={b"Authorization": b"Bearer " + token.encode("latin-1")})
    assert answer.status_code == 401


async def test_a_device_code_is_worth_nothing_to_another(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    kim: str,
) -> None:
    asked = await begun(program)
    await browser.post("/device", data={"user_code": asked["user_code"], "decision": "allow"})
    code = asked["device_code"]
    altered = code[:-9] + ("B" if code[-9] == "A" else "A") + code[-8:]
    wrong = (altered, new_secret(DEVICE_PREFIX), asked["user_code"])
    for each in wrong:
        assert fault(await redeem(program, each)) == "invalid_grant"
    assert (await redeem(program, asked["device_code"])).status_code == 200
    assert fault(await redeem(program, asked["device_code"])) == "invalid_grant", "it was used"


async def test_a_device_that_is_turned_away(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    kim: str,
) -> None:
    asked = await begun(program)
    done = await browser.post("/device", data={"user_code": asked["user_code"], "decision": "deny"})
    assert "turned away" in done.text
    assert fault(await redeem(program, asked["device_code"])) == "access_denied"
    again = await browser.post("/device", data={"user_code": asked["user_code"], "decision": "allow"})
    assert again.status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example.com"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.example.com"},
        {"Sec-Fetch-Site": "", "Origin": ""},
        {"Sec-Fetch-Site": "", "Origin": "null"},
    ],
)
async def test_another_site_lets_no_device_in(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    kim: str,
    headers: dict[str, str],
) -> None:
    """CSRF: the cookie comes along, and is not enough."""
    asked = await begun(program)
    for name in ("Sec-Fetch-Site", "Origin"):
        browser.headers.pop(name, None)
    sent = {name: value for name, value in headers.items() if value}
    form = {"user_code": asked["user_code"], "decision": "allow"}
    answer = await browser.post("/device", data=form, headers=sent)
    assert answer.status_code == 403
    assert fault(await redeem(program, asked["device_code"])) == "authorization_pending"


async def test_looking_at_a_code_lets_nobody_in(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    kim: str,
) -> None:
    asked = await begun(program)
    page = await browser.get(asked["verification_uri_complete"].replace("127.0.0.1", "localhost"))
    assert page.status_code == 200
    assert fault(await redeem(program, asked["device_code"])) == "authorization_pending"
    for word in ("", "yes", "ALLOW"):
        done = await browser.post("/device", data={"user_code": asked["user_code"], "decision": word})
        assert (done.status_code, f'value="{asked["user_code"]}"' in done.text) == (400, True), "it can be said again"


async def test_user_codes_are_not_to_be_guessed(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    kim: str,
    stocked: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit(stocked, monkeypatch, LimitKind.USER_CODES, 20)
    asked = await begun(program)
    statuses = [(await browser.get(f"/device?user_code=BBBB-BBB{letter}")).status_code for letter in "BCDFGHJKLM" * 2]
    assert statuses == [404] * 20
    answer = await browser.post("/device", data={"user_code": asked["user_code"], "decision": "allow"})
    assert answer.status_code == 429
    assert f"Try again in {int(answer.headers['retry-after'])} s." in answer.text
    assert fault(await redeem(program, asked["device_code"])) == "authorization_pending"


async def test_who_is_not_signed_in_signs_in_first(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    stocked: Registry,
) -> None:
    asked = await begun(program)
    for way in (browser.get, browser.post):
        answer = await way(f"/device?user_code={asked['user_code']}")
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=/device")
    form = await browser.get((await browser.get(f"/device?user_code={asked['user_code']}")).headers["location"])
    assert f'value="/device?user_code={asked["user_code"]}"' in form.text.replace("&#x2f;", "/").replace("&#x3d;", "=")
    assert fault(await redeem(program, asked["device_code"])) == "authorization_pending"


async def test_a_key_or_token_lets_no_device_in(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    kim: str,
    keys: dict[str, str],
) -> None:
    tokens, asked = await logged_in(program, browser, "admin"), await begun(program)
    for secret in (tokens["access_token"], keys["admin"]):
        form = {"user_code": asked["user_code"], "decision": "allow"}
        answer = await program.post("/device", data=form, headers=bearer(secret))
        assert answer.status_code == 303, "the page looks at the cookie alone"
    assert fault(await redeem(program, asked["device_code"])) == "authorization_pending"


async def test_who_has_a_password_that_was_given_sets_one_first(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    stocked: Registry,
) -> None:
    name = await made(stocked, Role.AUTHOR)
    identified = await stocked.access.find_user(UserName(name), ADMIN)
    await stocked.signing_in.passwords.set(identified.user, "열쇠 구멍 달빛 1001", must_change=True)
    await sign_in(browser, name)
    asked = await begun(program)
    answer = await browser.post("/device", data={"user_code": asked["user_code"], "decision": "allow"})
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/password")
    assert fault(await redeem(program, asked["device_code"])) == "authorization_pending"


async def test_what_a_program_calls_itself_is_no_markup(
    program: httpx.AsyncClient,
    browser: httpx.AsyncClient,
    kim: str,
) -> None:
    program.headers["User-Agent"] = "<script>alert(1)</script><b>Promptuary</b>"
    asked = await begun(program)
    page = await browser.get(f"/device?user_code={asked['user_code']}")
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    odd = await browser.get("/device?user_code=%3Cscript%3E")
    assert (odd.status_code, "<script>" in odd.text) == (404, False)


async def test_the_page_speaks_korean(program: httpx.AsyncClient, browser: httpx.AsyncClient, kim: str) -> None:
    asked = await begun(program)
    browser.headers["Accept-Language"] = "ko-KR,ko;q=0.9"
    page = await browser.get(f"/device?user_code={asked['user_code']}")
    assert "승인" in page.text
    assert "코드를 입력하세요" in (await browser.get("/device")).text


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "refresh_token", "client_id": CLIENT}, "invalid_request"),
        ({"grant_type": DEVICE_CODE, "client_id": CLIENT}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x", "client_id": "other"}, "invalid_client"),
        ({"grant_type": "refresh_token", "refresh_token": "", "client_id": CLIENT}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x", "client_id": CLIENT}, "invalid_grant"),
        (
            {"grant_type": "refresh_token", "refresh_token": new_secret(REFRESH_PREFIX), "client_id": CLIENT},
            "invalid_grant",
        ),
        ({"grant_type": "refresh_token", "refresh_token": "x", "client_id": CLIENT, "scope": "root"}, "invalid_scope"),
        ({"grant_type": "password", "client_id": CLIENT, "username": "kim", "password": "x"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "client_id": CLIENT}, "unsupported_grant_type"),
    ],
)
async def test_requests_that_get_no_token(program: httpx.AsyncClient, fields: dict[str, str], error: str) -> None:
    assert fault(await program.post("/oauth/token", data=fields)) == error


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"%ff=%ff", b"grant_type=a&grant_type=b", b"&" * 3_000, b"a=b&" * 200, b"x" * 20_000, b"\0"],
)
@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/device", "/oauth/revoke"])
async def test_forms_that_cannot_be_read(program: httpx.AsyncClient, path: str, body: bytes) -> None:
    answer = await program.post(path, content=body, headers={"Content-Type": FORM})
    assert fault(answer) == "invalid_request"
    kind = await program.post(path, json={"client_id": CLIENT})
    assert fault(kind) == "invalid_request"


async def test_plain_http_from_elsewhere_gets_no_tokens(program: httpx.AsyncClient) -> None:
    for path in ("/oauth/token", "/oauth/device", "/oauth/revoke"):
        answer = await program.post(f"http://prompts.example.com{path}", data={"client_id": CLIENT})
        assert answer.status_code == 403
        assert "HTTPS" in answer.json()["detail"]


async def test_programs_find_out_what_there_is(program: httpx.AsyncClient, stocked: Registry) -> None:
    said = (await program.get("/.well-known/oauth-authorization-server")).json()
    assert said["issuer"] == f"http://127.0.0.1:{stocked.settings.port}"
    for name in ("token_endpoint", "device_authorization_endpoint", "revocation_endpoint"):
        assert (await program.post(said[name], content=urlencode({}))).status_code == 400
    assert said["scopes_supported"] == list(Scope)
    keys = (await program.get(said["jwks_uri"])).json()["keys"]
    assert len(keys) == 1
    assert "d" not in keys[0], "no private half"


def limit(registry: Registry, monkeypatch: pytest.MonkeyPatch, kind: LimitKind, quota: int) -> None:
    limits = RateLimiting(limits={kind: RateLimit(kind, quota, 600)}, counted=Buckets(time.monotonic))
    monkeypatch.setattr(registry.signing_in.devices, "_limits", limits)


async def test_devices_of_one_address_are_counted(
    program: httpx.AsyncClient, stocked: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit(stocked, monkeypatch, LimitKind.DEVICES, 30)
    statuses = [(await post(program, "/oauth/device")).status_code for _ in range(31)]
    assert statuses == [200] * 30 + [429]


async def test_without_a_name_that_all_processes_share_there_are_no_tokens(
    program: httpx.AsyncClient, stocked: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stocked.signing_in.tokens._signer, "issuer", None)
    answers = [await post(program, "/oauth/device"), await program.get("/.well-known/oauth-authorization-server")]
    for answer in answers:
        assert answer.status_code == 503
        assert "PROMPTUARY_PUBLIC_URL" in answer.json()["detail"]
