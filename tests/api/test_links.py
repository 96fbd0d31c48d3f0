"""Invitations, forgotten passwords and links over HTTP, and what is tried against them."""

import asyncio
import os
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from registry.bootstrap import Registry
from registry.domain.ids import UserName
from registry.domain.key_secrets import LINK_PREFIX, new_secret
from registry.domain.rate_limits import Buckets, LimitKind, RateLimit
from registry.services.rate_limits import RateLimiting
from registry.settings import Settings
from tests.api.conftest import BASE
from tests.api.test_docs_page import CHROMIUM, FLAGS
from tests.api.test_permissions import ADMIN
from tests.api.test_sign_in import limit
from tests.mailing import MailServer, give_password, link_in, mail_server
from tests.serving import served

PASSWORD = "열쇠 구멍 달빛 1001"
PUBLIC = "https://prompts.example.com"
KIM = {"user": "kim", "name": "김민지", "email": "kim@example.com"}


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    async with mail_server() as server:
        yield server


@pytest.fixture
def settings(settings: Settings, mail: MailServer) -> Settings:
    return Settings(
        **settings.model_dump(exclude={"smtp_url", "mail_from", "public_url"}),
        smtp_url=f"smtp://127.0.0.1:{mail.port}",  # type: ignore[arg-type]
        mail_from="prompts@example.com",
        public_url=PUBLIC,
    )


@pytest.fixture
async def admin(anonymous: httpx.AsyncClient, keys: dict[str, str]) -> httpx.AsyncClient:
    anonymous.headers["Authorization"] = f"Bearer {keys['admin']}"
    return anonymous


async def link_for_kim(admin: httpx.AsyncClient) -> str:
    await admin.put("/api/v1/users/kim", json={"email": "kim@example.com"})
    made = await admin.post("/api/v1/users/kim/password-link", json={})
    assert made.status_code == 201, made.text
    return str(made.json()["link"]).rpartition("#")[2]


async def test_a_link_lets_in_whom_wrong_passwords_keep_out(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, stocked: Registry
) -> None:
    link = await link_for_kim(admin)
    limit(stocked, LimitKind.SIGN_INS_OF_USER)
    attempts = [await browser.post("/api/v1/sign-in", json={"user": "kim", "password": "x"}) for _ in range(11)]
    assert [each.status_code for each in attempts] == [401] * 10 + [429]
    assert (await browser.post("/api/v1/join", json={"link": link, "password": PASSWORD})).status_code == 200
    assert (await browser.get("/api/v1/session")).status_code == 200


async def test_an_invitation_is_mailed_and_accepted(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, mail: MailServer
) -> None:
    answer = await admin.post("/api/v1/invitations", json={**KIM, "role": "reader", "repository": "default"})
    told = answer.json()
    assert (answer.status_code, told["mailed"], told["link"], told["kind"]) == (201, True, None, "invitation")
    ends = datetime.fromisoformat(told["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < ends < timedelta(days=7)
    base, secret = link_in(await mail.next_letter())
    assert base == PUBLIC
    joined = await browser.post("/api/v1/join", json={"link": f"{base}/join#{secret}", "password": PASSWORD})
    assert (joined.status_code, joined.json()["user"], joined.headers["cache-control"]) == (200, "kim", "no-store")
    assert joined.json()["rights"] == [{"role": "reader", "place": {"repository": "default", "folder": None}}]
    assert (await browser.get(f"{BASE}/templates")).status_code == 200
    again = await admin.post("/api/v1/invitations", json=KIM)
    assert again.status_code == 409


async def test_an_invitation_that_is_not_mailed_is_in_the_answer(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient
) -> None:
    told = (await admin.post("/api/v1/invitations", json={**KIM, "mail": False})).json()
    assert (told["mailed"], told["link"].startswith(f"{PUBLIC}/join#pml_")) == (False, True)
    assert told["not_mailed_because"] is None
    joined = await browser.post("/api/v1/join", json={"link": told["link"], "password": PASSWORD})
    assert joined.status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"user": "a b"},
        {"email": "no address"},
        {"email": "kim@example.com\r\nBcc: evil@example.com"},
        {"name": "Kim\nBcc: evil@example.com"},
        {"name": "Kim <evil@example.com>"},
        {"folder": "support"},
        {"repository": "../x", "role": "reader"},
    ],
)
async def test_what_no_invitation_can_be_made_of(
    admin: httpx.AsyncClient, mail: MailServer, wrong: dict[str, str]
) -> None:
    refused = await admin.post("/api/v1/invitations", json=KIM | wrong)
    assert (refused.status_code, mail.letters) == (400, [])
    assert (await admin.get("/api/v1/users/kim")).status_code in {404, 400}


async def test_the_host_header_has_no_say_in_links(
    app: Any, admin: httpx.AsyncClient, mail: MailServer, keys: dict[str, str], stocked: Registry
) -> None:
    """Else who asks for somebody's new password under a name of his own would be sent the secret."""
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    await admin.put("/api/v1/users/kim", json={"email": "kim@example.com"})
    await give_password(stocked, "kim")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://evil.example") as far:
        assert (await far.post("/api/v1/password-resets", json={"user": "kim"}, headers=evil)).status_code == 202
        assert link_in(await mail.next_letter())[0] == PUBLIC
        headers = evil | {"Authorization": f"Bearer {keys['admin']}"}
        told = (await far.post("/api/v1/users/kim/password-link", json={}, headers=headers)).json()
    assert told["link"].startswith(f"{PUBLIC}/join#")


async def test_whether_there_is_a_user_no_answer_and_no_time_says(
    browser: httpx.AsyncClient, admin: httpx.AsyncClient, stocked: Registry
) -> None:
    """With a server of mail that never answers, which nobody has to wait for."""

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    stocked.signing_in.linking.postbox._mailer._port = server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    await admin.put("/api/v1/users/kim", json={"email": "kim@example.com"})
    await give_password(stocked, "kim")

    async def ask(user: str) -> tuple[float, int, str, str]:
        began = time.perf_counter()
        answer = await browser.post("/api/v1/password-resets", json={"user": user})
        page = await browser.post("/reset", data={"user": user})
        shown = re.sub(r"\s+", " ", page.text)
        return time.perf_counter() - began, answer.status_code + page.status_code, answer.text, shown

    times: dict[str, list[float]] = {"kim": [], "nobody": []}
    said = set()
    for _ in range(10):
        for user, taken in times.items():
            seconds, *rest = await ask(user)
            taken.append(seconds)
            said.add(tuple(rest))
            await asyncio.sleep(0.02)
    assert len(said) == 1
    best = {user: min(taken) for user, taken in times.items()}
    assert max(best.values()) < 0.5
    assert 0.4 < best["kim"] / best["nobody"] < 2.5
    await stocked.signing_in.linking.postbox.close()
    server.close()
    await server.wait_closed()


async def test_an_address_asks_a_few_times_only(browser: httpx.AsyncClient, stocked: Registry) -> None:
    limits = {kind: RateLimit(kind, 2, 60) for kind in (LimitKind.RESETS, LimitKind.LINKS)}
    limiting = RateLimiting(limits=limits, counted=Buckets(time.monotonic))
    stocked.signing_in.linking.resets._limits = stocked.signing_in.linking.links._limits = limiting
    for path, body, expected in (
        ("/api/v1/password-resets", {"user": "nobody"}, 202),
        ("/api/v1/join", {"link": new_secret(LINK_PREFIX), "password": PASSWORD}, 401),
    ):
        assert [(await browser.post(path, json=body)).status_code for _ in range(3)] == [expected, expected, 429]
    for path in ("/join", "/reset"):
        refused = await browser.post(path, data={"link": "x", "password": "x", "again": "x", "user": "x"})
        assert (refused.status_code, "retry-after" in refused.headers) == (429, True)


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
async def test_another_site_neither_sets_a_password_nor_asks_for_one(
    app: Any, admin: httpx.AsyncClient, mail: MailServer, headers: dict[str, str]
) -> None:
    """Login CSRF: somebody who opens a page would be signed in as whom its maker has a link for."""
    link = await link_for_kim(admin)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost") as other:
        form = {"link": link, "password": PASSWORD, "again": PASSWORD, "user": "kim"}
        answers = [
            *[await other.post(path, data=form, headers=headers) for path in ("/join", "/reset")],
            await other.post("/api/v1/join", json={"link": link, "password": PASSWORD}, headers=headers),
            await other.post("/api/v1/password-resets", json={"user": "kim"}, headers=headers),
        ]
        assert [(each.status_code, "set-cookie" in each.headers) for each in answers] == [(403, False)] * 4
        assert (await other.post("/api/v1/join", json={"link": link, "password": PASSWORD})).status_code == 200
    assert mail.letters == []


async def test_the_pages(
    browser: httpx.AsyncClient, admin: httpx.AsyncClient, mail: MailServer, stocked: Registry
) -> None:
    await admin.put("/api/v1/users/kim", json={"email": "kim@example.com"})
    await give_password(stocked, "kim")
    assert 'href="/reset"' in (await browser.get("/sign-in")).text
    assert "비밀번호를 잊으셨나요?" in (await browser.get("/reset", headers={"Accept-Language": "ko"})).text
    asked = await browser.post("/reset", data={"user": "kim"})
    assert (asked.status_code, "a link is on its way" in asked.text) == (200, True)
    base, secret = link_in(await mail.next_letter())
    form = await browser.get("/join")
    assert (form.status_code, '<script src="/docs/assets/join.js">' in form.text) == (200, True)
    assert "script-src 'self'" in form.headers["content-security-policy"]
    assert (await browser.get("/docs/assets/join.js")).status_code == 200
    sent = {"link": f"{base}/join#{secret}", "password": PASSWORD, "again": "another"}
    differ = await browser.post("/join", data=sent)
    assert (differ.status_code, "not the same" in differ.text, secret in differ.text) == (400, True, True)
    weak = await browser.post("/join", data=sent | {"password": "password1234", "again": "password1234"})
    assert (weak.status_code, "will not do" in weak.text) == (400, True)
    done = await browser.post("/join", data=sent | {"again": PASSWORD})
    assert (done.status_code, done.headers["location"], secret in done.headers["location"]) == (303, "/sign-in", False)
    assert (await browser.get("/api/v1/session")).json()["user"] == "kim"
    used = await browser.post("/join", data=sent | {"again": PASSWORD})
    assert (used.status_code, "does not hold" in used.text) == (401, True)
    odd = await browser.post("/join", data={"link": '"><script>alert(1)</script>', "password": "x", "again": "x"})
    assert (odd.status_code, "<script>alert" in odd.text) == (401, False)


async def test_a_new_password_ends_the_sessions_of_who_knew_the_old_one(
    browser: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    first, thief = await link_for_kim(admin), browser
    await thief.post("/api/v1/join", json={"link": first, "password": PASSWORD})
    assert (await thief.get("/api/v1/session")).status_code == 200
    stolen = dict(thief.cookies)
    link = await link_for_kim(admin)
    thief.cookies.clear()
    assert (await browser.post("/api/v1/join", json={"link": link, "password": f"{PASSWORD} 새"})).status_code == 200
    thief.cookies.clear()
    thief.cookies.update(stolen)
    assert (await thief.get("/api/v1/session")).status_code == 401


async def test_a_link_is_no_key_and_no_session(anonymous: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    link = await link_for_kim(admin)
    del anonymous.headers["Authorization"]
    for headers in ({"Authorization": f"Bearer {link}"}, {"Cookie": f"__Host-promptuary={link}"}):
        assert (await anonymous.get("/api/v1/key", headers=headers)).status_code == 401


async def test_over_plain_http_from_elsewhere_no_link_is_used(app: Any, admin: httpx.AsyncClient) -> None:
    link = await link_for_kim(admin)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://prompts.example.com") as far:
        refused = await far.post("/api/v1/join", json={"link": link, "password": PASSWORD})
        assert (refused.status_code, "needs HTTPS" in refused.text) == (403, True)
        assert "needs HTTPS" in (await far.get("/join")).text
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=PUBLIC) as near:
        assert (await near.post("/api/v1/join", json={"link": link, "password": PASSWORD})).status_code == 200


async def test_without_mail_the_answers_say_so(browser: httpx.AsyncClient, stocked: Registry) -> None:
    object.__setattr__(stocked.signing_in.linking, "sends_mail", False)
    assert (await browser.post("/api/v1/password-resets", json={"user": "kim"})).json() == {"sends_mail": False}
    shown = (await browser.get("/reset")).text
    assert ("<form" in shown, "ask an administrator" in shown) == (False, True)


async def test_where_passwords_are_switched_off(
    browser: httpx.AsyncClient, admin: httpx.AsyncClient, stocked: Registry
) -> None:
    link = await link_for_kim(admin)
    stocked.signing_in.passwords.is_allowed = False
    assert (await browser.post("/api/v1/join", json={"link": link, "password": PASSWORD})).status_code == 403
    assert (await admin.post("/api/v1/users/kim/password-link", json={})).status_code == 403


async def test_what_is_stored_and_logged_has_no_secret(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, stocked: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    link = await link_for_kim(admin)
    with closing(sqlite3.connect(stocked.settings.catalogue)) as connection:
        dumped = str([list(connection.execute(f"SELECT * FROM {each}")) for each in ("links", "audit_entries")])
    await browser.post("/api/v1/join", json={"link": link, "password": PASSWORD})
    entries = (await admin.get("/api/v1/audit?limit=100")).text
    assert "link.created" in dumped
    assert (link in dumped, link in entries, PASSWORD in entries) == (False, False, False)
    assert '"by_link":"reset"' in entries
    own = [each.getMessage() for each in caplog.records if each.name.startswith(("api", "registry"))]
    assert link not in "".join(own)


async def test_who_is_removed_has_no_link(
    admin: httpx.AsyncClient, browser: httpx.AsyncClient, stocked: Registry
) -> None:
    link = await link_for_kim(admin)
    await stocked.access.remove_user(UserName("kim"), actor=ADMIN)
    assert (await browser.post("/api/v1/join", json={"link": link, "password": PASSWORD})).status_code == 401


@pytest.mark.e2e
@pytest.mark.skipif(CHROMIUM is None and "CI" not in os.environ, reason="there is no Chromium here")  # noqa: TID251
async def test_a_browser_keeps_the_secret_to_itself_until_the_form_is_sent(app: Any, tmp_path: Path) -> None:
    asked: list[str] = []

    async def listening(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append(str((scope["raw_path"], scope["query_string"], scope["headers"])))
        await app(scope, receive, send)

    secret = new_secret(LINK_PREFIX)
    async with served(listening) as port:
        browser = await asyncio.create_subprocess_exec(
            str(CHROMIUM), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom",
            f"http://127.0.0.1:{port}/join#{secret}",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(browser.communicate(), 90)
    (field,) = re.findall(r'<input[^>]*name="link"[^>]*>', out.decode())
    assert ('type="hidden"' in field, f'value="{secret}"' in field) == (True, True)
    told = [line for line in err.decode(errors="replace").splitlines() if "CONSOLE" in line]
    assert [line for line in told if "should have (optionally hidden) username fields" not in line] == []
    assert [each for each in asked if "join.js" in each] != []
    assert [each for each in asked if secret in each] == []
