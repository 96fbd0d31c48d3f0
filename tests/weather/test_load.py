"""What the load of the bad weather takes for a fault: all that is neither done nor refused clearly."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.load import Load
from tests.running import NoAnswer, Running, git

PROBLEM = {"content-type": "application/problem+json"}
CLEAR = PROBLEM | {"retry-after": "2"}
AWAY = {"type": "/docs/errors#unavailable", "detail": "PostgreSQL is away."}
MOVED = {"type": "/docs/errors#ref-moved", "detail": "refs/heads/main is at a, not at b: fetch and try again."}
LOCKED = {"type": "/docs/errors#ref-moved", "detail": "refs/heads/main is being written by somebody else: try again."}
TAKEN = {"type": "/docs/errors#conflict", "detail": "It exists already: fetch and try again."}


class Answering(Running):
    """Answers every write with the same, and ends the load with the second."""

    def __init__(self, folder: Path, answer: tuple[int, dict[str, str], Any] | None) -> None:
        super().__init__(folder, folder / "log")
        self.answer = answer
        self.asked = 0
        self.load = Load(self, folder, strict=True)

    def put(self, name: str, text: str, **headers: str) -> tuple[int, dict[str, str], Any]:
        assert (name, headers) == ("api/one", {"If_None_Match": "*"} if self.asked == 0 else {"If_Match": "*"})
        assert "counts" in text
        self.asked += 1
        if self.asked == 2:
            self.load.stopping.set()
        if self.answer is None:
            raise NoAnswer("timed out")
        return self.answer


@pytest.mark.parametrize("answer", [(503, CLEAR, AWAY), (409, PROBLEM, MOVED)])
def test_a_write_that_is_refused_clearly_is_written_again(tmp_path: Path, answer: Any) -> None:
    server = Answering(tmp_path, answer)
    server.load._run(server.load._write, "api/one")
    assert (server.load.faults, server.asked) == ([], 2)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        (503, PROBLEM, AWAY),
        (503, {"content-type": "text/plain", "retry-after": "2"}, "away"),
        (503, CLEAR, AWAY | {"detail": " "}),
        (503, CLEAR | {"retry-after": "soon"}, AWAY),
        (409, PROBLEM, LOCKED),
        (409, PROBLEM, TAKEN),
        (500, PROBLEM, AWAY),
        (502, {"content-type": "text/html"}, "<html>"),
    ],
)
def test_any_other_answer_to_a_write_is_a_fault(tmp_path: Path, answer: Any) -> None:
    server = Answering(tmp_path, answer)
    server.load._run(server.load._write, "api/one")
    assert (len(server.load.faults), server.asked) == (1, 1)


@contextmanager
def refusing(status: int, *, pushes_only: bool) -> Iterator[int]:
    """A server that answers Git with a status; or that tells an empty repository's refs, and refuses what is pushed."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            service = self.path.partition("service=")[2]
            if not pushes_only:
                self.send_error(status)
                return
            greeting, refs = f"# service={service}\n", f"{'0' * 40} capabilities^{{}}\0report-status\n"
            body = f"{len(greeting) + 4:04x}{greeting}0000{len(refs) + 4:04x}{refs}0000".encode()
            self.send_response(200)
            self.send_header("Content-Type", f"application/x-{service}-advertisement")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_error(status)

        def log_message(self, *_said: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("pushes_only", [False, True], ids=["fetch", "push"])
@pytest.mark.parametrize(("status", "is_fault"), [(500, True), (502, True), (503, False), (504, True), (429, True)])
def test_what_git_may_be_answered(tmp_path: Path, status: int, is_fault: bool, pushes_only: bool) -> None:
    with refusing(status, pushes_only=pushes_only) as port:
        load = Load(Running(tmp_path, tmp_path / "log", port=port, key="key"), tmp_path, strict=True)
        git(tmp_path, "init", "-q", "--bare", "pushed-one.git")
        ending = threading.Timer(1.0, load.stopping.set)
        ending.start()
        load._run(load._push, "pushed/one")
        ending.cancel()
        ending.join()
    assert [f"error: {status}" in each for each in load.faults] == ([True] if is_fault else [])
