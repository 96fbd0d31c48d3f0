"""Which pages may call: the named ones, exactly."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.app import create_app
from registry.bootstrap import Registry
from registry.settings import Settings
from tests.api.conftest import BASE, running
from tests.observatory import grade
from tests.serving import served

NAMED = "https://app.example.com"
READ = f"{BASE}/templates/support/triage"
OTHERS = [
    "https://evil.example",
    "https://app.example.com.evil.example",
    "https://evil-app.example.com",
    "https://app.example.com:8443",
    "http://app.example.com",
    "https://APP.example.com",
    "null",
    "*",
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"cors_origins": f"{NAMED} http://localhost:3000"})


@pytest.fixture
async def caller(stocked: Registry, keys: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(stocked)
    headers = {"Authorization": f"Bearer {keys['write']}"}
    async with (
        running(app),
        served(app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client,
    ):
        yield client


def asks(origin: str, method: str = "PUT") -> dict[str, Any]:
    """What a browser sends before a request."""
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,if-match",
    }


@pytest.mark.parametrize("origin", [NAMED, "http://localhost:3000"])
async def test_a_named_origin_may_ask_and_call(caller: httpx.AsyncClient, origin: str) -> None:
    del caller.headers["authorization"]  # browsers ask without a key
    before = await caller.options(READ, headers=asks(origin))
    assert (before.status_code, before.content) == (204, b"")
    assert before.headers["access-control-allow-origin"] == origin
    assert "PUT" in before.headers["access-control-allow-methods"]
    allowed = before.headers["access-control-allow-headers"].lower().split(", ")
    assert {"authorization", "content-type", "if-match", "if-none-match", "idempotency-key"} <= set(allowed)
    assert (before.headers["vary"], before.headers["access-control-max-age"]) == ("Origin", "600")
    assert "access-control-allow-credentials" not in before.headers
    assert "x-request-id" in before.headers
    assert grade(before.headers, tls=False).letter == "A+"


async def test_answers_can_be_read_by_a_page(caller: httpx.AsyncClient) -> None:
    for path, status in ((READ, 200), (f"{BASE}/templates/nothing", 404), (f"{BASE}/labels", 200), ("/livez", 200)):
        answer = await caller.get(path, headers={"Origin": NAMED})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, NAMED)
        assert {"ETag", "RateLimit", "X-Request-Id", "Retry-After"} <= set(
            answer.headers["access-control-expose-headers"].split(", ")
        )
        assert "access-control-allow-credentials" not in answer.headers
        assert "Origin" in answer.headers["vary"]
        assert grade(answer.headers, tls=False).letter == "A+"


async def test_other_variations_stay(caller: httpx.AsyncClient) -> None:
    answer = await caller.get(f"{BASE}/bundle?label=latest", headers={"Origin": NAMED})
    assert {word.strip().lower() for word in answer.headers["vary"].split(",")} == {"origin", "accept-encoding"}


@pytest.mark.parametrize("origin", OTHERS)
async def test_other_origins_may_not(caller: httpx.AsyncClient, origin: str) -> None:
    before = await caller.options(READ, headers=asks(origin))
    assert (before.status_code, before.headers["content-type"]) == (403, "application/problem+json")
    assert "PROMPTUARY_CORS_ORIGINS" in before.json()["detail"]
    answer = await caller.get(READ, headers={"Origin": origin})
    assert answer.status_code == 200, "a program may say what it likes: it is browsers that keep answers from pages"
    for each in (before, answer):
        assert [name for name in each.headers if name.startswith("access-control-")] == []
        assert each.headers["vary"] == "Origin"


async def test_without_an_origin_answers_vary_too(caller: httpx.AsyncClient) -> None:
    """Or a cache would give a page what it has from a program."""
    answer = await caller.get(READ)
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in answer.headers
    assert (await caller.options(READ)).status_code == 405


async def test_by_default_no_origin_may(stocked: Registry) -> None:
    closed = replace(stocked, settings=stocked.settings.model_copy(update={"cors_origins": None}))
    async with served(create_app(closed)) as port, httpx.AsyncClient() as client:
        answers = [
            await client.options(f"http://127.0.0.1:{port}/livez", headers=asks(NAMED)),
            await client.get(f"http://127.0.0.1:{port}/livez", headers={"Origin": NAMED}),
        ]
    assert [answer.status_code for answer in answers] == [405, 200]
    assert [name for each in answers for name in each.headers if name.startswith(("access-control-", "vary"))] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("*", "every page on the internet"),
        ("app.example.com", "no origin"),
        ("https://app.example.com/", "no origin"),
        ("https://app.example.com/path", "no origin"),
        ("https://*.example.com https://*", "no origin"),
        ("https://APP.example.com", "no origin"),
        ("https://app.example.com:443", "no origin"),
        ("https://user@app.example.com", "no origin"),
        ("ftp://app.example.com", "no origin"),
        ("null", "no origin"),
        ("https://app.example.com:none", "no origin"),
    ],
)
def test_origins_that_are_none_are_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Settings(cors_origins=text)
