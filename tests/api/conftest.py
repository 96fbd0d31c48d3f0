"""A client of the whole application, which checks every answer against the OpenAPI document."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import jsonschema_rs
import pytest

from api.app import create_app
from registry.bootstrap import Registry
from registry.domain.roles import Scope

BASE = "/api/v1/repositories/default"


class Documented:
    """Compares answers with what the OpenAPI document says about them."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.seen: set[tuple[str, str, str]] = set()
        self._paths = [(path, _pattern(path)) for path in sorted(document["paths"], key=_specific_first)]

    def check(self, request: httpx.Request, response: httpx.Response, body: bytes) -> None:
        """Fails where status, type, headers or body of an answer are not documented so."""
        path = self.path_of(request)
        method = "get" if request.method == "HEAD" else request.method.lower()
        if path is None or method not in self.document["paths"][path]:
            return
        responses = self.document["paths"][path][method]["responses"]
        status = str(response.status_code)
        assert status in responses, f"{method} {path} answered {status}, which is not documented: {body[:300]!r}"
        self.seen.add((method, path, status))
        assert "x-request-id" in response.headers
        content = responses[status].get("content", {})
        if not body:
            return
        kind = response.headers["content-type"].split(";")[0]
        assert kind in content, f"{method} {path} answered {status} as {kind}; documented are {list(content)}"
        assert b'+00:00"' not in body, "times in UTC end in Z"
        if kind.endswith(("/json", "+json")):
            schema = {**content[kind]["schema"], "components": self.document["components"]}
            jsonschema_rs.Draft202012Validator(schema).validate(response.json())

    def path_of(self, request: httpx.Request) -> str | None:
        """The documented path that a request is for."""
        return next((path for path, pattern in self._paths if pattern.fullmatch(request.url.path)), None)


def _pattern(path: str) -> re.Pattern[str]:
    kinds = {"name": ".+", "number": "[1-9][0-9]{0,9}"}
    parts = re.split(r"\{(\w+)\}", path)
    return re.compile(
        "".join(kinds.get(part, "[^/]+") if i % 2 else re.escape(part) for i, part in enumerate(parts)), re.DOTALL
    )


def _specific_first(path: str) -> tuple[int, int, str]:
    return ("{number}" not in path, path.count("{"), path)


class CheckedTransport(httpx.AsyncBaseTransport):
    """Carries requests to the application and holds its answers against the document."""

    def __init__(self, app: Any, documented: Documented) -> None:
        self._inner = httpx.ASGITransport(app=app)
        self._documented = documented

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        body = await response.aread()
        self._documented.check(request, response, body)
        return response


@asynccontextmanager
async def running(app: Any) -> AsyncIterator[None]:
    """The application's lifespan, as a server drives it."""
    to_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    from_app: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    task = asyncio.create_task(
        app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, to_app.get, from_app.put)
    )
    await to_app.put({"type": "lifespan.startup"})
    assert (await from_app.get())["type"] == "lifespan.startup.complete"
    try:
        yield
    finally:
        await to_app.put({"type": "lifespan.shutdown"})
        assert (await from_app.get())["type"] == "lifespan.shutdown.complete"
        await task


@pytest.fixture
async def app(stocked: Registry) -> AsyncIterator[Any]:
    """The application of the stocked registry, running."""
    made = create_app(stocked)
    async with running(made):
        yield made


@pytest.fixture(scope="session")
def documents() -> list[Documented]:
    """Holds the checks once they are made: building the document takes longer than most tests."""
    return []


@pytest.fixture
async def documented(app: Any, documents: list[Documented]) -> Documented:
    """The checks of the application's document."""
    if not documents:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as plain:
            documents.append(Documented((await plain.get("/openapi.json")).json()))
    return documents[0]


@pytest.fixture
async def keys(stocked: Registry) -> dict[str, str]:
    """A key of each scope."""
    return {scope.value: (await stocked.accounts.create_key(user="ada", scope=scope))[1] for scope in reversed(Scope)}


@pytest.fixture
async def anonymous(app: Any, documented: Documented) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a key."""
    async with httpx.AsyncClient(transport=CheckedTransport(app, documented), base_url="http://test") as client:
        yield client


@pytest.fixture
async def client(app: Any, documented: Documented, keys: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client that may write, below the repository's address."""
    async with httpx.AsyncClient(
        transport=CheckedTransport(app, documented),
        base_url=f"http://test{BASE}",
        headers={"Authorization": f"Bearer {keys['write']}"},
    ) as client:
        yield client


@pytest.fixture
async def read_only(app: Any, documented: Documented, keys: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client that may read only."""
    async with httpx.AsyncClient(
        transport=CheckedTransport(app, documented),
        base_url=f"http://test{BASE}",
        headers={"Authorization": f"Bearer {keys['read']}"},
    ) as client:
        yield client


@pytest.fixture
async def browser(app: Any, documented: Documented) -> AsyncIterator[httpx.AsyncClient]:
    """A browser on the server's own machine: it keeps cookies, and says where its requests come from."""
    own = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    transport = CheckedTransport(app, documented)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=own) as client:

        async def send_cookies(request: httpx.Request) -> None:
            """Browsers send ``Secure`` cookies to localhost over HTTP, too; Python's jar does not."""
            pairs = [f"{name}={value}" for name, value in client.cookies.items()]
            if pairs:
                request.headers["Cookie"] = "; ".join(pairs)

        client.event_hooks = {"request": [send_cookies]}
        yield client
