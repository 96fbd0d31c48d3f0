"""What a replica passes on to the Git node, over real sockets on both sides."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from api import git_node
from api.forwarding import Forwarding
from api.gateway import BodyLimits, Gateway
from api.git_node import GitNode, open_git_node
from api.observing import LEFT, Observed
from api.request_ids import RequestIds
from api.request_meters import RequestMeters
from api.security_headers import NAMES
from registry.adapters.breakers import REST_SECONDS
from registry.domain.access import Actor
from registry.domain.dependencies import Circuit
from registry.domain.errors import Unavailable
from registry.domain.ids import UserName
from registry.domain.rights import on_server
from registry.domain.roles import Role
from registry.ports.git import BornRepositories
from registry.services.freshness import Freshness
from registry.services.identification import Identification
from registry.services.repositories import RepositoryService
from tests.serving import served

RENDER = "/api/v1/repositories/default/render/a/b"
TEMPLATE = "/api/v1/repositories/default/templates/a/b"
REFS = "/git/default.git/info/refs?service=git-receive-pack"
DIFF = "/api/v1/repositories/default/diffs/a/b"


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
        return Actor(user=UserName("ada"), name="Ada", email="ada@example.com", rights=on_server(Role.AUTHOR))


class Nowhere:
    """Has seen no commit."""

    async def has_seen(self, _repository: str, _commit: str) -> bool:
        """Never."""
        return False


class Known:
    """Knows two repositories; of one it knows drafts alone."""

    def names(self) -> list[str]:
        """Their names."""
        return ["default", "drafts"]

    def has_commits(self, name: str) -> bool | None:
        """Whether there are any on the default branch, where that is known."""
        return True if name == "default" else None


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
    git = GitSide()
    async with served(git) as port, replica(git, port) as made:
        yield made


@asynccontextmanager
async def replica(git: GitSide, port: int) -> AsyncIterator[Setting]:
    """A replica whose Git node is at a port."""
    async with AsyncExitStack() as stack:
        meters = RequestMeters()
        node = await stack.enter_async_context(open_git_node(f"http://127.0.0.1:{port}"))
        gateway = Gateway(
            away, git=away, identification=cast("Identification", Anyone()), limits=BodyLimits(1000, 1000)
        )
        forwarding = Forwarding(
            gateway,
            node=node,
            freshness=cast("Freshness", Nowhere()),
            repositories=RepositoryService(git=cast("BornRepositories", Known())),
        )
        observed = Observed(forwarding, request_ids=RequestIds(), meters=meters, denied=lambda *_: None)
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


async def test_what_browsers_are_told_is_told_once(setting: Setting) -> None:
    """The Git node says it, too, and its answer is passed on."""
    answer = await setting.say(request("GET", DIFF, "Connection: close"))
    assert answer.endswith(b"from Git")
    assert {name: answer.count(b"\r\n%s: " % name) for name in NAMES if b"\r\n%s: " % name in answer} == dict.fromkeys(
        NAMES - {b"strict-transport-security"}, 1
    )


@pytest.mark.parametrize("name", ["new", "drafts"])
async def test_only_the_git_node_can_say_that_there_is_no_such_repository_or_nothing_in_it(
    setting: Setting, name: str
) -> None:
    for noun in ("search", "labels", "versions/a"):
        known, unknown = f"/api/v1/repositories/default/{noun}", f"/api/v1/repositories/{name}/{noun}"
        assert (await setting.say(request("GET", known, "Connection: close")))[:12] == b"HTTP/1.1 503"
        assert (await setting.say(request("GET", unknown, "Connection: close"))).endswith(b"from Git")
        assert setting.git.asked.pop() == f"GET {unknown}"
    assert not setting.git.asked


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
    monkeypatch.setattr(git_node, "CONNECTIONS", 1)
    monkeypatch.setattr(git_node, "FREE_SECONDS", 0.2)


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
    monkeypatch.setattr(git_node, "TEMPLATE_SECONDS", 0.2)
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


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks whether the Git node lives asks soon."""
    monkeypatch.setattr(git_node, "SILENT_SECONDS", 0.1)
    monkeypatch.setattr(git_node, "LIVE_SECONDS", 1.0)


@pytest.mark.usefixtures("impatient")
async def test_a_read_that_takes_long_is_waited_for_while_the_git_node_lives(setting: Setting) -> None:
    go_on = asyncio.Event()

    async def hold(asked: Request) -> Response:
        if asked.url.path == DIFF:
            await go_on.wait()
        return PlainTextResponse("at last")

    setting.git.answer = hold
    reading = asyncio.create_task(setting.say(request("GET", DIFF, "Connection: close")))
    async with asyncio.timeout(10):
        while setting.git.asked.count("GET /livez") < 3:
            await asyncio.sleep(0.01)
    go_on.set()
    assert (await reading).endswith(b"at last")


@pytest.mark.usefixtures("impatient")
async def test_a_git_node_that_is_slow_is_not_away(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_node, "TEMPLATE_SECONDS", 0.5)
    go_on = asyncio.Event()

    async def hold(asked: Request) -> Response:
        if asked.url.path != "/livez":
            await go_on.wait()
        return PlainTextResponse("at last")

    setting.git.answer = hold
    try:
        answers = [await setting.say(request("GET", TEMPLATE, "Connection: close")) for _ in range(4)]
    finally:
        go_on.set()
    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 503"}
    assert setting.git.asked.count(f"GET {TEMPLATE}") == 4, "each of them was tried"
    assert setting.node.condition().circuit is Circuit.CLOSED


ANSWERING = """
import http.server, sys
class Git(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b"from Git")
    do_DELETE = do_GET
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Git)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def git_process() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A Git node of the tests that can be stopped, and its port."""
    with subprocess.Popen([sys.executable, "-c", ANSWERING], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as made:
        assert made.stdout is not None
        yield made, int(made.stdout.readline())
        made.kill()


async def stopped(process: subprocess.Popen[bytes]) -> None:
    """Stops it, and waits until it is: a process that runs at the moment goes on a little."""
    process.send_signal(signal.SIGSTOP)
    async with asyncio.timeout(10):
        while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            await asyncio.sleep(0.001)


@pytest.mark.usefixtures("impatient")
async def test_a_git_node_that_hangs_is_waited_for_by_few_reads_and_by_every_write(
    git_process: tuple[subprocess.Popen[bytes], int],
) -> None:
    process, port = git_process
    read, write = (request(method, DIFF, "Connection: close") for method in ("GET", "DELETE"))
    async with replica(GitSide(), port) as setting:
        assert (await setting.say(read)).endswith(b"from Git")
        await stopped(process)
        writing = asyncio.create_task(setting.say(write))
        first = await asyncio.gather(*(setting.say(read) for _ in range(3)))
        assert setting.node.condition().circuit is Circuit.OPEN
        began = time.monotonic()
        then = [await setting.say(read) for _ in range(20)]
        assert time.monotonic() - began < REST_SECONDS, "nobody waits any more"
        assert {answer[:12] for answer in (*first, *then)} == {b"HTTP/1.1 503"}
        assert all(b"Git node is away" in answer for answer in (*first, *then))
        assert not writing.done(), "it has been sent"
        began = time.monotonic()
        assert (await setting.say(request("GET", REFS, "Connection: close")))[:12] == b"HTTP/1.1 503"
        assert time.monotonic() - began > 0.5, "a push and a clone are sent, whatever is known of the node"
        process.send_signal(signal.SIGCONT)
        assert (await writing).endswith(b"from Git")
        async with asyncio.timeout(3 * REST_SECONDS):
            while not (await setting.say(read)).endswith(b"from Git"):
                await asyncio.sleep(0.05)
        assert setting.node.condition().circuit is Circuit.CLOSED


@pytest.mark.usefixtures("impatient")
async def test_a_read_opens_the_way_again_by_itself(git_process: tuple[subprocess.Popen[bytes], int]) -> None:
    process, port = git_process
    read = request("GET", DIFF, "Connection: close")
    async with replica(GitSide(), port) as setting:
        await stopped(process)
        await asyncio.gather(*(setting.say(read) for _ in range(3)))
        process.send_signal(signal.SIGCONT)
        assert (await setting.say(read))[:12] == b"HTTP/1.1 503", "it is left alone for a moment"
        async with asyncio.timeout(3 * REST_SECONDS):
            while not (await setting.say(read)).endswith(b"from Git"):
                await asyncio.sleep(0.05)
