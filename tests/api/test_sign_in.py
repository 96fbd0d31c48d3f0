"""Signing in with a password over HTTP: pages and JSON, sessions, and what is tried against them."""

import itertools
import re
import sqlite3
import time
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.announcing import banner
from api.cookies import pending_in, secret_in
from api.pages import local_path
from registry.bootstrap import Registry
from registry.domain.audit import AuditAction, AuditFilter
from registry.domain.errors import Unauthenticated
from registry.domain.ids import UserName
from registry.domain.rate_limits import Buckets, LimitKind, RateLimit
from registry.domain.rights import SERVER, Place
from registry.domain.roles import Role, Scope
from registry.services import identification, sessions
from registry.services.rate_limits import RateLimiting
from tests.api.conftest import BASE
from tests.api.test_permissions import ADMIN
from tests.stock import DEFAULT

PASSWORD, ANOTHER = "열쇠 구멍 달빛 1001", "borrow-lantern-seven"
NAMES = (f"user{number}" for number in itertools.count(1))
TEMPLATES = f"{BASE}/templates"


@pytest.fixture
async def kim(stocked: Registry) -> str:
    """A user who is author on the server."""
    return await made(stocked, Role.AUTHOR)


async def made(registry: Registry, role: Role | None = None, password: str = PASSWORD, **more: Any) -> str:
    name = next(NAMES)
    user = await registry.access.put_user(UserName(name), actor=ADMIN, **more)
    if role is not None:
        await registry.access.grant(role, SERVER, actor=ADMIN, user=user.user)
    await registry.signing_in.passwords.set(user, password)
    return name


async def sign_in(browser: httpx.AsyncClient, user: str, password: str = PASSWORD) -> httpx.Response:
    return await browser.post("/api/v1/sign-in", json={"user": user, "password": password})


async def test_who_is_not_there_takes_as_long_as_a_wrong_password(stocked: Registry) -> None:
    """All of a sign-in, for who is there, who has no password, and who is not there: each costs one hash."""
    passwords = stocked.signing_in.passwords
    kim, lee = await made(stocked), next(NAMES)
    await stocked.access.put_user(UserName(lee), actor=ADMIN)

    async def seconds(name: str) -> float:
        began = time.perf_counter()
        with pytest.raises(Unauthenticated, match="no such user"):
            await passwords.sign_in(name, "another one", "curl")
        return time.perf_counter() - began

    for name in (kim, lee, "nobody"):  # what nobody's hash is made of is made at the first
        await seconds(name)
    times = {name: min([await seconds(name) for _ in range(3)]) for name in (kim, lee, "nobody")}
    for name in (lee, "nobody"):
        assert 0.4 < times[name] / times[kim] < 2.5, times


async def test_a_session_reads_and_writes_until_its_user_signs_out(browser: httpx.AsyncClient, kim: str) -> None:
    assert (await browser.get(TEMPLATES)).status_code == 401
    answer = await sign_in(browser, kim)
    assert (answer.status_code, answer.json()["user"]) == (200, kim)
    assert answer.json()["rights"] == [{"role": "author", "place": {"repository": None, "folder": None}}]
    assert (await browser.get(TEMPLATES)).status_code == 200
    assert (await browser.get("/api/v1/session")).json() == answer.json()
    (session,) = (await browser.get("/api/v1/sessions")).json()["sessions"]
    assert (session["way"], session["is_this"], session["user"]) == ("password", True, kim)
    gone = await browser.delete("/api/v1/session")
    assert (gone.status_code, dict(browser.cookies)) == (204, {})
    assert (await browser.get(TEMPLATES)).status_code == 401


async def test_the_cookie_is_for_this_host_and_no_script(browser: httpx.AsyncClient, kim: str) -> None:
    answer = await sign_in(browser, kim)
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert (name, rest.partition("; ")[2]) == (
        "__Host-promptuary",
        "Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=2592000",
    )
    assert answer.headers["cache-control"] == "no-store"
    assert rest.partition(";")[0] not in answer.text


async def test_the_secret_of_a_session_is_stored_nowhere(
    browser: httpx.AsyncClient, kim: str, stocked: Registry
) -> None:
    await sign_in(browser, kim)
    (secret,) = browser.cookies.values()
    with sqlite3.connect(stocked.settings.catalogue) as connection:
        dumped = str(
            [list(connection.execute(f"SELECT * FROM {table}")) for table in ("sessions", "passwords", "audit_entries")]
        )
    assert kim in dumped
    assert secret not in dumped
    assert PASSWORD not in dumped


@pytest.mark.parametrize("name", ["kim", "nobody", "", "a" * 200, "' OR 1=1 --", "kim\x00", "*)(uid=*"])
async def test_wrong_names_and_wrong_passwords_are_answered_alike(
    browser: httpx.AsyncClient, stocked: Registry, name: str
) -> None:
    user = await made(stocked) if name == "kim" else name
    answer = await browser.post("/api/v1/sign-in", json={"user": user or " ", "password": "wrong"})
    assert (answer.status_code, answer.json()["detail"]) == (
        401,
        "There is no such user, or the password is another one.",
    )
    assert "set-cookie" not in answer.headers


async def test_who_may_not_sign_in(browser: httpx.AsyncClient, stocked: Registry) -> None:
    robot, gone = await made(stocked, is_service=True), await made(stocked)
    await stocked.access.put_user(UserName(gone), actor=ADMIN, disabled=True)
    for user in (robot, gone):
        assert (await sign_in(browser, user)).status_code == 401
        assert (await sign_in(browser, user, "wrong")).json()["detail"].startswith("There is no such user")


async def test_attempts_are_counted_by_name_and_address(browser: httpx.AsyncClient, stocked: Registry) -> None:
    limit(stocked, LimitKind.SIGN_INS, LimitKind.SIGN_INS_OF_USER)
    user = await made(stocked)
    for _ in range(10):
        assert (await sign_in(browser, user, "wrong")).status_code == 401
    refused = await sign_in(browser, user)
    assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
    by_form = await browser.post("/sign-in", data={"user": user, "password": PASSWORD})
    assert by_form.status_code == 429
    for each in (refused, by_form):
        assert each.headers["ratelimit-policy"] == '"sign_ins";q=10;w=300', "the limit that refused"
        assert each.headers["ratelimit"].startswith('"sign_ins";r=0;t=')
    page = await browser.post("/sign-in", data={"user": user, "password": "x"}, headers={"Accept-Language": "ko"})
    assert (page.status_code, f"{page.headers['retry-after']}초 뒤에 다시 시도하세요" in page.text) == (429, True)
    assert (await sign_in(browser, "nobody-else", "wrong")).status_code == 401, "others may still try"
    for _ in range(9):
        await sign_in(browser, "nobody-else", "wrong")
    assert (await sign_in(browser, "nobody-else")).status_code == 429, "whether there is such a user does not matter"


async def test_attempts_are_counted_however_a_name_is_written(browser: httpx.AsyncClient, stocked: Registry) -> None:
    user = await made(stocked, email="Kim@example.com")
    limit(stocked, LimitKind.SIGN_INS)
    for number in range(10):
        spelt = "".join(c.upper() if number >> i & 1 else c for i, c in enumerate("kim@example.com"))
        assert (await sign_in(browser, spelt, "wrong")).status_code == 401
    assert (await sign_in(browser, "KIM@EXAMPLE.COM", "wrong")).status_code == 429
    assert user


async def test_attempts_are_counted_by_address_whatever_the_names(
    browser: httpx.AsyncClient, stocked: Registry
) -> None:
    limit(stocked, LimitKind.SIGN_INS_OF_ADDRESS)
    for number in range(10):
        assert (await sign_in(browser, f"nobody-{number}", "wrong")).status_code == 401
    assert (await sign_in(browser, "nobody-else", "wrong")).status_code == 429


def limit(registry: Registry, *kinds: LimitKind) -> None:
    """Ten in five minutes."""
    limits = {kind: RateLimit(kind, 10, 300) for kind in kinds}
    registry.signing_in.passwords._limits = RateLimiting(limits=limits, counted=Buckets(time.monotonic))


async def test_a_user_who_becomes_a_program_is_out(browser: httpx.AsyncClient, stocked: Registry, kim: str) -> None:
    await sign_in(browser, kim)
    await stocked.access.put_user(UserName(kim), actor=ADMIN, is_service=True)
    assert (await browser.get("/api/v1/session")).status_code == 401


async def test_the_right_password_of_who_may_not_sign_in_is_audited(
    browser: httpx.AsyncClient, stocked: Registry
) -> None:
    gone = await made(stocked)
    await stocked.access.put_user(UserName(gone), actor=ADMIN, disabled=True)
    await sign_in(browser, gone)
    (entry,) = await stocked.audit._log.newest(AuditFilter(action=AuditAction.SIGN_IN_FAILED), limit=5)
    assert entry.draft.new == {"user": gone, "way": "password"}


async def test_a_session_that_was_there_before_is_not_taken_over(browser: httpx.AsyncClient, kim: str) -> None:
    """Session fixation: whatever a browser brings, signing in gives it another secret."""
    await sign_in(browser, kim)
    (first,) = browser.cookies.values()
    await sign_in(browser, kim)
    (second,) = browser.cookies.values()
    assert first != second
    planted = "pms_" + "A" * 43 + "00000000"
    browser.cookies.clear()
    browser.cookies.set("__Host-promptuary", planted)
    assert (await browser.get(TEMPLATES)).status_code == 401


@pytest.mark.parametrize(
    "said",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:81"},
        {"Origin": "https://localhost"},
        {"Origin": "null"},
        {},
    ],
)
async def test_another_site_changes_nothing_in_somebodys_name(
    app: Any, browser: httpx.AsyncClient, kim: str, said: dict[str, str]
) -> None:
    await sign_in(browser, kim)
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost") as other:
        sent = cookie | said
        reading = await other.get(TEMPLATES, headers=sent)
        written = await other.post(f"{BASE}/branches", headers=sent, json={"name": "evil", "start": "main"})
        out = await other.post("/sign-out", headers=sent)
        ended = await other.delete("/api/v1/session", headers=sent)
    assert [each.status_code for each in (written, out, ended)] == [403, 403, 403]
    assert "another site" in written.json()["detail"]
    assert reading.status_code == 200, "what is only read, a browser does not show to the other site"
    assert (await browser.get("/api/v1/session")).status_code == 200


async def test_another_site_signs_nobody_in(app: Any, kim: str) -> None:
    """Login CSRF: a victim who is signed in as somebody else would leave his work with him."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost") as other:
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            form = {"user": kim, "password": PASSWORD}
            answers = [
                await other.post("/sign-in", data=form, headers=headers),
                await other.post("/api/v1/sign-in", json=form, headers=headers),
            ]
            assert [(each.status_code, "set-cookie" in each.headers) for each in answers] == [(403, False)] * 2


async def test_the_secret_of_a_session_is_no_key(browser: httpx.AsyncClient, kim: str) -> None:
    """Else a page that gets hold of one could go round what cookies are held to."""
    await sign_in(browser, kim)
    (secret,) = browser.cookies.values()
    template = (await browser.get(TEMPLATES)).json()["templates"][0]["name"]
    hot = f"{TEMPLATES}/{template}"
    assert (await browser.get(hot)).status_code == 200, "the session is known to the hot path from here on"
    browser.cookies.clear()
    for path in (hot, TEMPLATES, "/api/v1/session"):
        assert (await browser.get(path, headers={"Authorization": f"Bearer {secret}"})).status_code == 401
    git = await browser.get("/git/default.git/info/refs?service=git-upload-pack", auth=("kim", secret))
    assert git.status_code == 401


async def test_a_key_in_the_cookie_is_no_session(browser: httpx.AsyncClient, keys: dict[str, str]) -> None:
    browser.cookies.set("__Host-promptuary", keys["admin"])
    assert (await browser.get(TEMPLATES)).status_code == 401


async def test_a_password_that_was_given_opens_nothing_but_its_change(
    browser: httpx.AsyncClient, stocked: Registry
) -> None:
    await stocked.accounts.ensure_administrator()
    await stocked.signing_in.first_password.ensure()
    path = stocked.signing_in.first_password.path
    assert path.stat().st_mode & 0o777 == 0o600
    first = path.read_text().strip()
    answer = await sign_in(browser, "admin", first)
    assert (answer.json()["must_change_password"], answer.json()["rights"]) == (True, [])
    for method, address in (("GET", TEMPLATES), ("POST", "/api/v1/api-keys"), ("GET", "/api/v1/users")):
        refused = await browser.request(method, address, **({"json": {"scope": "admin"}} if method == "POST" else {}))
        assert (refused.status_code, "PUT /api/v1/password" in refused.json()["detail"]) == (403, True)
    same = await browser.put("/api/v1/password", json={"present": first, "new": first})
    assert same.status_code == 400
    changed = await browser.put("/api/v1/password", json={"present": first, "new": ANOTHER})
    assert (changed.status_code, changed.json()["must_change_password"]) == (200, False)
    assert (await browser.get("/api/v1/users")).status_code == 200
    assert (await sign_in(browser, "admin", first)).status_code == 401
    await stocked.signing_in.first_password.ensure()
    assert not path.exists(), "it is of no use any more"


@pytest.mark.parametrize("new", ["short", "password1234", "Password2026!", "qwertyuiop12", "aaaaaaaaaaaa", "x" * 257])
async def test_passwords_that_will_not_do(browser: httpx.AsyncClient, kim: str, new: str) -> None:
    await sign_in(browser, kim)
    answer = await browser.put("/api/v1/password", json={"present": PASSWORD, "new": new})
    assert (answer.status_code, answer.json()["title"]) == (400, "The new password will not do")
    assert new not in answer.text
    assert (await browser.get("/api/v1/session")).status_code == 200


async def test_a_password_is_the_same_however_a_keyboard_makes_its_letters(
    browser: httpx.AsyncClient, stocked: Registry
) -> None:
    user = await made(stocked, password="달빛 열쇠 구멍 1001")
    decomposed = "달빛 열쇠 구멍 1001"
    assert (await sign_in(browser, user, decomposed)).status_code == 200


async def test_a_new_password_ends_every_session(app: Any, browser: httpx.AsyncClient, kim: str) -> None:
    await sign_in(browser, kim)
    other = dict(browser.cookies)
    browser.cookies.clear()
    await sign_in(browser, kim)
    wrong = await browser.put("/api/v1/password", json={"present": "wrong", "new": ANOTHER})
    assert wrong.status_code == 401
    assert (await browser.put("/api/v1/password", json={"present": PASSWORD, "new": ANOTHER})).status_code == 200
    assert (await browser.get("/api/v1/session")).status_code == 200
    assert len((await browser.get("/api/v1/sessions")).json()["sessions"]) == 1
    browser.cookies.clear()
    browser.cookies.update(other)
    assert (await browser.get("/api/v1/session")).status_code == 401


async def test_sessions_of_others_are_not_there(browser: httpx.AsyncClient, stocked: Registry, kim: str) -> None:
    await sign_in(browser, kim)
    lee = await made(stocked, Role.MAINTAINER)
    theirs, _ = await stocked.signing_in.sessions.begin(
        (await stocked.access.find_user(UserName(lee), ADMIN)).user, "password", "x"
    )
    assert (await browser.delete(f"/api/v1/sessions/{theirs.id}")).status_code == 404
    assert (await browser.delete(f"/api/v1/sessions/{theirs.id}?user={lee}")).status_code == 403
    assert (await browser.get(f"/api/v1/sessions?user={lee}")).status_code == 403


async def test_an_administrator_ends_somebodys_session(
    browser: httpx.AsyncClient, anonymous: httpx.AsyncClient, keys: dict[str, str], kim: str
) -> None:
    await sign_in(browser, kim)
    headers = {"Authorization": f"Bearer {keys['admin']}"}
    (session,) = (await anonymous.get(f"/api/v1/sessions?user={kim}", headers=headers)).json()["sessions"]
    gone = await anonymous.delete(f"/api/v1/sessions/{session['id']}?user={kim}", headers=headers)
    assert gone.status_code == 204
    assert (await browser.get("/api/v1/session")).status_code == 401


async def test_who_is_disabled_is_out_at_once(browser: httpx.AsyncClient, stocked: Registry, kim: str) -> None:
    await sign_in(browser, kim)
    await stocked.access.put_user(UserName(kim), actor=ADMIN, disabled=True)
    assert (await browser.get("/api/v1/session")).status_code == 401
    await stocked.access.put_user(UserName(kim), actor=ADMIN, disabled=False)
    assert (await browser.get("/api/v1/session")).status_code == 401, "what was open then does not come back"


async def test_a_session_ends_by_itself(
    browser: httpx.AsyncClient, stocked: Registry, kim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identification, "CACHE_SECONDS", -1.0)
    await sign_in(browser, kim)
    for column, seconds in (("seen_at", 25 * 3600), ("expires_at", 31 * 86_400)):
        await sign_in(browser, kim)
        assert (await browser.get("/api/v1/session")).status_code == 200
        with sqlite3.connect(stocked.settings.catalogue) as connection:
            connection.execute(
                f'UPDATE sessions SET {column} = {column} - {seconds * 1_000_000} WHERE "user" = ?', [kim]
            )
        assert (await browser.get("/api/v1/session")).status_code == 401
        assert (await browser.get("/api/v1/sign-in")).status_code == 200


async def test_when_a_session_was_used_is_known_to_a_minute(
    browser: httpx.AsyncClient, stocked: Registry, kim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identification, "CACHE_SECONDS", -1.0)
    await sign_in(browser, kim)
    with sqlite3.connect(stocked.settings.catalogue) as connection:
        connection.execute("UPDATE sessions SET seen_at = seen_at - 7200000000")
    before = (await browser.get("/api/v1/sessions")).json()["sessions"][0]
    after = (await browser.get("/api/v1/sessions")).json()["sessions"][0]
    assert before["made_at"] <= after["seen_at"]
    assert sessions.SEEN_EVERY.total_seconds() == 60


async def test_everything_of_it_is_audited(
    browser: httpx.AsyncClient, anonymous: httpx.AsyncClient, keys: dict[str, str], kim: str
) -> None:
    await sign_in(browser, kim, "wrong")
    await sign_in(browser, f"{PASSWORD}", "wrong")
    await sign_in(browser, kim)
    await browser.put("/api/v1/password", json={"present": PASSWORD, "new": ANOTHER})
    await browser.delete("/api/v1/session")
    headers = {"Authorization": f"Bearer {keys['admin']}"}
    entries = (await anonymous.get("/api/v1/audit?limit=50", headers=headers)).json()["entries"]
    mine = [each for each in entries if each["actor"] == kim or each["action"] == "sign_in.failed"]
    told = [(each["action"], each["new"]) for each in reversed(mine) if each["action"] != "access.denied"]
    assert [action for action, _ in told][-6:] == [
        "sign_in.failed", "sign_in.failed", "sign_in.succeeded", "password.changed", "sign_in.succeeded", "sign_out",
    ]  # fmt: skip
    assert [new for _, new in told][-6:-4] == [
        {"user": kim, "way": "password"},
        {"user": None, "way": "password"},
    ], "what was typed in as a name may be a password"
    assert PASSWORD not in str(entries)


async def test_over_plain_http_from_elsewhere_it_says_why_it_cannot_work(app: Any, kim: str) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://prompts.example.com") as far:
        answer = await far.post("/api/v1/sign-in", json={"user": kim, "password": PASSWORD})
        assert (answer.status_code, "PROMPTUARY_TLS_CERTIFICATE" in answer.json()["detail"]) == (403, True)
        shown = await far.get("/sign-in")
        assert (shown.status_code, "needs HTTPS" in shown.text) == (403, True)
        sent = await far.post("/sign-in", data={"user": kim, "password": PASSWORD})
        assert (sent.status_code, "needs HTTPS" in sent.text, "set-cookie" in sent.headers) == (403, True, False)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://prompts.example.com") as far:
        assert (await far.post("/api/v1/sign-in", json={"user": kim, "password": PASSWORD})).status_code == 200


async def test_where_passwords_are_switched_off(browser: httpx.AsyncClient, stocked: Registry, kim: str) -> None:
    stocked.signing_in.passwords.is_allowed = False
    assert (await browser.get("/api/v1/sign-in")).json()["password"] is False
    assert (await sign_in(browser, kim)).status_code == 403
    assert "<form" not in (await browser.get("/sign-in")).text


async def test_faults_are_told_in_the_reader_s_language(browser: httpx.AsyncClient, kim: str) -> None:
    await sign_in(browser, kim)
    browser.headers["Accept-Language"] = "ko"
    for new, told in (("짧다", "10자 이상"), ("password1234", "쉽게 추측"), (PASSWORD, "현재 비밀번호와 같습니다")):
        page = await browser.post("/password", data={"password": PASSWORD, "new": new, "again": new})
        assert (page.status_code, told in page.text) == (400, True), new
    unknown = await browser.get("/device?user_code=BCDF-GHJK")
    assert (unknown.status_code, "기다리는 프로그램이 없습니다" in unknown.text) == (404, True)


async def test_the_pages(browser: httpx.AsyncClient, stocked: Registry) -> None:
    user = await stocked.access.put_user(UserName(next(NAMES)), actor=ADMIN, name='김 & 이"')
    await stocked.signing_in.passwords.set(user, "given-to-you", must_change=True)
    assert '<html lang="ko">' in (await browser.get("/sign-in", headers={"Accept-Language": "ko-KR,en;q=0.5"})).text
    assert "Sign in" in (await browser.get("/sign-in", headers={"Accept-Language": "fr, en;q=0.5, ko;q=x"})).text
    wrong = await browser.post("/sign-in", data={"user": '"><script>', "password": "x", "next": "/docs"})
    assert (wrong.status_code, "<script>" in wrong.text, 'value="&quot;&gt;' in wrong.text) == (401, False, True)
    given = await browser.post("/sign-in", data={"user": user.user, "password": "given-to-you", "next": "/docs"})
    assert (given.status_code, given.headers["location"]) == (303, "/password?next=/docs")
    form = await browser.get(given.headers["location"])
    assert "given to you" in form.text
    differ = {"password": "given-to-you", "new": ANOTHER, "again": PASSWORD, "next": "/docs"}
    assert "not the same" in (await browser.post("/password", data=differ)).text
    done = await browser.post("/password", data=differ | {"again": ANOTHER})
    assert (done.status_code, done.headers["location"]) == (303, "/docs")
    again = await browser.post("/sign-in", data={"user": user.user, "password": ANOTHER})
    assert (again.status_code, again.headers["location"]) == (303, "/sign-in")
    inside = await browser.get("/sign-in")
    assert "김 &amp; 이&quot;" in inside.text
    out = await browser.post("/sign-out")
    assert (out.status_code, out.headers["location"], dict(browser.cookies)) == (303, "/sign-in", {})
    assert (await browser.get("/password")).headers["location"] == "/sign-in?next=/password"


async def test_where_to_go_on_stays_one_parameter(browser: httpx.AsyncClient, stocked: Registry) -> None:
    user = await stocked.access.put_user(UserName(next(NAMES)), actor=ADMIN)
    await stocked.signing_in.passwords.set(user, "given-to-you", must_change=True)
    onward = "/device?user_code=ABCD-EFGH&next=/evil#x"
    given = await browser.post("/sign-in", data={"user": user.user, "password": "given-to-you", "next": onward})
    assert dict(httpx.URL(given.headers["location"]).params) == {"next": onward}
    changed = {"password": "given-to-you", "new": ANOTHER, "again": ANOTHER, "next": onward}
    assert (await browser.post("/password", data=changed)).headers["location"] == onward


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/sign-in", "user"),
        ("/sign-in", "password"),
        ("/password", "password"),
        ("/password", "new"),
        ("/join", "link"),
        ("/join", "password"),
        ("/reset", "user"),
        ("/device", "user_code"),
    ],
)
async def test_a_field_that_is_too_long_is_answered_with_the_page(
    browser: httpx.AsyncClient, kim: str, path: str, field: str
) -> None:
    if path in {"/password", "/device"}:
        await sign_in(browser, kim)
    answer = await browser.post(path, data={field: "x" * 1_025})
    assert (answer.status_code, "<html" in answer.text, "too long" in answer.text) == (400, True, True)
    assert "x" * 1_025 not in answer.text


async def test_a_server_that_starts_says_where_to_sign_in(stocked: Registry) -> None:
    await stocked.accounts.ensure_administrator()
    await stocked.signing_in.first_password.ensure()
    path = stocked.signing_in.first_password.path
    told = [banner(stocked, "http://127.0.0.1:8000")]
    path.unlink()
    told.append(banner(stocked, "http://127.0.0.1:8000"))
    lines = [next(line for line in each.splitlines() if "/sign-in" in line) for each in told]
    assert (str(path) in lines[0], lines[1]) == (True, "  Web    http://127.0.0.1:8000/sign-in")


@pytest.mark.parametrize(
    "text",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "\\\\evil",
        "/\t/evil",
        "/a\r\nX: y",
        "javascript:x",
        "",
        "evil",
        "/" + "x" * 1_024,
    ],
)
def test_nobody_is_sent_to_another_server(text: str) -> None:
    assert local_path(text) == "/sign-in"


@pytest.mark.parametrize("text", ["/", "/docs", "/device?code=ABCD-EFGH", "/a/%EA%B0%80"])
def test_addresses_of_this_server(text: str) -> None:
    assert local_path(text) == text


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "x",
        "__Host-promptuary",
        "__Host-promptuary=",
        "a=b; __Host-promptuary=pms_x",
        "\xff=\xfe",
        '__Host-promptuary="pms_',
    ],
)
async def test_cookies_that_are_none(anonymous: httpx.AsyncClient, cookie: str) -> None:
    answer = await anonymous.get("/api/v1/session", headers={"Cookie": cookie.encode("latin-1")})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "other",
    [
        'prefs={"a":"b, c"}',
        "a[1]=x",
        "\xe9=1",
        "novalue",
        "=",
        "",
        'a="b',
        "a=b=c",
        "a(b)=1",
        "$Version=1",
        "__host-promptuary=x",
        "X__Host-promptuary=x",
        "__Host-promptuary-oidc-x=y",
    ],
)
async def test_cookies_of_other_applications_sign_nobody_out(
    browser: httpx.AsyncClient, anonymous: httpx.AsyncClient, kim: str, other: str
) -> None:
    await sign_in(browser, kim)
    (secret,) = browser.cookies.values()
    for cookies in (f"{other}; __Host-promptuary={secret}", f"__Host-promptuary={secret};{other}"):
        answer = await anonymous.get("/api/v1/session", headers={"Cookie": cookies.encode("latin-1")})
        assert answer.status_code == 200, cookies


@pytest.mark.parametrize("planted", ["__Host-promptuary=x", "__Host-promptuary=", "__Host-promptuary={secret}"])
async def test_of_two_sessions_in_one_request_none_counts(
    browser: httpx.AsyncClient, anonymous: httpx.AsyncClient, kim: str, planted: str
) -> None:
    await sign_in(browser, kim)
    (secret,) = browser.cookies.values()
    planted = planted.format(secret=secret)
    for cookies in (f"{planted}; __Host-promptuary={secret}", f"__Host-promptuary={secret}; {planted}"):
        assert (await anonymous.get("/api/v1/session", headers={"Cookie": cookies})).status_code == 401


@pytest.mark.parametrize("blank", ["\xa0", "\x85", "\x0b", "\x0c"])
def test_a_name_with_an_odd_blank_is_another_one(blank: str) -> None:
    """Browsers let any page of the domain set such cookies, which are not held to what ``__Host-`` promises."""
    assert secret_in(f"{blank}__Host-promptuary=pms_x".encode("latin-1")) is None


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_whatever_stands_beside_it_a_cookie_is_found(before: bytes, after: bytes) -> None:
    ours = before + b"; __Host-promptuary=pms_x ;" + after
    assert secret_in(ours) == "pms_x"
    assert pending_in(ours, "x") is None
    secret_in(before)


def test_no_page_has_a_script_or_style_of_its_own() -> None:
    from importlib.resources import files

    for each in files("api").joinpath("templates").iterdir():
        text = each.read_text("utf-8")
        assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=|javascript:", text), each.name
        assert "|safe" not in text.replace(" ", ""), each.name


async def test_a_key_that_reads_neither_sees_nor_ends_sessions(
    anonymous: httpx.AsyncClient, browser: httpx.AsyncClient, stocked: Registry, kim: str
) -> None:
    await sign_in(browser, kim)
    (session,) = (await browser.get("/api/v1/sessions")).json()["sessions"]
    narrow = [
        (await stocked.accounts.create_key(user=kim, scope=Scope.READ))[1],
        (await stocked.accounts.create_key(user=kim, scope=Scope.ADMIN, places=[Place(DEFAULT, "support")]))[1],
    ]
    for secret in narrow:
        headers = {"Authorization": f"Bearer {secret}"}
        assert (await anonymous.get("/api/v1/sessions", headers=headers)).status_code == 403
        gone = await anonymous.delete(f"/api/v1/sessions/{session['id']}", headers=headers)
        assert gone.status_code == 403
    assert (await browser.get("/api/v1/session")).status_code == 200


async def test_a_key_that_was_made_in_a_session_outlives_it(browser: httpx.AsyncClient, kim: str) -> None:
    await sign_in(browser, kim)
    made = (await browser.post("/api/v1/api-keys", json={"scope": "write", "note": "deploys"})).json()
    assert made["expires_at"] is None
    await browser.delete("/api/v1/session")
    assert (await browser.get("/api/v1/key", headers={"Authorization": f"Bearer {made['key']}"})).status_code == 200


async def test_a_key_is_not_told_of_passwords(anonymous: httpx.AsyncClient, stocked: Registry, kim: str) -> None:
    _, secret = await stocked.accounts.create_key(user=kim, scope=Scope.ADMIN)
    answer = await anonymous.put(
        "/api/v1/password", json={"present": PASSWORD, "new": ANOTHER}, headers={"Authorization": f"Bearer {secret}"}
    )
    assert (answer.status_code, "not with a key" in answer.json()["detail"]) == (403, True)
