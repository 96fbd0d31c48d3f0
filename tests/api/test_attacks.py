"""What attackers send to every way in at once: each is answered as any other wrong input is."""

import re
import statistics
import time
import zlib
from typing import Any

import httpx
import pytest

from api.permissions_page import needs
from registry.bootstrap import Registry
from registry.domain.errors import Unauthenticated
from registry.domain.key_secrets import new_secret
from registry.domain.roles import Scope
from tests.api.conftest import BASE
from tests.api.test_permissions import ON_SERVER, VALUES

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


async def test_how_near_a_guessed_key_is_takes_no_longer_or_shorter(stocked: Registry) -> None:
    """Keys are found by their hash: one that differs in its last letter is as far away as any other."""
    _, real = await stocked.accounts.create_key(scope=Scope.READ)
    near = re.sub(r".{12}$", "", real)

    async def seconds(guess: str) -> float:
        began = time.perf_counter()
        with pytest.raises(Unauthenticated):
            await stocked.identification.authenticate(guess)
        return time.perf_counter() - began

    def guessed(like: str) -> str:
        return _with_checksum(like + new_secret()[len(like) : 47])

    times: dict[str, list[float]] = {"near": [], "far": []}
    for _ in range(60):
        times["near"].append(await seconds(guessed(near[:40])))
        times["far"].append(await seconds(guessed("pmt_")))
    ratio = statistics.median(times["near"]) / statistics.median(times["far"])
    assert 0.5 < ratio < 2


def _with_checksum(body: str) -> str:
    return f"{body}{zlib.crc32(body.encode()):08x}"


async def test_what_a_page_shows_is_text(anonymous: httpx.AsyncClient, app: Any) -> None:
    payload = '"><script>alert(1)</script>'
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost") as browser:
        shown = [
            await browser.get("/sign-in", params={"next": payload}),
            await browser.get("/sign-in", params={"next": f"/{payload}"}),
            await browser.post("/sign-in", data={"user": payload, "password": "x", "next": payload}),
        ]
    for each in shown:
        assert "<script>alert" not in each.text
        if "text/html" in each.headers["content-type"]:
            assert "script-src 'self'" in each.headers["content-security-policy"]
