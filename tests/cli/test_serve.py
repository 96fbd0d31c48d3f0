"""``promptuary serve`` as a user starts it: what it prints works, and it ends cleanly."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.asking import is_answered
from tests.cli.conftest import PROGRAM, Run, environment

pytestmark = pytest.mark.e2e


@contextmanager
def served(data: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running server and what it printed until it was ready."""
    process = subprocess.Popen(
        [*PROGRAM, "serve", "--port", "0", "--data", str(data), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
    )
    assert process.stdout is not None
    printed = ""
    try:
        for line in process.stdout:
            printed += line
            if line.startswith("Ctrl-C"):
                break
        yield process, printed
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def data(tmp_path: Path, stocked_folder: Path) -> Path:
    folder = tmp_path / "with space" / "data"
    shutil.copytree(stocked_folder, folder)
    return folder


def wait_until_ready(address: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if is_answered(f"{address}/readyz"):
            return
        time.sleep(0.05)
    raise AssertionError("the server did not become ready")


def test_what_is_printed_works_and_shows_no_key(data: Path, tmp_path: Path) -> None:
    with served(data) as (process, printed):
        key = (data / "admin-key").read_text().strip()
        assert (data / "admin-key").stat().st_mode & 0o777 == 0o600
        assert key not in printed
        address = re.search(r"http://127\.0\.0\.1:\d+", printed)
        assert address is not None
        wait_until_ready(address[0])
        curl, clone = (line.strip() for line in printed.splitlines() if "admin-key" in line)
        listed = subprocess.run(["sh", "-c", f"{curl} -sf"], capture_output=True, check=True, cwd=tmp_path)
        assert len(json.loads(listed.stdout)["templates"]) == 3
        subprocess.run(["sh", "-c", f"{clone} -q"], check=True, cwd=tmp_path)
        assert (tmp_path / "default" / "prompts/고객지원/환불.prompt.yaml").is_file()
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0


def ask(address: str, key: str, *targets: str, pieces: int = 65536) -> bytes:
    """The whole answer to GETs on one connection, with the targets as they stand, which clients would encode."""
    last = len(targets) - 1
    with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=10) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number, target in enumerate(targets):
            closing = "Connection: close\r\n" if number == last else ""
            request = f"GET {target} HTTP/1.1\r\nHost: x\r\n{closing}Authorization: Bearer {key}\r\n\r\n".encode()
            for start in range(0, len(request), pieces):
                line.sendall(request[start : start + pieces])
                time.sleep(0.001 if pieces < len(request) else 0)
        return b"".join(iter(lambda: line.recv(65536), b""))


def test_a_korean_name_as_typed_in_curl(data: Path) -> None:
    with served(data) as (process, printed):
        address = re.search(r"http://127\.0\.0\.1:\d+", printed)
        assert address is not None
        wait_until_ready(address[0])
        key = (data / "admin-key").read_text().strip()
        url = f"{address[0]}/api/v1/repositories/default/templates/고객지원/환불"
        got = subprocess.run(
            ["curl", "-sf", "-H", f"Authorization: Bearer {key}", url], capture_output=True, check=True
        )
        assert json.loads(got.stdout)["name"] == "고객지원/환불"
        found = ask(address[0], key, "/api/v1/repositories/default/search?q=환불&limit=1")
        assert found.split(b"\r\n")[0] == b"HTTP/1.1 200 OK"
        assert "고객지원/환불".encode() in found
        for pieces in (1, 7):
            name = "/api/v1/repositories/default/templates/고객지원/환불"
            answers = ask(address[0], key, "/api/v1/repositories/default/search?q=환불&limit=1", name, pieces=pieces)
            assert answers.count(b"HTTP/1.1 200 OK") == 2, answers
        for odd in ("/livez?q=a b", "/livez?q=\x01", "livez"):
            refused = ask(address[0], key, odd)
            assert refused.startswith(b"HTTP/1.1 400 "), refused
            assert b"content-type: application/problem+json" in refused
            problem = json.loads(refused.partition(b"\r\n\r\n")[2])
            assert (problem["status"], "percent-encode" in problem["detail"]) == (400, True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0


def test_a_key_made_beside_the_server_works_at_once(data: Path, run: Run) -> None:
    with served(data) as (_, printed):
        address = re.search(r"http://127\.0\.0\.1:\d+", printed)
        assert address is not None
        wait_until_ready(address[0])
        key = run("key", "create", "--scope", "read", "--data", str(data), "--json").json["key"]
        rendered = run(
            "render", "support/triage", "--label", "production", "--var", "ticket=Help", "--json",
            PROMPTUARY_URL=address[0], PROMPTUARY_KEY=key,
        )  # fmt: skip
        assert (rendered.code, rendered.json["version"]) == (0, 1)
        refused = run(
            "render", "support/triage", "--label", "production", PROMPTUARY_URL=address[0], PROMPTUARY_KEY=key
        )
        assert (refused.code, "ticket" in refused.err) == (1, True)


def test_a_data_folder_is_served_once(data: Path, process: Run) -> None:
    with served(data) as (first, _):
        for port in ("0", "1"):
            second = process("serve", "--port", port, "--data", str(data))
            assert (second.code, len(second.err.splitlines())) == (2, 1)
            assert f"{data} is served already by process {first.pid}" in second.err
        assert process("key", "create", "--data", str(data)).code == 0
        assert process("index", "verify", "--data", str(data)).code == 0
        left = data / "gates" / "promptuary-push-left"
        left.mkdir()
        os.mkfifo(left / "request")
        first.kill()
        first.wait()
    with served(data) as (process_, _):
        assert list((data / "gates").iterdir()) == []
        assert (data / "gates").stat().st_mode & 0o777 == 0o700
        process_.send_signal(signal.SIGTERM)
        assert process_.wait(15) == 0


def test_a_port_in_use(process: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = process("serve", "--port", str(port))
    assert (done.code, f"Port {port}" in done.err, "--port" in done.err) == (2, True, True)


def test_a_data_folder_that_cannot_be_used(process: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = process("serve", "--port", "0", "--data", str(tmp_path / "file" / "data"))
    assert (done.code, "data folder" in done.err) == (2, True)
    if os.geteuid() != 0:
        (tmp_path / "closed").mkdir(mode=0o500)
        assert process("serve", "--port", "0", "--data", str(tmp_path / "closed")).code == 2


def test_the_commands_of_the_api_guide_work(data: Path, tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```bash\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    script = "set -e\n" + "".join(blocks).replace("curl -s ", "curl -s --fail-with-body -w '\\n' ")
    with served(data) as (_, printed):
        address = re.search(r"http://127\.0\.0\.1:\d+", printed)
        assert address is not None
        wait_until_ready(address[0])
        script = script.replace("http://127.0.0.1:8000", address[0]).replace(".data/", f"'{data}'/")
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert len(answers) >= 15
    assert "Answer in two sentences" not in done.stdout
