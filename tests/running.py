"""A real ``promptuary serve`` that can be killed and started again on the same data, and what tests ask of it."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.ports import free_port
from tests.warm import WarmProcess, run_warm

ROOT = Path(__file__).parents[1]
PROGRAM = [sys.executable, "-c", "import sys; from api.cli import main; sys.exit(main())"]
READY_SECONDS = 60
REPOSITORY = "default"


def clean_environment(**more: str) -> dict[str, str]:
    """An environment in which git has an identity, asks nobody and reads nobody's configuration."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PROMPTUARY_", "GIT_"))}  # noqa: TID251 - a child starts clean
    identity = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _ADA.items()}
    quiet = {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C.UTF-8",
    }
    return kept | identity | quiet | {"PYTHONPATH": str(ROOT)} | more


_ADA = {"NAME": "Ada Park", "EMAIL": "ada@example.com"}


class NoAnswer(Exception):
    """The server did not answer: nobody knows what became of the request."""


@dataclass
class Running:
    """A server on a data folder, whether it runs at the moment or not."""

    data: Path
    log: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    key: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    command_line: Sequence[str] = ("serve",)

    def start(self) -> None:
        """Starts it and waits until it is ready."""
        self.begin()
        self.wait_until_ready()
        self.key = (self.data / "admin-key").read_text().strip()

    def begin(self) -> None:
        """Starts it."""
        with self.log.open("ab") as output:
            self.process = WarmProcess(
                list(self.command_line), env=self.environment(), stdout=output, stderr=subprocess.STDOUT
            )

    def wait_until_ready(self) -> None:
        assert self.process is not None
        until = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            assert self.process.poll() is None, f"the server ended at its start:\n{self.tail()}"
            assert time.monotonic() < until, f"the server did not become ready:\n{self.tail()}"
            time.sleep(0.05)

    def environment(self) -> dict[str, str]:
        return clean_environment(
            **{
                "PROMPTUARY_PORT": str(self.port),
                "PROMPTUARY_DATA": str(self.data),
                "PROMPTUARY_SAMPLE": "false",
                "PROMPTUARY_RENDER_WORKERS": "1",
                **self.settings,
            }
        )

    def is_ready(self) -> bool:
        try:
            return self.call("GET", "/readyz", timeout=5)[0] == 200
        except NoAnswer:
            return False

    def tail(self) -> str:
        return self.log.read_text("utf-8", "replace")[-4000:]

    def kill(self) -> None:
        """Ends it as a power cut does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        """As Ctrl-C does; a server that does not end is killed."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    @property
    def git_url(self) -> str:
        return f"http://ada:{self.key}@127.0.0.1:{self.port}/git/{REPOSITORY}.git"

    @property
    def bare(self) -> Path:
        return self.data / "repositories" / f"{REPOSITORY}.git"

    def call(
        self,
        method: str,
        path: str,
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60,
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of an answer. Raises NoAnswer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            data = body.encode() if isinstance(body, str) else body
            connection.request(method, path, data, {"Authorization": f"Bearer {self.key}", **(headers or {})})
            with connection.getresponse() as answer:  # a read that breaks off would leave it open
                text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(str(error)) from error
        finally:
            connection.close()
        found = {name.lower(): value for name, value in answer.getheaders()}
        is_json = "json" in found.get("content-type", "")
        return answer.status, found, json.loads(text) if is_json and text else text.decode()

    def put(self, name: str, text: str, **headers: str) -> tuple[int, dict[str, str], Any]:
        """Writes a template over the API."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.call("PUT", template_path(name), text, {"Content-Type": "application/yaml", **named})

    def read(self, name: str, **query: str) -> Any:
        """A template as it is read; it has to be there."""
        status, _, answer = self.call("GET", template_path(name, **query))
        assert status == 200, answer
        return answer

    def search(self, text: str) -> list[str]:
        """The names that a search finds."""
        status, _, answer = self.call("GET", f"/api/v1/repositories/{REPOSITORY}/search?q={quote(text)}&limit=100")
        assert status == 200, answer
        return [hit["name"] for hit in answer["hits"]]

    def command(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """A command of the program on this data folder."""
        return run_warm(arguments, env=self.environment(), text=True, timeout=timeout)

    def main(self) -> str:
        """The tip of main."""
        return git(self.bare, "rev-parse", "refs/heads/main").strip()

    def assert_sound(self) -> None:
        """Git is whole, and both projections are equal to it."""
        checked = subprocess.run(
            ["git", "-C", str(self.bare), "fsck", "--full", "--strict", "--no-dangling"],
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (checked.returncode, checked.stdout) == (0, ""), checked.stdout + checked.stderr
        verified = self.command("index", "verify", "--json")
        assert verified.returncode == 0, f"{verified.stdout}\n{verified.stderr}\n{self.tail()}"
        assert json.loads(verified.stdout)["equal"] is True

    def wait_until_projected(self, seconds: float = 20) -> None:
        """Until the read model has main's tip."""
        until = time.monotonic() + seconds
        while True:
            _, _, answer = self.call("GET", f"/api/v1/repositories/{REPOSITORY}/index")
            if self.main() in json.dumps(answer) and answer.get("behind", 0) == 0:
                return
            assert time.monotonic() < until, f"not projected: {answer}\n{self.tail()}"
            time.sleep(0.1)


def template_path(name: str, **query: str) -> str:
    asked = "&".join(f"{key}={quote(value, safe='')}" for key, value in query.items())
    return f"/api/v1/repositories/{REPOSITORY}/templates/{quote(name)}{'?' if asked else ''}{asked}"


def git(folder: Path, *arguments: str, data: bytes | None = None) -> str:
    """Runs git in a folder; it has to succeed."""
    done = run_git(folder, *arguments, data=data)
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr.decode()}"
    return done.stdout.decode()


def run_git(folder: Path, *arguments: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Runs git in a folder, however it ends."""
    command = ["git", "-c", "core.quotePath=false", "-C", str(folder), *arguments]
    return subprocess.run(command, env=clean_environment(), input=data, capture_output=True, timeout=300, check=False)


def commit(clone: Path, parent: str | None, files: Mapping[str, str | None], message: str = "change") -> str:
    """Makes a commit in a bare clone without touching its refs; None removes a file."""
    index = clone / f"index-{os.getpid()}-{time.monotonic_ns()}"
    environment = clean_environment(GIT_INDEX_FILE=str(index))

    def run(*arguments: str, data: bytes | None = None) -> str:
        done = subprocess.run(
            ["git", "-C", str(clone), *arguments], env=environment, input=data, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    try:
        if parent:
            run("read-tree", parent)
        lines = []
        for path, text in files.items():
            if text is None:
                lines.append(f"0 {'0' * 40}\t{path}\0")
            else:
                blob = run("hash-object", "-w", "--stdin", data=text.encode())
                lines.append(f"100644 {blob}\t{path}\0")
        run("update-index", "-z", "--index-info", data="".join(lines).encode())
        tree = run("write-tree")
        return run("commit-tree", tree, "-m", message, *(("-p", parent) if parent else ()))
    finally:
        index.unlink(missing_ok=True)


def children_of(pid: int) -> Iterable[tuple[int, str]]:
    """Process id and command line of everything below a process."""
    parents, lines = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            lines[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
    below = [pid]
    for each in below:
        below += [child for child, parent in parents.items() if parent == each]
    return [(each, lines[each]) for each in below[1:] if each in lines]


def text_template(text: str, description: str = "made by a test") -> str:
    """A small valid template."""
    return f"schema: prompt/v1\ndescription: {description}\ntype: text\ntext: |\n  {text}\n"
