"""How an Elasticsearch is spoken to: signed in, over TLS, and when what answers is something else."""

import asyncio
import ssl
import subprocess
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from registry.adapters.elasticsearch.cluster import Cluster, NotThere
from registry.domain.errors import Unavailable
from tests.backing import elasticsearch_url

PATIENCE = 20.0
FINE = b"200 OK", b"{}"


@asynccontextmanager
async def peer(
    answer: tuple[bytes, bytes] | bytes, heads: list[bytes], tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """The place of a server that says the same to everybody, a status and a body or just bytes, and notes who asks."""
    if isinstance(answer, tuple):
        status, body = answer
        answer = b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
    said = answer

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(said)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def ask(address: str, path: str = "/x", **settings: Any) -> object:
    cluster = Cluster(address, search_seconds=PATIENCE, **settings)
    try:
        return await cluster.ask("GET", path)
    finally:
        await cluster.close()


@pytest.mark.parametrize(
    ("address", "settings", "sent"),
    [
        ("http://{}", {}, b""),
        ("http://kim:se%40cret@{}", {}, b"Basic " + b64encode(b"kim:se@cret")),
        ("http://{}/", {"username": "kim", "password": "한글"}, b"Basic " + b64encode("kim:한글".encode())),
        ("http://kim:secret@{}", {"api_key": "bWluZQ=="}, b"ApiKey bWluZQ=="),
    ],
)
async def test_a_user_or_a_key_is_sent_as_a_header_alone(address: str, settings: dict[str, str], sent: bytes) -> None:
    heads: list[bytes] = []
    async with peer(FINE, heads) as place:
        assert await ask(address.format(place), **settings) == {}
    first, *lines = heads[0].split(b"\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(b": ") for line in lines)}
    assert first == b"GET /x HTTP/1.1"
    assert headers[b"host"] == place.encode()
    assert headers.get(b"authorization", b"") == sent


async def test_over_tls_the_certificate_has_to_hold(tmp_path: Path) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "certificate"]
    made += ["-subj", "/CN=engine", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(made, cwd=tmp_path, check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    heads: list[bytes] = []
    async with peer(FINE, heads, tls) as place:
        assert await ask(f"https://{place}", ca_file=tmp_path / "certificate") == {}
        with pytest.raises(Unavailable, match="cannot be reached"):
            await ask(f"https://{place}", api_key="secret")
    assert len(heads) == 1, "nothing is said to whom nobody knows"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((b"200 OK", b"<html>"), "answered 200 without JSON"),
        ((b"404 Not Found", b"no"), "answered 404 without JSON"),
        ((b"401 No", b'{"error": {"type": "security", "reason": "secret"}}'), "refused: 401 security"),
        ((b"400 No", b'["secret"]'), "refused: 400"),
        ((b"301 Moved\r\nLocation: http://127.0.0.1:1/secret", b"{}"), "refused: 301"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n{", "cannot be reached"),
        (b"220 secret mail\r\n", "cannot be reached"),
    ],
)
async def test_what_answers_as_no_engine_does_is_away(answer: tuple[bytes, bytes] | bytes, said: str) -> None:
    async with peer(answer, []) as place:
        with pytest.raises(Unavailable, match=said) as caught:
            await ask(f"http://{place}")
    assert "secret" not in str(caught.value)


async def test_what_the_engine_does_not_have_is_told_apart() -> None:
    with pytest.raises(NotThere):
        await ask(elasticsearch_url(), "/test-nothing-here/_mapping")
