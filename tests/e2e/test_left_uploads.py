"""An upload whose client goes away while it is read costs nothing any more."""

import json
import socket
import time
from pathlib import Path

import pytest

from tests.running import Running, children_of

pytestmark = pytest.mark.e2e

HEAD = (
    "POST /api/v1/repositories/default/imports?dry_run=true HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
    "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n"
)
PART = b'--b\r\nContent-Disposition: form-data; name="files"; filename="e.json"\r\n\r\n%s\r\n--b--\r\n'


def readers(server: Running) -> list[int]:
    assert server.process is not None
    return [pid for pid, line in children_of(server.process.pid) if "import_worker" in line]


def wait_until(server: Running, count: int) -> None:
    until = time.monotonic() + 20
    while len(readers(server)) != count:
        assert time.monotonic() < until, f"{readers(server)}\n{server.tail()}"
        time.sleep(0.02)


def test_the_reading_ends_when_the_client_leaves(tmp_path: Path) -> None:
    entries = [{"name": "a", "version": n, "type": "text", "prompt": f"{n}", "labels": []} for n in range(1, 60_001)]
    body = PART % json.dumps(entries).encode()
    server = Running(tmp_path / "data", tmp_path / "log")
    server.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(HEAD.format(key=server.key, length=len(body)).encode() + body)
            wait_until(server, 1)
        wait_until(server, 0)
        assert "Traceback" not in server.tail()
        assert server.is_ready()
    finally:
        server.stop()
