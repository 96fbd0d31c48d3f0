"""What a replica knows to be old: it asks the Git node first, and gives it where that cannot answer either."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.answers import DEGRADED, FROM_CACHE, SUPERSEDED, make_answer
from api.forwarding import Forwarding
from api.git_node import open_git_node
from api.observing import Observed
from api.request_ids import RequestIds
from api.request_meters import RequestMeters
from registry.services.freshness import Freshness
from registry.services.repositories import RepositoryService
from tests.serving import served

TEMPLATE = "/api/v1/repositories/default/templates/a/b"
RENDER = "/api/v1/repositories/default/render/a/b"


async def old(scope: Scope, receive: Receive, send: Send) -> None:
    """A replica that reads its request, and has an old answer alone."""
    assert await Request(scope, receive).body() == (b"values" if scope["method"] == "POST" else b"")
    await make_answer(b"old").marked(SUPERSEDED).send(send)


@dataclass
class Sides:
    """A replica's client, and what its Git node was asked and answers."""

    client: httpx.AsyncClient
    status: int = 200
    asked: list[bytes] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The Git node."""
        self.asked.append(await Request(scope, receive).body())
        await Response("new", self.status)(scope, receive, send)


@pytest.fixture
async def sides() -> AsyncIterator[Sides]:
    async with AsyncExitStack() as stack:
        made = Sides(await stack.enter_async_context(httpx.AsyncClient()))
        port = await stack.enter_async_context(served(made))
        node = await stack.enter_async_context(open_git_node(f"http://127.0.0.1:{port}"))
        everything = cast("RepositoryService", SimpleNamespace(is_unclear=lambda _name: False))
        replica = Forwarding(old, node=node, freshness=cast("Freshness", None), repositories=everything)
        observed = Observed(replica, request_ids=RequestIds(), meters=RequestMeters(), denied=lambda *_: None)
        made.client.base_url = httpx.URL(f"http://127.0.0.1:{await stack.enter_async_context(served(observed))}")
        yield made


@pytest.mark.parametrize(("method", "path", "body"), [("GET", TEMPLATE, b""), ("POST", RENDER, b"values")])
async def test_the_git_node_is_asked_first_with_all_that_was_sent(
    sides: Sides, method: str, path: str, body: bytes
) -> None:
    answer = await sides.client.request(method, path, content=body or None)
    assert (answer.status_code, answer.text, sides.asked) == (200, "new", [body])


@pytest.mark.parametrize("status", [500, 503])
@pytest.mark.parametrize("path", [TEMPLATE, RENDER])
async def test_what_is_old_is_given_where_the_git_node_cannot_answer(sides: Sides, path: str, status: int) -> None:
    sides.status = status
    asked = sides.client.get(path) if path == TEMPLATE else sides.client.post(path, content=b"values")
    answer = await asked
    assert (answer.status_code, answer.text, len(sides.asked)) == (200, "old", 1)
    assert answer.headers[DEGRADED.decode()] == FROM_CACHE.decode()
