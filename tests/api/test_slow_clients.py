"""Clients that are too slow are ended, and those that are only slow are not: over raw sockets, with small settings."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.types import Receive, Scope, Send

from api.answers import make_answer
from api.edge import Edge
from api.slow_clients import Patience
from tests.serving import served

HEAD = b"POST /a HTTP/1.1\r\nHost: x\r\n"
LARGE = 30_000_000


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Takes a body and says its length; ``/large`` answers much, ``/stream`` piece by piece, ``/late`` after a while."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(5_000):  # nobody says when the client is gone
            await send({"type": "http.response.body", "body": b"x" * 10_000, "more_body": True})
            await asyncio.sleep(0)
    if scope["path"] == "/late":
        await asyncio.sleep(1.5)
    await make_answer(b"x" * LARGE if scope["path"] == "/large" else b"%d bytes" % size).send(send)


@asynccontextmanager
async def edged(refused: Counter[str], patience: Patience, connections: int = 0) -> AsyncIterator[int]:
    edge = Edge(patience=patience, connections=connections, keep_alive_seconds=0.3, refused=refused)
    async with served(app, edge) as port:
        yield port


IMPATIENT = Patience(head_seconds=0.4, slow_seconds=0.4, slow_bytes=1000)


@pytest.mark.parametrize(
    ("packets", "status"),
    [
        ([], b""),
        ([b"GET"], b"HTTP/1.1 408"),
        ([b"GET / HTTP/1.1\r\n", *[b"X-A: a\r\n"] * 100], b"HTTP/1.1 408"),
    ],
    ids=["nothing", "a word", "a header now and then"],
)
async def test_a_head_has_to_come_in_time(packets: list[bytes], status: bytes) -> None:
    refused: Counter[str] = Counter()
    async with edged(refused, IMPATIENT) as port:
        assert (await dripped(port, packets))[:12] == status
    assert refused == {"slow_head": 1}


async def dripped(port: int, packets: list[bytes]) -> bytes:
    """What is answered while packets are sent with a pause after each."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        for packet in packets:
            writer.write(packet)
            await asyncio.sleep(0.05)

    sending = asyncio.create_task(send())
    try:
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionResetError:
        return b"HTTP/1.1 408 (reset)"
    finally:
        sending.cancel()
        writer.close()


@pytest.mark.parametrize("how", [b"Content-Length: 100000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"])
async def test_a_body_has_to_come_fast_enough(how: bytes) -> None:
    refused: Counter[str] = Counter()
    async with edged(refused, IMPATIENT) as port:
        assert (await dripped(port, [HEAD + how, *[b"1\r\nx\r\n"] * 400])).startswith(b"HTTP/1.1 408")
    assert refused == {"slow_body": 1}


async def test_a_large_body_may_take_long() -> None:
    refused: Counter[str] = Counter()
    async with edged(refused, IMPATIENT) as port:
        packets = [HEAD + b"Connection: close\r\nContent-Length: 50000\r\n\r\n", *[b"x" * 1250] * 40]  # two seconds
        assert (await dripped(port, packets)).endswith(b"\r\n\r\n50000 bytes")
    assert not refused


async def test_who_waits_for_an_answer_or_for_leave_to_send_is_not_slow() -> None:
    refused: Counter[str] = Counter()
    async with edged(refused, IMPATIENT) as port:
        late = dripped(port, [b"GET /late HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"])
        assert (await late).startswith(b"HTTP/1.1 200")
    assert not refused


@pytest.mark.parametrize("path", [b"/large", b"/stream"])
async def test_an_answer_has_to_be_read(path: bytes) -> None:
    refused: Counter[str] = Counter()
    async with edged(refused, IMPATIENT) as port:
        with quiet_client(port) as client:
            client.sendall(b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path)
            await until(refused, "slow_reader")


def quiet_client(port: int) -> socket.socket:
    """One whose system holds little for it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    return client


async def until(refused: Counter[str], reason: str) -> None:
    async with asyncio.timeout(20):
        while not refused[reason]:
            await asyncio.sleep(0.05)


async def test_who_reads_slowly_gets_all_of_it() -> None:
    refused: Counter[str] = Counter()
    async with edged(refused, IMPATIENT) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=65_536)
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        size = 0
        while data := await reader.read(1_000_000):
            size += len(data)
            await asyncio.sleep(0.02)
        writer.close()
    assert size > LARGE
    assert not refused


async def test_empty_lines_do_not_keep_a_connection() -> None:
    refused: Counter[str] = Counter()
    async with edged(refused, IMPATIENT) as port:
        answer = await dripped(port, [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", *[b"\r\n"] * 100])
        assert answer.startswith(b"HTTP/1.1 200")
    assert refused == {"slow_head": 1}


async def test_an_idle_connection_ends() -> None:
    refused: Counter[str] = Counter()
    async with edged(refused, IMPATIENT) as port:
        assert (await dripped(port, [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])).startswith(b"HTTP/1.1 200")
    assert not refused


async def test_an_address_has_so_many_connections() -> None:
    refused: Counter[str] = Counter()
    async with edged(refused, Patience(), connections=3) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await asyncio.sleep(0.05)
        answer = await dripped(port, [])
        assert answer.startswith(b"HTTP/1.1 429")
        assert b"\r\nretry-after: " in answer
        held.pop()[1].close()
        await asyncio.sleep(0.05)
        again = await dripped(port, [b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"])
        assert again.startswith(b"HTTP/1.1 200")
        for _, writer in held:
            writer.close()
    assert refused == {"many_connections": 1}
