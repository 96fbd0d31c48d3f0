"""The product as a user runs it: ``promptuary serve`` as a process of its own, and a client with one connection."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from registry.domain.rate_limits import LimitKind

START_SECONDS = 300.0
REPOSITORY = "default"
IDLE_SECONDS = 3.0
"""A connection that was idle for longer is made anew: the server closes it after some seconds."""
PROGRAM = [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main())"]


def clean_environment() -> dict[str, str]:
    """The environment of a child: nothing of ours in it, and no Git that asks or reads anybody's configuration."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PROMPTUARY_", "GIT_"))}  # noqa: TID251 - passed on to children, not read
    return kept | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "PYTHONUNBUFFERED": "1",
    }


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Client:
    """One kept-alive connection, so that times are those of requests."""

    port: int
    key: str
    _connection: http.client.HTTPConnection | None = field(default=None, init=False)
    _used: float = field(default=0.0, init=False)

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of an answer."""
        if self._connection is None or time.monotonic() - self._used > IDLE_SECONDS:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection.request(method, path, body, {"Authorization": f"Bearer {self.key}", **(headers or {})})
        answer = self._connection.getresponse()
        content = answer.read()
        self._used = time.monotonic()
        return answer.status, content

    def get(self, path: str) -> Any:
        """The JSON of a GET that has to succeed."""
        status, body = self.call("GET", path)
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {body[:300].decode('utf-8', 'replace')}")
        return json.loads(body)

    def timed(self, method: str, path: str, body: bytes | None = None, **headers: str) -> float:
        """Milliseconds of a request that has to succeed (a 304, where that is asked for, is a success)."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        started = time.perf_counter()
        status, answer = self.call(method, path, body, named)
        spent = (time.perf_counter() - started) * 1000
        if status >= 300 and status != 304:
            raise RuntimeError(f"{method} {path}: {status} {answer[:500].decode('utf-8', 'replace')}")
        return spent


def api(noun: str, name: str = "", **query: str | int) -> str:
    """The path of a request about the measured repository."""
    asked = "&".join(f"{key}={quote(str(value), safe='')}" for key, value in query.items())
    below = f"/{quote(name)}" if name else ""
    return f"/api/v1/repositories/{REPOSITORY}/{noun}{below}{'?' if asked else ''}{asked}"


@dataclass(frozen=True, slots=True)
class Product:
    """A running server; ``ready_ms`` is how long it took from its start to 200 on /readyz."""

    port: int
    data: Path
    process: subprocess.Popen[bytes]
    ready_ms: float

    @property
    def key(self) -> str:
        return (self.data / "admin-key").read_text("utf-8").strip()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Client:
        return Client(self.port, self.key)

    @property
    def git_url(self) -> str:
        return f"http://bench:{self.key}@127.0.0.1:{self.port}/git/{REPOSITORY}.git"


@contextmanager
def serving(data: Path, more: Mapping[str, str] | None = None, program: Sequence[str] = ()) -> Iterator[Product]:
    """Starts the server on a data folder, with ``more`` settings, and waits until it is ready; or another program."""
    settings = {"PROMPTUARY_DATA": str(data), "PROMPTUARY_SAMPLE": "false", **(more or {})}
    with begun("serve", settings, data.with_name(f"{data.name}.log"), program) as started:
        started.wait()
        yield Product(started.port, data, started.process, (time.perf_counter() - started.began) * 1000)


@dataclass(frozen=True, slots=True)
class Started:
    """A process of the program that was begun at a time (``time.perf_counter``), whether it is ready or not."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    began: float

    def wait(self) -> None:
        """Until it is ready."""
        wait_until_ready(f"http://127.0.0.1:{self.port}/readyz", self.process, self.log)


@contextmanager
def begun(command: str, settings: Mapping[str, str], log: Path, program: Sequence[str] = ()) -> Iterator[Started]:
    """Starts a process of the program on a port of its own, and ends it afterwards."""
    port = free_port()
    # One key asks all that is measured: what it may ask is no part of it.
    unlimited = {f"PROMPTUARY_RATE_{kind.upper()}": "off" for kind in LimitKind}
    environment = clean_environment() | unlimited | dict(settings) | {"PROMPTUARY_PORT": str(port)}
    with log.open("ab") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            [*(program or PROGRAM), *command.split()], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield Started(port, process, log, began)
    finally:
        stop(process)


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until a GET answers 200. Raises RuntimeError with the end of the log where that does not come."""
    until = time.monotonic() + START_SECONDS
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{url} does not become ready:\n{log.read_text('utf-8', 'replace')[-3000:]}")
        time.sleep(0.005)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a server as Ctrl-C does; kills it where it does not end."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
