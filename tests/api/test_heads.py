"""HEAD over a real socket: the headers of a GET, no body, and a connection that goes on."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.conftest import BASE
from tests.serving import served

PATHS = [
    ("/livez", 200),
    ("/docs", 200),
    ("/api/v1/repositories", 200),
    (f"{BASE}/templates/support/triage", 200),
    (f"{BASE}/search?q=triage", 200),
    (f"{BASE}/bundle", 200),
    (f"{BASE}/events", 200),
    (f"{BASE}/templates/no/such", 404),
    (f"{BASE}/templates?limit=x", 400),
    ("/no/such", 404),
]


@pytest.fixture
async def port(app: Any) -> AsyncIterator[int]:
    """Where the whole application is served."""
    async with served(app) as found:
        yield found


@pytest.mark.parametrize(("path", "status"), PATHS)
async def test_a_head_is_answered_and_the_connection_goes_on(
    port: int, keys: dict[str, str], path: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = f"HEAD {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {keys['read']}\r\n\r\n"
    try:
        async with asyncio.timeout(10):
            for _ in range(2):
                writer.write(request.encode())
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(f"HTTP/1.1 {status} ".encode()), head
            writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    finally:
        writer.close()
    assert [each.message for each in caplog.records if each.levelno >= logging.WARNING] == []
