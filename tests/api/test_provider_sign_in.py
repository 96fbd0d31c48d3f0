"""Signing in with an identity provider: a certified one, and a made-up one for what no certified one does."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx
import pytest

from api.app import create_app
from registry.adapters.oidc import client, discovery
from registry.bootstrap import Registry, open_registry
from registry.domain.audit import AuditFilter
from registry.domain.identity_providers import ProviderKind, ProviderSettings
from registry.domain.ids import GroupName, ProviderName, UserName
from registry.domain.rights import SERVER
from registry.domain.roles import Role
from tests import certified_provider as certified
from tests.api.conftest import BASE, running
from tests.api.test_permissions import ADMIN
from tests.made_up_provider import CLIENT, SECRET, MadeUpProvider, hang, made_up_provider, pour, saying

BACK = "http://localhost/sign-in/corp/callback"
PENDING = "__Host-promptuary-oidc-corp"
SESSION = "__Host-promptuary"
ACCOUNTS = {
    "kim": {
        "preferred_username": "kim.minji",
        "name": "김민지",
        "email": "kim@example.com",
        "email_verified": True,
        "groups": ["/writers", "everybody"],
    },
    "lee": {"preferred_username": "kim.minji", "name": "이", "email": "lee@example.com", "email_verified": True},
    "mallory": {"preferred_username": "admin", "name": "Administrator", "email": "boss@example.com"},
}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[certified.CertifiedProvider]:
    """The certified provider; one is enough for all tests, which come as different people."""
    folder = tmp_path_factory.mktemp("oidc")
    with certified.certified_provider(folder, [BACK], json.loads(json.dumps(ACCOUNTS))) as provider:
        yield provider


@pytest.fixture
async def made_up() -> AsyncIterator[MadeUpProvider]:
    async with made_up_provider() as provider:
        yield provider


async def set_up(
    registry: Registry, issuer: str, secret: str = certified.SECRET, provider: str = "corp", **settings: Any
) -> None:
    wanted = {"allow_private": True, "sign_up": True} | settings
    await registry.signing_in.providers.put(
        provider,
        actor=ADMIN,
        kind=ProviderKind.KEYCLOAK,
        name="회사 계정",
        issuer=issuer,
        client_id=CLIENT,
        secret=secret,
        settings=ProviderSettings(**wanted),
    )


class Tried(NamedTuple):
    """A sign-in: where it went, what came back, and how it ended."""

    address: str
    back: str
    answer: httpx.Response


async def come_by(browser: httpx.AsyncClient, real: certified.CertifiedProvider, login: str, **query: str) -> Tried:
    """Somebody's browser goes to the certified provider and back."""
    left = await browser.get(f"/sign-in/corp?{urlencode(query)}")
    assert left.status_code == 303, left.text
    back = real.sign_in(left.headers["location"], login)
    return Tried(left.headers["location"], back, await browser.get(back))


async def leave(
    browser: httpx.AsyncClient, made_up: MadeUpProvider, provider: str = "corp", **query: str
) -> tuple[str, str]:
    """Sets out for the made-up provider: the address, and the one to come back to with a code."""
    left = await browser.get(f"/sign-in/{provider}?{urlencode(query)}")
    assert left.status_code == 303, left.text
    address = left.headers["location"]
    state = parse_qs(urlsplit(address).query)["state"][0]
    back = BACK.replace("/corp/", f"/{provider}/")
    return address, f"{back}?{urlencode({'code': made_up.code(address), 'state': state})}"


async def come_as(browser: httpx.AsyncClient, made_up: MadeUpProvider, provider: str, **claims: Any) -> dict[str, Any]:
    """Somebody signs in by a made-up provider, in a fresh browser: who he is here."""
    browser.cookies.clear()
    made_up.claims = {"email_verified": True, **claims}
    _, back = await leave(browser, made_up, provider)
    assert (await browser.get(back)).status_code == 303
    return await who(browser)


async def who(browser: httpx.AsyncClient) -> dict[str, Any]:
    answer = await browser.get("/api/v1/session")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


# With the certified provider


async def test_who_signs_in_for_the_first_time_gets_a_user_without_rights(
    stocked: Registry, browser: httpx.AsyncClient, real: certified.CertifiedProvider
) -> None:
    await set_up(stocked, real.issuer)
    came = await come_by(browser, real, "kim", next="/docs?a=b")
    assert (came.answer.status_code, came.answer.headers["location"]) == (303, "/docs?a=b")
    mine = await who(browser)
    assert (mine["user"], mine["name"], mine["email"]) == ("kim.minji", "김민지", "kim.minji@localhost")
    assert mine["rights"] == []
    assert PENDING not in browser.cookies
    (session,) = (await browser.get("/api/v1/sessions")).json()["sessions"]
    assert session["way"] == "corp"
    asked = parse_qs(urlsplit(came.address).query)
    assert (asked["code_challenge_method"], asked["redirect_uri"]) == (["S256"], [BACK])


async def test_neither_code_nor_secret_nor_token_is_logged(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await set_up(stocked, made_up.issuer, SECRET)
    _, back = await leave(browser, made_up)
    pending, code = browser.cookies[PENDING], parse_qs(urlsplit(back).query)["code"][0]
    assert (await browser.get(back)).status_code == 303
    ours = "\n".join(
        record.getMessage()
        for record in caplog.records
        if record.name.startswith(("registry", "api", "httpx", "httpcore"))
        and not (record.name == "httpx" and "localhost" in record.getMessage())  # the test's own browser
    )
    for hidden in (SECRET, f"code={code}", pending, browser.cookies[SESSION], '"at"'):
        assert hidden not in ours


async def test_who_comes_again_is_the_same_user_with_his_new_name_and_address(
    stocked: Registry, browser: httpx.AsyncClient, real: certified.CertifiedProvider
) -> None:
    await set_up(stocked, real.issuer, link_by_email=True)
    real.change(park={"preferred_username": "park", "name": "박", "email": "p@example.com", "email_verified": True})
    await come_by(browser, real, "park")
    real.change(
        park={"preferred_username": "admin", "name": "박하나", "email": "P2@example.com", "email_verified": True}
    )
    await come_by(browser, real, "park")
    mine = await who(browser)
    assert (mine["user"], mine["name"], mine["email"]) == ("park", "박하나", "P2@example.com")
    real.change(park={"preferred_username": "park", "email": "boss@example.com", "email_verified": False})
    await come_by(browser, real, "park")
    assert (await who(browser))["email"] == "P2@example.com"


async def test_groups_of_the_provider_are_groups_here_as_long_as_he_is_in_them(
    stocked: Registry, browser: httpx.AsyncClient, real: certified.CertifiedProvider
) -> None:
    for group in ("authors", "everybody", "admins"):
        await stocked.access.put_group(GroupName(group), actor=ADMIN, name=None, members=None)
    await stocked.access.grant(Role.AUTHOR, SERVER, actor=ADMIN, group=GroupName("authors"))
    await stocked.access.grant(Role.ADMINISTRATOR, SERVER, actor=ADMIN, group=GroupName("admins"))
    await set_up(stocked, real.issuer, groups={"/writers": "authors"})
    claims = ACCOUNTS["kim"] | {"groups": ["/writers", "everybody", "admins"], "preferred_username": "groupie"}
    real.change(groupie=claims)
    await come_by(browser, real, "groupie")
    assert [each["role"] for each in (await who(browser))["rights"]] == ["author"], (
        "and not what he calls a group there"
    )
    assert (await browser.get(f"{BASE}/templates")).status_code == 200
    real.change(groupie=claims | {"groups": ["\x00", "", "x" * 500, {"a": 1}]})
    await come_by(browser, real, "groupie")
    assert (await who(browser))["rights"] == []
    entries = (await stocked.audit.list_entries(AuditFilter(), limit=30)).items
    drafts = [each.draft for each in entries if each.draft.action == "group.changed"]
    told = [(each.old, each.new) for each in drafts if each.new.get("source") == "corp"]
    assert [(old["groups"], new["groups"]) for old, new in told] == [(["authors"], []), ([], ["authors"])]
    assert {old["user"] for old, _ in told} == {"groupie"}


async def test_groups_of_one_name_count_where_an_administrator_says_so(
    stocked: Registry, browser: httpx.AsyncClient, real: certified.CertifiedProvider
) -> None:
    await stocked.access.put_group(GroupName("writers"), actor=ADMIN, name=None, members=None)
    await stocked.access.grant(Role.READER, SERVER, actor=ADMIN, group=GroupName("writers"))
    await set_up(stocked, real.issuer, same_groups=True)
    await come_by(browser, real, "kim")
    assert [each["role"] for each in (await who(browser))["rights"]] == ["reader"]


async def test_a_name_that_somebody_has_is_not_taken_over(
    stocked: Registry, browser: httpx.AsyncClient, real: certified.CertifiedProvider
) -> None:
    await stocked.access.put_user(UserName("admin"), actor=ADMIN)
    await stocked.access.grant(Role.ADMINISTRATOR, SERVER, actor=ADMIN, user=UserName("admin"))
    await stocked.access.put_user(UserName("kim.minji"), actor=ADMIN)
    await set_up(stocked, real.issuer)
    await come_by(browser, real, "mallory")
    mine = await who(browser)
    assert (mine["user"], mine["rights"], mine["email"]) == ("admin-2", [], "admin-2@localhost")
    browser.cookies.clear()
    await come_by(browser, real, "lee")
    assert (await who(browser))["user"] == "kim.minji-2"


async def test_an_unverified_address_of_an_administrator_gives_nothing(
    stocked: Registry, browser: httpx.AsyncClient, real: certified.CertifiedProvider
) -> None:
    await stocked.access.put_user(UserName("boss"), actor=ADMIN, email="boss@example.com")
    await stocked.access.grant(Role.ADMINISTRATOR, SERVER, actor=ADMIN, user=UserName("boss"))
    await set_up(stocked, real.issuer, link_by_email=True)
    await come_by(browser, real, "mallory")
    mine = await who(browser)
    assert mine["user"] != "boss"
    assert (mine["rights"], mine["email"]) == ([], f"{mine['user']}@localhost")


@pytest.mark.parametrize("trusted", [True, False])
async def test_a_verified_address_links_only_where_the_provider_is_trusted_so_far(
    stocked: Registry, browser: httpx.AsyncClient, real: certified.CertifiedProvider, *, trusted: bool
) -> None:
    await stocked.access.put_user(UserName("boss"), actor=ADMIN, email="KIM@example.com")
    await stocked.access.grant(Role.ADMINISTRATOR, SERVER, actor=ADMIN, user=UserName("boss"))
    await set_up(stocked, real.issuer, link_by_email=trusted)
    await come_by(browser, real, "kim")
    mine = await who(browser)
    assert mine["user"] == ("boss" if trusted else "kim.minji")
    assert bool(mine["rights"]) == trusted
    assert mine["email"] == ("KIM@example.com" if trusted else "kim.minji@localhost"), "it is another user's"


async def test_no_provider_keeps_an_address_that_its_owner_comes_by_later(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider
) -> None:
    """Taken over beforehand: who says first that he is the chief must not be the user whom she then is."""
    address = "ceo@corp.example"
    async with made_up_provider() as partner:
        await set_up(stocked, made_up.issuer, SECRET, link_by_email=True)
        await set_up(stocked, partner.issuer, SECRET, "partner")
        for _ in range(2):  # as a new user, and as one who is known
            evil = await come_as(browser, partner, "partner", sub="e", preferred_username="mallory", email=address)
            assert (evil["user"], evil["email"]) == ("mallory", "mallory@localhost")
        chief = await come_as(browser, made_up, "corp", sub="c", preferred_username="ceo", email=address)
        assert (chief["user"], chief["email"]) == ("ceo", address), "and nobody holds her address against her"
        evil = await come_as(browser, partner, "partner", sub="e", preferred_username="mallory", email=address)
        assert (evil["user"], evil["email"]) == ("mallory", "mallory@localhost")


async def test_an_address_that_an_administrator_gave_stays(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider
) -> None:
    await set_up(stocked, made_up.issuer, SECRET)
    await come_as(browser, made_up, "corp", preferred_username="kim", email="boss@example.com")
    await stocked.access.put_user(UserName("kim"), actor=ADMIN, email="kim@example.com")
    mine = await come_as(browser, made_up, "corp", preferred_username="kim", name="Kim", email="boss@example.com")
    assert (mine["user"], mine["name"], mine["email"]) == ("kim", "Kim", "kim@example.com")


async def test_who_may_not_come_in_does_not(
    stocked: Registry, browser: httpx.AsyncClient, real: certified.CertifiedProvider
) -> None:
    for settings, said in (
        ({"sign_up": False}, "no account here"),
        ({"domains": ("corp.example",)}, "corp.example"),
        ({"required_groups": ("staff",)}, "groups"),
    ):
        await set_up(stocked, real.issuer, **settings)
        came = await come_by(browser, real, "kim")
        assert (came.answer.status_code, said in came.answer.text) == (403, True)
        assert SESSION not in browser.cookies
    assert [each.user for each in await stocked.access.users(ADMIN) if "kim" in each.user] == []
    await set_up(stocked, real.issuer, domains=("example.com",), required_groups=("staff", "everybody"))
    assert (await come_by(browser, real, "kim")).answer.status_code == 303
    entries = (await stocked.audit.list_entries(AuditFilter(), limit=30)).items
    failed = [each.draft.new for each in entries if each.draft.action == "sign_in.failed"]
    assert [each["way"] for each in failed] == ["corp"] * 3


async def test_who_is_disabled_stays_out(
    stocked: Registry, browser: httpx.AsyncClient, real: certified.CertifiedProvider
) -> None:
    await set_up(stocked, real.issuer)
    await come_by(browser, real, "kim")
    await stocked.access.put_user(UserName("kim.minji"), actor=ADMIN, disabled=True)
    browser.cookies.clear()
    came = await come_by(browser, real, "kim")
    assert (came.answer.status_code, "disabled" in came.answer.text) == (401, True)


async def test_who_says_no_at_the_provider_is_told_so(
    stocked: Registry, browser: httpx.AsyncClient, real: certified.CertifiedProvider
) -> None:
    await set_up(stocked, real.issuer)
    came = await come_by(browser, real, "nobody")
    assert (came.answer.status_code, "access_denied" in came.answer.text) == (401, True)


async def test_a_new_key_of_the_provider_is_found(
    stocked: Registry,
    browser: httpx.AsyncClient,
    real: certified.CertifiedProvider,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery, "KEYS_AGAIN_SECONDS", 0.0)
    await set_up(stocked, real.issuer)
    await come_by(browser, real, "kim")
    real.rotate()
    browser.cookies.clear()
    assert (await come_by(browser, real, "kim")).answer.status_code == 303


async def test_a_wrong_secret_is_told(
    stocked: Registry, browser: httpx.AsyncClient, real: certified.CertifiedProvider
) -> None:
    await set_up(stocked, real.issuer, secret="another")
    came = await come_by(browser, real, "kim")
    assert (came.answer.status_code, "invalid_client" in came.answer.text) == (401, True)


async def test_who_comes_in_twice_at_once_is_one_user(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider
) -> None:
    await set_up(stocked, made_up.issuer, SECRET)
    ways = []
    for _ in range(4):
        _, back = await leave(browser, made_up)
        ways.append((back, {"Cookie": f"{PENDING}={browser.cookies[PENDING]}"}))
    browser.cookies.clear()
    browser.event_hooks = {}
    answers = await asyncio.gather(*(browser.get(back, headers=headers) for back, headers in ways))
    assert [each.status_code for each in answers] == [303] * 4
    found = await stocked.signing_in.with_provider._users._stored.find(ProviderName("corp"), "s-1")
    assert found is not None
    assert [each.user for each in await stocked.access.users(ADMIN) if each.user.startswith("corp")] == [found[1].user]


async def test_any_process_and_any_key_of_the_ring_takes_who_comes_back(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider
) -> None:
    await set_up(stocked, made_up.issuer, SECRET)
    _, back = await leave(browser, made_up)
    stocked.keyring.rotate(datetime.now(UTC))
    async with open_registry(stocked.settings) as other:
        app = create_app(other)
        async with running(app), httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as elsewhere:
            answer = await elsewhere.get(back, headers={"Cookie": f"{PENDING}={browser.cookies[PENDING]}"})
    assert answer.status_code == 303


# What is tried against it


async def test_an_answer_counts_once(
    stocked: Registry, browser: httpx.AsyncClient, real: certified.CertifiedProvider
) -> None:
    await set_up(stocked, real.issuer)
    left = await browser.get("/sign-in/corp")
    kept = browser.cookies[PENDING]
    back = real.sign_in(left.headers["location"], "kim")
    assert (await browser.get(back)).status_code == 303
    browser.cookies.delete(SESSION)
    assert (await browser.get(back)).status_code == 400
    browser.cookies.set(PENDING, kept)
    again = await browser.get(back)
    assert (again.status_code, "is over" in again.text) == (400, True)
    assert SESSION not in browser.cookies


async def test_an_answer_in_another_browser_signs_nobody_in(
    stocked: Registry, browser: httpx.AsyncClient, real: certified.CertifiedProvider
) -> None:
    """CSRF of signing in: a victim who follows an attacker's link must not become the attacker."""
    await set_up(stocked, real.issuer)
    left = await browser.get("/sign-in/corp")
    back = real.sign_in(left.headers["location"], "mallory")
    browser.cookies.clear()
    assert (await browser.get(back)).status_code == 400
    await browser.get("/sign-in/corp")  # the victim is on his way himself
    answer = await browser.get(back)
    assert (answer.status_code, "another sign-in" in answer.text) == (400, True)
    assert SESSION not in browser.cookies
    assert PENDING in browser.cookies, "his own goes on"


@pytest.mark.parametrize("forged", ["", "pk1.x.y", "x" * 5_000, "pk1.00000000.AAAA", '"'])
async def test_a_forged_cookie_is_worth_nothing(
    stocked: Registry, browser: httpx.AsyncClient, real: certified.CertifiedProvider, forged: str
) -> None:
    await set_up(stocked, real.issuer)
    answer = await browser.get(f"{BACK}?code=x&state=", headers={"Cookie": f"{PENDING}={forged}"})
    assert answer.status_code == 400


async def test_what_was_sealed_for_one_provider_is_worth_nothing_at_another(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider
) -> None:
    """Mix-up: the code of an honest provider must not be sent to an evil one."""
    await set_up(stocked, made_up.issuer, SECRET)
    _, back = await leave(browser, made_up)
    await stocked.signing_in.providers.put(
        "evil",
        actor=ADMIN,
        kind=ProviderKind.OIDC,
        issuer=made_up.issuer,
        client_id="x",
        settings=ProviderSettings(allow_private=True),
    )
    sealed = browser.cookies[PENDING]
    browser.cookies.set("__Host-promptuary-oidc-evil", sealed)
    answer = await browser.get(back.replace("/corp/", "/evil/"))
    assert answer.status_code == 400
    assert "/token" not in made_up.asked


async def test_a_session_of_before_is_not_the_one_after(
    stocked: Registry, browser: httpx.AsyncClient, real: certified.CertifiedProvider
) -> None:
    """Session fixation."""
    await set_up(stocked, real.issuer)
    await come_by(browser, real, "lee")
    fixed = browser.cookies[SESSION]
    await come_by(browser, real, "kim")
    assert browser.cookies[SESSION] != fixed


async def test_a_sign_in_that_takes_too_long_is_over(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from registry.services import provider_sign_in

    monkeypatch.setattr(provider_sign_in, "PENDING", timedelta(seconds=0))
    await set_up(stocked, made_up.issuer, SECRET)
    _, back = await leave(browser, made_up)
    assert (await browser.get(back)).status_code == 400


@pytest.mark.parametrize(
    "next_",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "https:evil.example",
        "https:/evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        "///evil.example",
        " //evil.example",
        "evil.example",
        "@evil.example",
        ".evil.example",
        "/%2F/../\\evil.example",
    ],
)
async def test_nobody_is_sent_on_to_another_server(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider, next_: str
) -> None:
    await set_up(stocked, made_up.issuer, SECRET)
    for text in (next_, quote(next_, safe="")):
        _, back = await leave(browser, made_up, next=text)
        answer = await browser.get(back)
        assert answer.status_code == 303
        at = httpx.URL("http://localhost/").join(answer.headers["location"])
        assert at.host == "localhost", answer.headers["location"]
        assert not answer.headers["location"].startswith(("//", "/\\"))


async def test_an_answer_that_says_something_twice_is_refused(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider
) -> None:
    await set_up(stocked, made_up.issuer, SECRET)
    _, back = await leave(browser, made_up)
    assert (await browser.get(f"{back}&code=another")).status_code == 400
    assert (await browser.get(back)).status_code == 303


@pytest.mark.parametrize(
    "claims", [{"nonce": "another"}, {"aud": "another"}, {"iss": "https://evil.example"}, {"exp": 1}]
)
async def test_a_token_of_another_sign_in_client_issuer_or_time_begins_no_session(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider, claims: dict[str, Any]
) -> None:
    await set_up(stocked, made_up.issuer, SECRET)
    made_up.claims = claims
    _, back = await leave(browser, made_up)
    answer = await browser.get(back)
    assert (answer.status_code, SESSION in browser.cookies) == (401, False)


@pytest.mark.parametrize("subject", ["", None, 7, "x" * 256, "a\x00b", ["s"]])
async def test_a_subject_that_is_none_begins_no_session(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider, subject: Any
) -> None:
    await set_up(stocked, made_up.issuer, SECRET)
    made_up.claims = {"sub": subject}
    _, back = await leave(browser, made_up)
    assert (await browser.get(back)).status_code in {400, 401}
    assert SESSION not in browser.cookies


@pytest.mark.parametrize(
    "claims",
    [
        {"preferred_username": "../../etc", "name": "<script>alert(1)</script>"},
        {"preferred_username": "\ud800", "name": "\x00\x1b[2J"},
        {"preferred_username": "가" * 500, "name": "x" * 100_000},
        {"preferred_username": ["a"], "name": {"a": 1}, "email": 5, "email_verified": True, "groups": {"a": "b"}},
        {"email": "a@b@c", "email_verified": True, "groups": [None, 1, {"x": "y"}, "\ud800", "ok"]},
        {"email": "x <boss@example.com>", "email_verified": True, "groups": "ok"},
        {"email": "K\u212aim@example.com", "email_verified": True},
        {"email_verified": "true", "email": "boss@example.com"},
    ],
    ids=range(8),
)
async def test_odd_claims_make_an_ordinary_user(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider, claims: dict[str, Any]
) -> None:
    await stocked.access.put_user(UserName("boss"), actor=ADMIN, email="boss@example.com")
    await set_up(stocked, made_up.issuer, SECRET, link_by_email=True, same_groups=True)
    made_up.userinfo = claims
    _, back = await leave(browser, made_up)
    assert (await browser.get(back)).status_code == 303
    mine = await who(browser)
    assert mine["user"] != "boss"
    assert mine["email"] == f"{mine['user']}@localhost"
    assert not set("<>\x00\x1b") & set(mine["name"])
    assert len(mine["user"]) <= 64


@pytest.mark.parametrize(
    "answer", [hang, pour, saying(b"garbage"), saying({}, 500)], ids=["hangs", "pours", "babbles", "500"]
)
@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token"])
async def test_a_provider_that_is_away_is_a_page_and_no_fault(
    stocked: Registry,
    browser: httpx.AsyncClient,
    made_up: MadeUpProvider,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    path: str,
    answer: Any,
) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 1.0)
    await set_up(stocked, made_up.issuer, SECRET)
    back = "/sign-in/corp"
    if path == "/token":
        _, back = await leave(browser, made_up)
    made_up.answers[path] = answer
    found = await browser.get(back)
    assert (found.status_code, found.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert found.headers["retry-after"]
    assert "ask an administrator" in found.text
    assert "127.0.0.1" not in found.text
    assert 'nobody can sign in with "corp" now: ' in caplog.text, "the reason is the log's"


async def test_a_providers_words_stand_on_the_page_as_text(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider
) -> None:
    await set_up(stocked, made_up.issuer, SECRET)
    address, _ = await leave(browser, made_up)
    state = parse_qs(urlsplit(address).query)["state"][0]
    said = {"state": state, "error": "<script>alert(1)</script>", "error_description": "x" * 5_000 + "\x1b[2J"}
    answer = await browser.get(f"{BACK}?{urlencode(said)}")
    assert answer.status_code == 401
    assert "<script>alert" not in answer.text
    assert len(answer.text) < 4_000


async def test_without_a_public_address_only_this_machine_signs_in(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider, app: Any
) -> None:
    """The Host header is anybody's word: a provider must not send a code to whatever it names."""
    await set_up(stocked, made_up.issuer, SECRET)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="https://evil.example") as far:
        answer = await far.get("/sign-in/corp")
    assert (answer.status_code, "PROMPTUARY_PUBLIC_URL" in answer.text) == (503, True)
    assert made_up.asked == []


async def test_over_plain_http_nobody_sets_out(stocked: Registry, made_up: MadeUpProvider, app: Any) -> None:
    await set_up(stocked, made_up.issuer, SECRET)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://prompts.example") as far:
        answer = await far.get("/sign-in/corp")
    assert (answer.status_code, "HTTPS" in answer.text) == (403, True)


async def test_the_sign_in_page_has_a_button_for_each_provider(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider
) -> None:
    await set_up(stocked, made_up.issuer, SECRET)
    page = (await browser.get("/sign-in?next=/docs?a=b%26c")).text
    assert 'href="/sign-in/corp?next=%2Fdocs%3Fa%3Db%26c"' in page.replace("&amp;", "&").replace("&#x2f;", "/")
    assert "회사 계정" in page
    ways = (await browser.get("/api/v1/sign-in")).json()
    assert ways["providers"] == [{"provider": "corp", "name": "회사 계정", "address": "/sign-in/corp"}]
    for unknown in ("/sign-in/nosuch", "/sign-in/nosuch/callback?code=a&state=b"):
        assert (await browser.get(unknown)).status_code == 404


@pytest.mark.parametrize(
    "name", ["a;Path=/x", "a%0d%0aSet-Cookie:b=c", "a%00", "%ED%A0%80", "A", "x" * 2_000, "'--", "a%2Fb"]
)
async def test_a_name_that_is_no_providers_sets_no_cookie(browser: httpx.AsyncClient, name: str) -> None:
    for path in (f"/sign-in/{name}", f"/sign-in/{name}/callback?code=a&state=b"):
        answer = await browser.get(path)
        assert answer.status_code in {400, 404}, answer.text
        assert "set-cookie" not in answer.headers


async def test_the_pending_cookie_is_for_this_host_alone_and_short(
    stocked: Registry, browser: httpx.AsyncClient, made_up: MadeUpProvider
) -> None:
    await set_up(stocked, made_up.issuer, SECRET)
    left = await browser.get("/sign-in/corp")
    (cookie,) = left.headers.get_list("set-cookie")
    for part in (f"{PENDING}=pk1.", "Path=/", "HttpOnly", "Secure", "SameSite=Lax", "Max-Age=600"):
        assert part in cookie
    assert "Domain" not in cookie
    state = parse_qs(urlsplit(left.headers["location"]).query)["state"][0]
    assert state not in cookie, "it is encrypted"
    assert len(cookie) < 4_000
    assert left.headers["cache-control"] == "no-store"
