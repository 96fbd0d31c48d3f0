"""What servers and proxies do that they should not; faults that every command meets are in test_every_remote_command."""

import json
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Run, url_of
from tests.ports import free_port
from tests.running import Running

KEY = "pmt_secretsecret"
JSON = "Content-Type: application/json"
YAML = "Content-Type: application/yaml"
TEMPLATE = "schema: prompt/v1\ntype: text\ntext: Hello.\n"


@contextmanager
def answering(answer: Callable[[socket.socket], None], seen: list[bytes] | None = None) -> Iterator[str]:
    """The address of a server that does something with each connection after it has read a request's head."""
    asked = [] if seen is None else seen
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    try:
                        asked.append(connection.recv(65536))
                        answer(connection)
                    except OSError:
                        continue

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def http(status: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(head).encode() + body


def test_a_key_that_may_only_read(run: Run, server: Running) -> None:
    key = server.command("key", "create", "--scope", "read", "--json").stdout.split('"key": "')[1].split('"')[0]
    asked = {"PROMPTUARY_URL": url_of(server), "PROMPTUARY_KEY": key}
    assert run("list", **asked).code == 0
    for command in (["put", "new", "--new"], ["label", "set", "production", "support/triage", "2"]):
        done = run(*command, stdin=TEMPLATE, **asked)
        assert (done.code, done.out, "write" in done.err) == (1, "", True), done.err


def test_a_key_from_a_file(run: Run, server: Running, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{server.key}\n")
    done = run("list", "--key-file", "key", PROMPTUARY_URL=url_of(server), PROMPTUARY_KEY=KEY)
    assert done.code == 0
    (tmp_path / "key").write_bytes(b"\xff\xfe secretsecret")
    for file in ("key", "nowhere", "."):
        done = run("list", "--key-file", file, PROMPTUARY_URL=url_of(server))
        assert (done.code, f"--key-file {file}" in done.err, "secretsecret" in done.err) == (2, True, False)


def test_a_password_in_the_address_is_not_shown(run: Run) -> None:
    done = run("list", "--url", f"http://me:secretsecret@127.0.0.1:{free_port()}", PROMPTUARY_KEY=KEY)
    assert (done.code, "secretsecret" in done.err, "127.0.0.1" in done.err) == (2, False, True)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        http("200 OK", b"<html>a proxy's page</html>"),
        http("200 OK", b"[]"),
        http("200 OK", b'{"templates": [', length=1000),
        http("200 OK", b"\xff\xfe"),
        http("200 OK", b"{}", JSON),
        http("200 OK", b"\xff\xfe", JSON),
        http("200 OK", b"[]", JSON),
    ],
)
def test_an_answer_that_is_none(run: Run, answer: bytes) -> None:
    with answering(lambda connection: connection.sendall(answer)) as url:
        for command in (["list"], ["log", "a"], ["get", "a"], ["get", "a", "--json"], ["diff", "a"], ["label", "list"]):
            done = run(*command, PROMPTUARY_URL=url, PROMPTUARY_KEY=KEY)
            assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1), done.err
            assert url in done.err


def test_a_file_that_arrives_in_part_is_not_written(run: Run) -> None:
    with answering(lambda connection: connection.sendall(http("200 OK", b"schema: pro", YAML, length=99))) as url:
        done = run("get", "a", PROMPTUARY_URL=url, PROMPTUARY_KEY=KEY)
    assert (done.code, done.out) == (2, "")


def test_log_of_an_older_server(run: Run) -> None:
    told = {"version": 2, "valid": True, "cause": None, "moved_from": None, "author": {"name": "Ada"}, "subject": "Two",
            "committed_at": "2025-03-14T09:26:00Z"}  # fmt: skip
    page = json.dumps({"versions": [told], "labels": {}, "next_cursor": None}).encode()
    with answering(lambda connection: connection.sendall(http("200 OK", page, JSON, "Connection: close"))) as url:
        done = run("log", "a", PROMPTUARY_URL=url, PROMPTUARY_KEY=KEY)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[1].split() == ["2", "2025-03-14", "09:26", "Ada", "Two"]


def test_no_labels_are_told(run: Run) -> None:
    with answering(lambda connection: connection.sendall(http("200 OK", b'{"labels": {}}', JSON))) as url:
        done = run("label", "list", PROMPTUARY_URL=url, PROMPTUARY_KEY=KEY)
    assert (done.code, done.out, done.err) == (0, "", "promptuary: no template carries a label yet\n")


def test_a_refusal_without_a_problem(run: Run) -> None:
    for status, code in (("502 Bad Gateway", 2), ("429 Too Many", 1)):
        with answering(lambda connection, s=status: connection.sendall(http(s, b"<html>"))) as url:  # type: ignore[misc]
            done = run("list", PROMPTUARY_URL=url, PROMPTUARY_KEY=KEY)
        assert (done.code, done.err) == (code, f"promptuary: the server answered {status[:3]}\n")


def test_what_a_server_says_cannot_steer_the_terminal(run: Run) -> None:
    body = b'{"detail": "no\\u001b[2J\\nmore", "diagnostics": [{"path": "a\\u0007", "rule": "r", "message": "m"}]}'
    with answering(lambda connection: connection.sendall(http("422 No", body))) as url:
        done = run("list", PROMPTUARY_URL=url, PROMPTUARY_KEY=KEY)
    assert done.err == "promptuary: no\\x1b[2J more\na\\x07:None:None: [r] m\n"


def test_a_key_is_not_taken_to_another_server(run: Run) -> None:
    seen: list[bytes] = []

    def look(connection: socket.socket) -> None:
        seen.append(b"asked")

    with answering(look) as other:
        redirect = http("307 Elsewhere", b"", f"Location: {other}/")
        with answering(lambda connection: connection.sendall(redirect)) as url:
            done = run("list", PROMPTUARY_URL=url, PROMPTUARY_KEY=KEY)
    assert (done.code, seen) == (1, [])


def test_a_server_that_says_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.commands.transport.TIMEOUT_SECONDS", 0.2)
    wait = threading.Event()
    with answering(lambda _: wait.wait(10) and None) as url:  # type: ignore[func-returns-value]
        done = run("list", PROMPTUARY_URL=url, PROMPTUARY_KEY=KEY)
        written = run("label", "set", "production", "a", "1", PROMPTUARY_URL=url, PROMPTUARY_KEY=KEY)
        wait.set()
    assert (done.code, "too long" in done.err, "nevertheless" in done.err) == (2, True, False)
    assert (written.code, "may have been done nevertheless" in written.err) == (2, True)


def test_a_server_that_trickles(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.commands.transport.DEADLINE_SECONDS", 0.1)
    wait = threading.Event()

    def trickle(connection: socket.socket) -> None:
        connection.sendall(http("200 OK", b"", length=100))
        for _ in range(100):
            connection.sendall(b" ")
            if wait.wait(0.05):
                return

    with answering(trickle) as url:
        done = run("list", PROMPTUARY_URL=url, PROMPTUARY_KEY=KEY)
        wait.set()
    assert (done.code, "too long" in done.err) == (2, True)


def test_a_write_whose_answer_is_lost_is_sent_once_more_under_the_same_key(run: Run) -> None:
    moved = b'{"label": "production", "name": "a", "version": 1, "previous": null, "commit": "abc"}'
    answers = iter([b"", http("200 OK", moved, JSON)])
    seen: list[bytes] = []
    with answering(lambda connection: connection.sendall(next(answers)), seen) as url:
        done = run("label", "set", "production", "a", "1", PROMPTUARY_URL=url, PROMPTUARY_KEY=KEY)
    assert (done.code, done.out) == (0, "production of a: new -> 1 (abc)\n")
    keys = [re.search(rb"Idempotency-Key: (\S{36})\r", request, re.IGNORECASE) for request in seen]
    assert len({key[1] for key in keys if key}) == 1
    assert len(keys) == 2


def test_tls_that_does_not_hold(run: Run, tmp_path: Path) -> None:
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "k",
        "-out",
        "c",
        "-subj",
        "/CN=localhost",
    ]
    subprocess.run(made, cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c", tmp_path / "k")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            try:
                context.wrap_socket(connection, server_side=True)
            except OSError:
                connection.close()

        threading.Thread(target=serve, daemon=True).start()
        done = run("list", PROMPTUARY_URL=f"https://127.0.0.1:{listening.getsockname()[1]}", PROMPTUARY_KEY=KEY)
    assert (done.code, "its certificate does not hold" in done.err, len(done.err.splitlines())) == (2, True, 1)
    with answering(lambda connection: connection.sendall(http("400 No", b""))) as url:
        plain = run("list", PROMPTUARY_URL=url.replace("http:", "https:"), PROMPTUARY_KEY=KEY)
    assert (plain.code, "http or https?" in plain.err, len(plain.err.splitlines())) == (2, True, 1)
