"""What attackers send to every way in at once: each is answered as any other wrong input is."""

import html
import re
import zlib
from contextlib import nullcontext
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from sqlalchemy import event

from api.permissions_page import needs
from registry.bootstrap import Registry
from registry.domain.access import User
from registry.domain.access_tokens import CLIENT
from registry.domain.errors import Unauthenticated
from registry.domain.identity_providers import ProviderKind, ProviderSettings
from registry.domain.ids import UserName
from registry.domain.key_secrets import KEY_PREFIX, hash_secret, new_secret
from registry.domain.roles import Scope
from tests.api.conftest import BASE
from tests.api.test_permissions import ADMIN, ON_SERVER, VALUES
from tests.made_up_provider import made_up_provider

INJECTED = [
    "' OR '1'='1",
    "'; DROP TABLE users; --",
    '" OR ""="',
    "1) UNION SELECT hash FROM keys --",
    "%' ESCAPE '",
    "\\",
    "{{7*7}}",
    "${7*7}",
    "{% include '/etc/passwd' %}",
    '{"match_all":{}}',
    "*:* AND _exists_:name",
    "name:(a OR b)^2~",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "a/../../b",
    "/etc/passwd",
    "a\r\nSet-Cookie: evil=1",
    "a\nX-Evil: 1",
    "a\x00b",
    "-rf",
    "--upload-pack=touch /tmp/x",
    "refs/heads/main:refs/heads/main",
    "main^{commit}",
    "@{-1}",
    "a" * 5_000,
    "\U000e0041\u202e\u200b",
]
SEEN_BY = [(method, path) for method, path, _ in needs() if method in {"GET", "DELETE"}]
QUERIES = (
    "q",
    "label",
    "version",
    "ref",
    "at",
    "folder",
    "tag",
    "owner",
    "model",
    "cursor",
    "min_commit",
    "after",
    "user",
)


def addresses(path: str, value: str) -> list[str]:
    """The route's address with the value in each of its parts in turn."""
    names = re.findall(r"\{(\w+)\}", path)
    known = VALUES | ON_SERVER
    quoted = httpx.URL("http://x/", params={"v": value}).query.decode()[2:].replace("+", "%20")
    return [path.format(**known | dict.fromkeys([each], quoted)) for each in names]


@pytest.mark.parametrize("value", INJECTED, ids=range(len(INJECTED)))
async def test_injections_are_names_that_are_not_there(
    anonymous: httpx.AsyncClient, keys: dict[str, str], value: str
) -> None:
    headers = {"Authorization": f"Bearer {keys['admin']}", "If-Match": '"none"'}
    for method, path in SEEN_BY:
        sent = "HEAD" if path.endswith("/events") and method == "GET" else method
        for address in addresses(path, value):
            found = await anonymous.request(sent, address, headers=headers)
            assert 400 <= found.status_code < 500 or found.status_code in {200, 204, 308}, (method, address)
            assert_nothing_injected(found)
            assert found.status_code != 200 or "etc/passwd" not in value, (method, address)


@pytest.mark.parametrize("value", INJECTED, ids=range(len(INJECTED)))
async def test_injections_in_queries(anonymous: httpx.AsyncClient, keys: dict[str, str], value: str) -> None:
    headers = {"Authorization": f"Bearer {keys['admin']}"}
    for noun in ("templates", "search", "templates/support/triage", "versions/support/triage", "bundle", "reads"):
        for name in QUERIES:
            found = await anonymous.get(f"{BASE}/{noun}", params={name: value}, headers=headers)
            assert found.status_code < 500, (noun, name)
            assert_nothing_injected(found)
    everything = (await anonymous.get(f"{BASE}/search", params={"q": ""}, headers=headers)).json()
    narrowed = (await anonymous.get(f"{BASE}/search", params={"tag": value}, headers=headers)).json()
    assert everything["total"] > 0
    assert narrowed.get("total", 0) == 0, "no filter lets more through than its own value"


def assert_nothing_injected(found: httpx.Response) -> None:
    assert "evil" not in str([name for name, _ in found.headers.multi_items()]).lower()
    assert found.headers.get("content-type", "") not in {"text/html", "text/html; charset=utf-8"}
    assert "root:x:0" not in found.text
    assert "Traceback" not in found.text
    for word in ("sqlalchemy", "sqlite3", "asyncpg", "psycopg", "elastic_transport", "/site-packages/"):
        assert word not in found.text


@pytest.mark.parametrize(
    "text",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ ticket.__init__.__globals__ }}",
        "{{ ticket | attr('__class__') }}",
        "{% import 'os' as os %}",
        "{{ self._TemplateReference__context }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ range(10**9) | list }}",
        "{{ open('/etc/passwd') }}",
        "{{ environ }}",
    ],
)
async def test_no_template_reaches_out_of_itself(client: httpx.AsyncClient, text: str) -> None:
    source = f"schema: prompt/v1\ntype: text\nvariables:\n  ticket: {{type: string}}\ntext: |\n  {text}\n"
    written = await client.put(
        "/templates/attack/one",
        content=source.encode(),
        headers={"Content-Type": "application/yaml", "If-None-Match": "*"},
    )
    if written.status_code == 422:
        return
    assert written.status_code == 201
    rendered = await client.post("/render/attack/one", json={"variables": {"ticket": "x"}})
    assert rendered.status_code in {200, 422}
    assert not re.search(r"<class|<function|root:x|PATH=|uid=\d", rendered.text)


async def test_a_value_is_never_a_template(client: httpx.AsyncClient) -> None:
    source = "schema: prompt/v1\ntype: text\nvariables:\n  ticket: {type: string}\ntext: 'Say {{ ticket }}'\n"
    await client.put(
        "/templates/attack/two",
        content=source.encode(),
        headers={"Content-Type": "application/yaml", "If-None-Match": "*"},
    )
    rendered = await client.post("/render/attack/two", json={"variables": {"ticket": "{{ 7 * 7 }}{% raw %}"}})
    assert rendered.json()["text"] == "Say {{ 7 * 7 }}{% raw %}"


async def test_a_key_is_looked_for_by_its_hash_alone(stocked: Registry) -> None:
    """So how near a guess comes to a key makes no difference: nothing that is compared has a letter of it."""
    _, real = await stocked.accounts.create_key(scope=Scope.READ)
    near = _with_checksum(real[:40] + new_secret()[40:47])
    asked: list[object] = []

    def note(_c: object, _cursor: object, _statement: str, parameters: object, *_: object) -> None:
        asked.append(parameters)

    database = stocked.signing_in.identification._lookups[KEY_PREFIX]._keys._database  # type: ignore[attr-defined]
    for engine in {database._reading, database._writing}:
        event.listen(engine, "before_cursor_execute", note)
    for secret in (real, near, _with_checksum(new_secret()[:47])):
        asked.clear()
        stocked.identification.forget()
        with nullcontext() if secret == real else pytest.raises(Unauthenticated):
            await stocked.identification.authenticate(secret)
        assert hash_secret(secret) in str(asked)
        assert secret[4:20] not in str(asked)


def _with_checksum(body: str) -> str:
    return f"{body}{zlib.crc32(body.encode()):08x}"


def state_of(left: httpx.Response) -> str:
    return parse_qs(urlsplit(left.headers["location"]).query)["state"][0]


PAYLOADS = ('"><script>alert(1)</script>', '" autofocus onfocus="alert(1)', "'><img src=x onerror=alert(1)>")


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
async def test_what_a_page_shows_is_text(stocked: Registry, browser: httpx.AsyncClient, payload: str) -> None:
    """Every page, with whatever somebody else can have it show."""
    shown: dict[str, httpx.Response] = {}

    async def show(method: str, address: str, **form: str) -> None:
        shown[f"{method} {address} {sorted(form)}"] = await browser.request(method, address, data=form or None)

    query = httpx.QueryParams({"next": payload, "user_code": payload})
    async with made_up_provider() as provider:
        for name, issuer in (("corp", provider.issuer), ("away", f"{provider.issuer}/away")):
            await stocked.signing_in.providers.put(
                name,
                actor=ADMIN,
                kind=ProviderKind.OIDC,
                name=payload,
                issuer=issuer,
                client_id="x",
                settings=ProviderSettings(allow_private=True),
            )
        await show("GET", f"/sign-in?{query}")
        await show("GET", f"/sign-in?next=/{payload}")
        await show("POST", "/sign-in", user=payload, password="x", next=payload)
        await show("GET", f"/sign-in/{quote(payload.replace('/', ''))}")
        left = await browser.get("/sign-in/corp")
        said = {"error": payload, "error_description": payload, "state": state_of(left)}
        await show("GET", f"/sign-in/corp/callback?{httpx.QueryParams(said)}")
        left = await browser.get("/sign-in/corp")
        back = {"code": provider.code(left.headers["location"]), "state": state_of(left)}
        await show("GET", f"/sign-in/corp/callback?{httpx.QueryParams(back)}")
        await show("GET", "/sign-in/away")
    for address in ("/join", "/reset"):
        await show("GET", f"{address}?{query}")
    await show("POST", "/join", link=payload, password=payload, again="another")
    await show("POST", "/join", link=payload, password=payload, again=payload)
    await show("POST", "/reset", user=payload)
    user = User(UserName("page"), payload, "page@example.com")  # a name that no way in takes, but a table may have
    await stocked.access._users.put(user)
    await stocked.signing_in.passwords.set(user, "열쇠 구멍 달빛 1001")
    await browser.post("/sign-in", data={"user": "page", "password": "열쇠 구멍 달빛 1001"})
    await show("GET", f"/sign-in?{query}")
    await show("GET", f"/password?{query}")
    await show("POST", "/password", password=payload, new=payload, again=payload, next=payload)
    await show("POST", "/device", user_code=payload, decision=payload)
    await show("GET", f"/device?{query}")
    for decision in ("allow", "deny"):
        form = {"client_id": CLIENT, "scope": "read"}
        asked = await browser.post("/oauth/device", data=form, headers={"User-Agent": payload})
        code = asked.json()["user_code"]
        await show("GET", f"/device?user_code={code}")
        await show("POST", "/device", user_code=code, decision=decision)
    pages = {place: found for place, found in shown.items() if "text/html" in found.headers.get("content-type", "")}
    assert len(pages) == len(shown), shown.keys() - pages.keys()
    raw = ("<script>", "<img src=x", '" autofocus onfocus="')
    assert [place for place, found in pages.items() if any(each in found.text for each in raw)] == []
    told = [place for place, found in pages.items() if payload[:20] in html.unescape(found.text)]
    assert len(told) >= 9, told
    for found in pages.values():
        assert "script-src 'self'" in found.headers["content-security-policy"]
