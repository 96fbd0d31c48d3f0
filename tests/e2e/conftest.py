"""A real server: the program as a user starts it, on a free port, with a data folder of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.asking import is_answered
from tests.ports import free_port

START_SECONDS = 60
PROGRAM = [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main())"]
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    data: Path
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        return (self.data / "admin-key").read_text().strip()


def is_ready(url: str) -> bool:
    return is_answered(f"{url}/readyz")


@contextmanager
def serving(data: Path, **settings: str) -> Iterator[Server]:
    """Starts a server and waits until it is ready; stops it as Ctrl-C does."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PROMPTUARY_")}  # noqa: TID251 - a child starts clean
    environment |= {"PROMPTUARY_PORT": str(port), "PROMPTUARY_DATA": str(data), "PYTHONPATH": str(ROOT)}
    environment |= {f"PROMPTUARY_{name.upper()}": value for name, value in settings.items()}
    data.parent.mkdir(parents=True, exist_ok=True)
    log = data.parent / f"{data.name.lstrip('.')}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen([*PROGRAM, "serve"], env=environment, stdout=output, stderr=subprocess.STDOUT)
    server = Server(port, data, process, log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready(server.url):
            assert process.poll() is None, f"the server stopped at its start:\n{log.read_text()}"
            assert time.monotonic() < deadline, f"the server was not ready in {START_SECONDS} s:\n{log.read_text()}"
            time.sleep(0.05)
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers: ``serve()`` or ``serve(data, sample="false")``; all are stopped at the test's end."""
    with ExitStack() as stack:

        def start(data: Path | None = None, **settings: str) -> Server:
            return stack.enter_context(serving(data or tmp_path / ".data", **settings))

        yield start


@pytest.fixture
def git_environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which git has an identity, asks nobody, and reads nobody's configuration."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada Park\n\temail = ada@example.com\n[core]\n\tquotePath = false\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PROMPTUARY_", "GIT_"))}  # noqa: TID251 - a child starts clean
    return kept | {"HOME": str(home), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}
