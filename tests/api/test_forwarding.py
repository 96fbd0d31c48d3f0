"""What a replica passes on to the Git node, over real sockets on both sides."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import cast

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from api import forwarding
from api.forwarding import Forwarding, GitNode, open_git_node
from api.gateway import BodyLimits, Gateway
from api.observing import LEFT, Observed
from api.request_ids import RequestIds
from api.request_meters import RequestMeters
from registry.domain.access import Actor
from registry.domain.access import Scope as KeyScope
from registry.domain.dependencies import Circuit
from registry.domain.errors import Unavailable
from registry.domain.ids import UserName
from registry.services.accounts import Accounts
from registry.services.freshness import Freshness
from tests.serving import served

RENDER = "/api/v1/repositories/default/render/a/b"
TEMPLATE = "/api/v1/repositories/default/templates/a/b"


@dataclass
class GitSide:
    """A Git node of the tests: notes what it is asked, and answers it."""

    asked: list[str] = field(default_factory=list)
    answer: Callable[[Request], Awaitable[Response]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers."""
        request = Request(scope, receive)
        self.asked.append(f"{request.method} {request.url.path}")
        made = await self.answer(request) if self.answer is not None else PlainTextResponse("from Git")
        await made(scope, receive, send)


class Anyone:
    """Knows every key."""

    async def authenticate(self, _secret: str) -> Actor:
        """The same writer for each."""
        return Actor(user=UserName("ada"), name="Ada", email="ada@example.com", scope=KeyScope.WRITE)


class Nowhere:
    """Has seen no commit."""

    async def has_seen(self, _repository: str, _commit: str) -> bool:
        """Never."""
        return False


async def away(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Answers as routes do whose catalogue is away."""
    raise Unavailable("The catalogue is away.")


@dataclass
class Setting:
    """A replica without its catalogue, and its Git node."""

    git: GitSide
    node: GitNode
    port: int
    meters: RequestMeters

    async def say(self, *packets: bytes) -> bytes:
        """What the replica answers on one connection, until it ends."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(10):
                for packet in packets:
                    writer.write(packet)
                    await writer.drain()
                return await reader.read()
        finally:
            writer.close()


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    """All of it, running."""
    async with AsyncExitStack() as stack:
        git, meters = GitSide(), RequestMeters()
        node = await stack.enter_async_context(
            open_git_node(f"http://127.0.0.1:{await stack.enter_async_context(served(git))}")
        )
        gateway = Gateway(away, git=away, accounts=cast("Accounts", Anyone()), limits=BodyLimits(1000, 1000))
        replica = Forwarding(gateway, node=node, freshness=cast("Freshness", Nowhere()))
        observed = Observed(replica, request_ids=RequestIds(), meters=meters)
        yield Setting(git, node, await stack.enter_async_context(served(observed)), meters)


def request(method: str, path: str, *headers: str) -> bytes:
    """The head of a request with a key."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Authorization: Bearer k", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def test_a_head_that_git_has_to_answer_stays_one(setting: Setting) -> None:
    answer = await setting.say(request("HEAD", TEMPLATE) + request("GET", TEMPLATE, "Connection: close"))
    assert setting.git.asked == [f"HEAD {TEMPLATE}", f"GET {TEMPLATE}"]
    first, second, body = answer.split(b"\r\n\r\n")
    assert (first[:12], second[:12], body) == (b"HTTP/1.1 200", b"HTTP/1.1 200", b"from Git")
    assert setting.meters.statuses["HEAD", "forwarded", 200] == 1


async def test_who_leaves_in_the_middle_of_an_upload_does_not_make_the_git_node_look_away(setting: Setting) -> None:
    ended = asyncio.Event()

    async def receive(asked: Request) -> Response:
        try:
            await asked.body()
        except ClientDisconnect:
            ended.set()
        return PlainTextResponse("too late")

    setting.git.answer = receive
    _, writer = await asyncio.open_connection("127.0.0.1", setting.port)
    writer.write(request("PUT", TEMPLATE, "Content-Length: 1000") + b"schema: prompt/v1\n")
    async with asyncio.timeout(10):
        while not setting.git.asked:
            await asyncio.sleep(0.01)
        writer.close()
        await ended.wait()
        while not setting.meters.statuses:
            await asyncio.sleep(0.01)
    assert dict(setting.meters.statuses) == {("PUT", "forwarded", LEFT): 1}
    assert setting.node.condition().circuit is Circuit.CLOSED


@pytest.fixture
def one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more to the Git node, and little patience."""
    monkeypatch.setattr(forwarding, "CONNECTIONS", 1)
    monkeypatch.setattr(forwarding, "FREE_SECONDS", 0.2)


@pytest.mark.usefixtures("one_connection")
async def test_a_free_connection_is_not_waited_for_without_end(setting: Setting) -> None:
    go_on = asyncio.Event()

    async def hold(_asked: Request) -> Response:
        await go_on.wait()
        return PlainTextResponse("at last")

    setting.git.answer = hold
    sent = request("DELETE", TEMPLATE, "Connection: close")
    first = asyncio.create_task(setting.say(sent))
    async with asyncio.timeout(10):
        while not setting.git.asked:
            await asyncio.sleep(0.01)
        second = await setting.say(sent)
    assert (second[:12], b"Git node is away" in second) == (b"HTTP/1.1 503", True), second
    go_on.set()
    assert (await first).endswith(b"at last")
    assert setting.git.asked == [f"DELETE {TEMPLATE}"]


@pytest.mark.parametrize("sent", [request("GET", TEMPLATE), request("POST", RENDER, "Content-Length: 0")])
async def test_a_git_node_that_hangs_is_not_waited_for_long_by_who_reads_one_template(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(forwarding, "INSTEAD_SECONDS", 0.2)
    go_on = asyncio.Event()

    async def hold(_asked: Request) -> Response:
        await go_on.wait()
        return PlainTextResponse("at last")

    setting.git.answer = hold
    try:
        answer = await setting.say(sent.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    finally:
        go_on.set()
    assert (answer[:12], b"Git node is away" in answer) == (b"HTTP/1.1 503", True), answer
