"""What reaches an application of what was sent, whichever pieces it was sent in."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from api.answers import make_answer
from tests.serving import served

FIRST = "POST /one HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
SECOND = "GET /고객지원?q=환불 HTTP/1.1\r\nX-Team: 환불팀\r\nHost: x\r\nConnection: close\r\n\r\n"
ASCII = "GET /two?q=a HTTP/1.1\r\nX-Team: 환불팀\r\nHost: x\r\nConnection: close\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the path, the query, the header ``x-team`` and the body as they came."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    team = dict(scope["headers"]).get(b"x-team", b"").decode()
    told = [scope["path"], scope["query_string"].decode(), team, body.decode()]
    await make_answer(json.dumps(told).encode()).send(send)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Where a server with the protocol listens."""
    async with served(echo) as found:
        yield found


async def told(port: int, *packets: bytes) -> list[list[str]]:
    """What the application was told, request by request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for packet in packets:
        writer.write(packet)
        await writer.drain()
        await asyncio.sleep(0.005)  # a packet of its own
    answers = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return [json.loads(body) for body in re.findall(rb"\[.*?\]", answers)] or [[answers.decode()]]


@pytest.mark.parametrize("end", ["GET", "/two", "q=a", "HTTP/1.1", "\r", "\r\n", "X-Te", "X-Team: "])
async def test_headers_of_a_pipelined_request_stay_as_they_are(port: int, end: str) -> None:
    kept = ASCII[: ASCII.index(end) + len(end)]
    found = await told(port, FIRST.encode(), f"body{kept}".encode(), ASCII[len(kept) :].encode())
    assert [line[:2] for line in found] == [["/one", ""], ["/two", "q=a"]]
    assert found[1][2] == "환불팀"


@pytest.mark.parametrize("kept", ["", "G", "GET ", "GET /"])
async def test_the_address_of_a_pipelined_request_is_taken_as_typed(port: int, kept: str) -> None:
    found = await told(port, FIRST.encode(), f"body{kept}".encode(), SECOND[len(kept) :].encode())
    assert found == [["/one", "", "", "body"], ["/고객지원", "q=%ED%99%98%EB%B6%88", "환불팀", ""]]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_an_address_in_pieces_is_taken_as_typed(port: int, size: int) -> None:
    data = SECOND.encode()
    assert await told(port, *(data[i : i + size] for i in range(0, len(data), size))) == [
        ["/고객지원", "q=%ED%99%98%EB%B6%88", "환불팀", ""]
    ]


async def test_headers_without_end_are_refused(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"{FIRST}bodyGET /two HTTP/1.1\r\n".encode())
    for _ in range(3):  # the third is one too many
        assert not reader.at_eof()
        await asyncio.sleep(0.01)
        writer.write(b"X-A: " + b"a" * 30_000 + b"\r\n")
        await writer.drain()
    answers = await asyncio.wait_for(reader.read(), 10)
    assert (answers.count(b"HTTP/1.1 200 "), answers.count(b"HTTP/1.1 431 ")) == (1, 1)
    assert b"longer than 65536 bytes" in answers
    writer.close()


async def test_a_long_body_and_many_requests_on_a_connection_are_no_long_headers(port: int) -> None:
    body = "x" * 300_000
    long = f"POST /long HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nX-Team: {'a' * 60_000}\r\n\r\n{body}"
    found = await told(port, *([long.encode()] * 3), ASCII.encode())
    assert [line[0] for line in found] == ["/long", "/long", "/long", "/two"]


@pytest.mark.parametrize("name", ["Upgrade", "upgrade", "UPGRADE"])
@pytest.mark.parametrize("after", ["", "Accept: x\r\n"])
async def test_an_offer_of_another_protocol_is_ignored(port: int, name: str, after: str) -> None:
    """As Java's client and ``curl --http2`` make it: the body is no other protocol's, but the request's."""
    offer = f"Connection: Upgrade, HTTP2-Settings\r\n{name}: h2c\r\nHTTP2-Settings: AAMAAABk\r\n{after}"
    body = "\r\noffer: h2c\r\n"
    request = f"POST /환불 HTTP/1.1\r\nHost: y\r\nContent-Length: {len(body)}\r\n{offer}\r\n{body}"
    assert await told(port, (request + ASCII).encode()) == [["/환불", "", "", body], ["/two", "q=a", "환불팀", ""]]
