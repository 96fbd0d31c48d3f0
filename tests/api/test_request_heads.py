"""Shapes of requests that two servers in a row could read differently, and heads that are too long: over raw sockets."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from api.answers import make_answer
from api.edge import Edge, HeadLimits
from tests.observatory import grade
from tests.serving import served

POST = b"POST /a HTTP/1.1\r\nHost: x\r\n"
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

SHAPES = {
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "the same length twice": POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "a list of lengths": POST + b"Content-Length: 1, 1\r\n\r\nx",
    "a length with a sign": POST + b"Content-Length: +1\r\n\r\nx",
    "a negative length": POST + b"Content-Length: -1\r\n\r\nx",
    "a hexadecimal length": POST + b"Content-Length: 0x1\r\n\r\nx",
    "a length in two words": POST + b"Content-Length: 1 1\r\n\r\nx",
    "an empty length": POST + b"Content-Length:\r\n\r\n",
    "a length that overflows": POST + b"Content-Length: 18446744073709551617\r\n\r\nx",
    "a coding that is like chunked": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "chunked twice": CHUNKED + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding before": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n",
    "a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST /a HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": POST + b"Content-Length : 1\r\n\r\nx",
    "a folded header": GET + b"X-A: a\r\n b: c\r\n\r\n",
    "a folded coding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "a space before the first header": b"GET /a HTTP/1.1\r\n Host: x\r\n\r\n",
    "bare line feeds": b"GET /a HTTP/1.1\nHost: x\n\n",
    "a bare line feed in the headers": GET + b"X-A: a\nX-B: b\r\n\r\n",
    "a bare line feed at the end": GET + b"\n",
    "a bare carriage return": GET + b"X-A: a\rX-B: b\r\n\r\n",
    "NUL in a value": GET + b"X-A: a\x00b\r\n\r\n",
    "NUL in a name": GET + b"X\x00A: b\r\n\r\n",
    "a control character": GET + b"X-A: a\x01b\r\n\r\n",
    "a header without a colon": GET + b"X-A\r\n\r\n",
    "a header without a name": GET + b": a\r\n\r\n",
    "a size with 0x": CHUNKED + b"\r\n0x1\r\nx\r\n0\r\n\r\n",
    "a size with a sign": CHUNKED + b"\r\n+1\r\nx\r\n0\r\n\r\n",
    "a size with a space": CHUNKED + b"\r\n1 \r\nx\r\n0\r\n\r\n",
    "a size that overflows": CHUNKED + b"\r\nfffffffffffffffff1\r\nx\r\n0\r\n\r\n",
    "a size with a bare line feed": CHUNKED + b"\r\n1\nx\r\n0\r\n\r\n",
    "an extension with a line feed": CHUNKED + b"\r\n1;a\nb\r\nx\r\n0\r\n\r\n",
    "a chunk longer than it says": CHUNKED + b"\r\n1\r\nxyz\r\n0\r\n\r\n",
    "a chunk that ends with a line feed": CHUNKED + b"\r\n1\r\nx\n0\r\n\r\n",
    "a length among the trailers": CHUNKED + b"\r\n0\r\nContent-Length: 5\r\n\r\n",
    "two hosts": GET + b"Host: y\r\n\r\n",
    "no host": b"GET /a HTTP/1.1\r\n\r\n",
    "HTTP/0.9": b"GET /a\r\n\r\n",
    "HTTP/2": b"GET /a HTTP/2.0\r\nHost: x\r\n\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a proxy's CONNECT": b"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


class Echo:
    """Answers with the path and body, and notes both; or reads no body where the path says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes]] = []
        self.headers: list[list[tuple[bytes, bytes]]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", scope["path"] != "/early"
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.asked.append((scope["path"], body))
        self.headers.append(scope["headers"])
        await make_answer(json.dumps([scope["path"], body.decode()]).encode()).send(send)


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def refused() -> Counter[str]:
    return Counter()


@pytest.fixture
async def port(echo: Echo, refused: Counter[str]) -> AsyncIterator[int]:
    head = HeadLimits(address_bytes=1000, head_bytes=4000, headers=20)
    async with served(echo, Edge(head=head, keep_alive_seconds=0.2, refused=refused)) as found:
        yield found


async def say(port: int, *packets: bytes) -> bytes:
    """What is answered until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for packet in packets:
            writer.write(packet)
            await writer.drain()
            await asyncio.sleep(0.01)
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        return b"reset"
    finally:
        writer.close()


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


@pytest.mark.parametrize("shape", SHAPES)
async def test_what_could_be_read_in_two_ways_is_refused(
    port: int, echo: Echo, refused: Counter[str], shape: str
) -> None:
    """With a second request in the same packet: it must not be taken for one, and the connection ends."""
    answer = await say(port, SHAPES[shape] + SMUGGLED)
    assert statuses(answer) == [400]
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in head
    assert json.loads(body)["type"] == "/docs/errors#bad-request"
    assert "/smuggled" not in [path for path, _ in echo.asked]
    assert refused == {"malformed": 1}
    lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
    assert grade({name: value for name, _, value in lines}, tls=False).letter == "A+"


@pytest.mark.parametrize("name", [b"Upgrade", b"UPGRADE", b"uPgRaDe"])
@pytest.mark.parametrize("length", [b"Content-Length: %d" % len(SMUGGLED), b"Transfer-Encoding: chunked"])
async def test_no_body_is_a_request_of_another_protocol(port: int, echo: Echo, name: bytes, length: bytes) -> None:
    """For the parser an ``Upgrade`` ends a request with its head, wherever the packets end."""
    head = POST + b"Connection: upgrade\r\n" + name + b": websocket\r\n" + length + b"\r\n\r\n"
    cuts = range(len(POST) - 2, len(head) + 1, 3)
    answers = await asyncio.gather(*(say(port, head[:cut], head[cut:], SMUGGLED) for cut in cuts))
    assert "/smuggled" not in [path for path, _ in echo.asked]
    assert {len(statuses(answer)) for answer in answers} == {1}


@pytest.mark.parametrize(
    "sent",
    [
        CHUNKED + b"\r\n1;a=b\r\nx\r\n0\r\nX-Late: yes\r\nAuthorization: Bearer late\r\n\r\n",
        POST + b"Transfer-Encoding:\tCHUNKED\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        POST + b"Content-Length: 1\r\n\r\nx",
        b"\r\n" + POST + b"Content-Length: 01\r\n\r\nx",
        b"POST http://elsewhere/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
        b"POST /a HTTP/1.0\r\nContent-Length: 1\r\n\r\nx",
    ],
)
async def test_what_can_be_read_in_one_way_is_answered(port: int, echo: Echo, sent: bytes) -> None:
    assert statuses(await say(port, sent)) == [200]
    assert echo.asked == [("/a", b"x")]
    assert {name for name, _ in echo.headers[0]} <= {b"host", b"transfer-encoding", b"content-length"}


async def test_nothing_behind_the_last_request_of_a_connection_is_one(port: int, echo: Echo) -> None:
    assert statuses(await say(port, GET + b"Connection: close\r\n\r\n" + SMUGGLED)) == [200]
    assert echo.asked == [("/a", b"")]


async def test_a_request_before_rubbish_gets_its_own_answer(port: int, echo: Echo, refused: Counter[str]) -> None:
    """The refusal must not come in its place."""
    answer = await say(port, GET + b"\r\n" + SHAPES["two hosts"])
    assert statuses(answer) == [200]
    assert answer.endswith(b'["/a", ""]')
    assert refused == {"malformed": 1}


async def test_requests_at_once_are_answered_in_order(port: int, echo: Echo) -> None:
    sent = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(50))
    answer = await say(port, sent + GET + b"Connection: close\r\n\r\n")
    assert [path for path, _ in echo.asked] == [*(f"/{number}" for number in range(50)), "/a"]
    assert statuses(answer) == [200] * 51


@pytest.mark.parametrize(
    ("packets", "status"),
    [
        ([b"GET /" + b"a" * 1001 + b" HTTP/1.1\r\nHost: x\r\n\r\n"], 414),
        ([b"GET /?q=" + b"a" * 600, b"a" * 600], 414),
        ([GET + b"X-A: " + b"a" * 5000 + b"\r\n\r\n"], 431),
        ([GET + b"X-A: " + b"a" * 3000, b"a" * 3000], 431),
        ([GET, *[b"X-A: " + b"a" * 900 + b"\r\n"] * 6], 431),
        ([GET + b"X-A: a\r\n" * 25 + b"\r\n"], 431),
        ([CHUNKED + b"\r\n", b"1;" + b"a" * 6000 + b"\r\n"], 431),
        ([CHUNKED + b"\r\n1\r\nx\r\n0\r\n", *[b"X-A: " + b"a" * 900 + b"\r\n"] * 6], 431),
    ],
    ids=["address", "address in pieces", "header", "header in pieces", "headers", "many", "extension", "trailers"],
)
async def test_heads_have_limits(port: int, echo: Echo, packets: list[bytes], status: int) -> None:
    answer = await say(port, *packets, SMUGGLED)
    assert statuses(answer) == [status]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == status
    assert "/smuggled" not in [path for path, _ in echo.asked]


async def test_a_body_of_tiny_chunks_is_taken(port: int, echo: Echo) -> None:
    body = b"1\r\nx\r\n" * 20_000
    assert statuses(await say(port, CHUNKED + b"Connection: close\r\n\r\n", body, b"0\r\n\r\n")) == [200]
    assert len(echo.asked[0][1]) == 20_000


async def test_a_connection_ends_whose_body_came_behind_the_answer(port: int) -> None:
    """Uvicorn stops its own clock then, and the connection would stay for ever."""
    sent = b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
    assert statuses(await say(port, sent, b"bo", b"dy")) == [200]
