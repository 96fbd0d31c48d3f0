"""Git over HTTP with a real server and the real git client."""

import asyncio
import base64
import gzip
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
import uvloop

from api.git_http import GitHttp
from api.git_limits import GitLimits
from registry.adapters.git import LocalRepositories
from registry.domain.access import Actor
from registry.domain.diagnostics import Diagnostic, Place, Severity, has_errors
from registry.domain.errors import Unauthenticated
from registry.domain.ids import RepositoryName, UserName
from registry.domain.refs import RefUpdate
from registry.domain.rights import on_server
from registry.domain.roles import Role
from tests.recorded_moves import Recorder

NAME = RepositoryName("default")
KEYS = {"key-write": on_server(Role.AUTHOR), "key-read": on_server(Role.READER)}


@dataclass(frozen=True)
class Verdict:
    accepted: bool
    diagnostics: tuple[Diagnostic, ...]


class WordGate:
    """Refuses each file that says BAD, warns of each that says ODD: the whole way through quarantine and back."""

    def __init__(self, git: LocalRepositories) -> None:
        self.git = git
        self.seen: list[tuple[Actor, tuple[RefUpdate, ...]]] = []
        self.delay = 0.0
        self.broken = False

    async def judge(
        self,
        repository: RepositoryName,
        updates: Sequence[RefUpdate],
        actor: Actor,
        *,
        quarantine: Path | None = None,
        progress: Callable[[str], None] = print,
    ) -> Verdict:
        self.seen.append((actor, tuple(updates)))
        if self.broken:
            raise RuntimeError("the gate has a mistake")
        progress("looking")
        await asyncio.sleep(self.delay)
        found = []
        with self.git.open(repository, quarantine=quarantine) as store:
            known = list(store.refs().values())
            for commit in store.new_commits([u.new for u in updates if not u.deletes], known):
                for entry in store.entries(commit):
                    data = next(iter(store.read([entry.id])))[1]
                    if data.startswith(b"BAD"):  # random bytes may hold the word
                        found.append(Diagnostic("bad-word", "나쁜 말입니다: 고치세요", entry.path, Place(2, 7)))
                    elif data.startswith(b"ODD"):
                        found.append(Diagnostic("odd-word", "unusual", entry.path, Place(), Severity.WARNING))
        return Verdict(not has_errors(found), tuple(found))


@dataclass
class Reporter:
    """Says always the same of what has landed."""

    pushes: list[tuple[str, ...]] = field(default_factory=list)
    broken: bool = False

    async def landed(self, repository: RepositoryName, updates: Sequence[RefUpdate]) -> Sequence[str]:
        assert repository == NAME
        self.pushes.append(tuple(update.ref for update in updates))
        if self.broken:
            raise RuntimeError("no index")
        return ("인사/hello v1 is live (3 ms)",)


class Keys:
    async def authenticate(self, secret: str) -> Actor:
        if secret not in KEYS:
            raise Unauthenticated("The API key is not known here.")
        return Actor(UserName("hannah"), "한나 <H>", "hannah@example.org", KEYS[secret])


@dataclass
class Registry:
    git: LocalRepositories
    gate: WordGate
    reporting: Reporter = field(default_factory=Reporter)
    ref_audit: Recorder = field(default_factory=Recorder)
    denials: Recorder = field(default_factory=Recorder)
    identification: Keys = field(default_factory=Keys)


class Server:
    """A real uvicorn on a port of its own, in a thread."""

    def __init__(self, root: Path) -> None:
        git = LocalRepositories(root / "repositories", hook_command="/nowhere/promptuary")
        git.create(NAME)
        (root / "gates").mkdir()
        self.gates = root / "gates"
        self.registry = Registry(git, WordGate(git))
        limits = GitLimits(push_bytes=4 << 20, negotiation_bytes=1 << 20, push_object=32 << 20)
        self.app = GitHttp(self.registry, limits=limits, gates=self.gates)
        # Not uvicorn's own set-up of logs: it would stay for every test that comes after in this process.
        config = uvicorn.Config(
            self.app, port=0, log_config=None, log_level="warning", lifespan="off", loop="uvloop", http="httptools"
        )
        self.uvicorn = uvicorn.Server(config)
        self.thread = threading.Thread(target=lambda: uvloop.run(self._serve()), daemon=True)

    async def _serve(self) -> None:
        """Serves, and lets what still ends Git's processes come to its own end before the loop is closed."""
        await self.uvicorn.serve()
        if left := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(left, timeout=5)
        await asyncio.sleep(0.05)

    def start(self) -> None:
        self.thread.start()
        while not self.uvicorn.started:
            time.sleep(0.005)
        self.port = self.uvicorn.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        self.uvicorn.should_exit = True
        self.thread.join(10)

    def url(self, key: str = "key-write", name: str = "default.git") -> str:
        return f"http://any:{key}@127.0.0.1:{self.port}/git/{name}"

    @property
    def path(self) -> Path:
        return self.registry.git.path(NAME)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    made.start()
    yield made
    made.stop()
    assert list(made.gates.iterdir()) == []  # no push leaves its folder behind


class Client:
    """A clone, and git run in it as a user would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self, *arguments: str, check: bool = True, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        who = {f"GIT_{w}_{k}": v for w in ("AUTHOR", "COMMITTER") for k, v in (("NAME", "e"), ("EMAIL", "e@x"))}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
            timeout=60,
            env={
                "PATH": os.pathsep.join(os.get_exec_path()),
                "HOME": str(self.folder.parent),
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_TERMINAL_PROMPT": "0",
                **who,
                **(env or {}),
            },
        )
        if check and done.returncode:
            raise AssertionError(f"{arguments}: {done.stdout}{done.stderr}")
        return done

    def commit(self, files: dict[str, str | bytes | None], message: str = "edit") -> str:
        for path, text in files.items():
            file = self.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                file.unlink()
            else:
                file.write_bytes(text if isinstance(text, bytes) else text.encode())
        self("add", "-A")
        self("commit", "-q", "--allow-empty", "-m", message)
        return self("rev-parse", "HEAD").stdout.strip()


def clone(server: Server, folder: Path, *options: str, key: str = "key-write") -> Client:
    folder.parent.mkdir(parents=True, exist_ok=True)
    outside = Client(folder.parent)
    outside("-c", "init.defaultBranch=main", "clone", "-q", *options, server.url(key), str(folder))
    client = Client(folder)
    client("symbolic-ref", "HEAD", "refs/heads/main", check=False)
    return client


@pytest.fixture
def alice(server: Server, tmp_path: Path) -> Client:
    client = clone(server, tmp_path / "alice" / "work")
    client.commit({"prompts/a.prompt.yaml": "one\n", "인사.md": "안녕\n"})
    client("push", "-q", "origin", "main")
    return client


def tip(server: Server, ref: str = "refs/heads/main") -> str:
    return Client(server.path)("rev-parse", "--verify", ref, check=False).stdout.strip()


def consistent(server: Server) -> None:
    done = Client(server.path)("fsck", "--strict", "--no-dangling", check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def request(
    server: Server, path: str, *, data: bytes | None = None, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    url = f"http://127.0.0.1:{server.port}{path}"
    sent = urllib.request.Request(
        url, data=data, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    try:
        with urllib.request.urlopen(sent, timeout=20) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


HAVES = b"0011command=fetch0001" + b"0032have %b\n" % (b"12" * 20) * 60_000
BEARER = {"Authorization": "Bearer key-write"}


def test_push_clone_and_fetch(server: Server, alice: Client, tmp_path: Path) -> None:
    bob = clone(server, tmp_path / "bob" / "work", key="key-read")
    assert (bob.folder / "인사.md").read_text() == "안녕\n"
    new = alice.commit({"prompts/b.prompt.yaml": "two\n"})
    pushed = alice("push", "origin", "main")
    assert "remote: 인사/hello v1 is live (3 ms)" in pushed.stderr
    bob("fetch", "-q")
    assert bob("rev-parse", "origin/main").stdout.strip() == new == tip(server)
    actor, updates = server.registry.gate.seen[-1]
    assert (actor.user, actor.rights) == ("hannah", KEYS["key-write"])
    assert [(u.ref, u.new) for u in updates] == [("refs/heads/main", new)]
    assert server.registry.reporting.pushes == [("refs/heads/main",)] * 2
    assert "한나 H <hannah@example.org>" in (server.path / "logs/refs/heads/main").read_text()
    audited = server.registry.ref_audit
    assert [intent.update.new for intent in audited.accepted][-1:] == [new]
    assert audited.settled == audited.accepted
    assert {intent.origin.actor for intent in audited.accepted} == {"hannah"}
    consistent(server)


def test_without_the_git_suffix_and_with_a_bearer_header(server: Server, alice: Client, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{server.port}/git/default"
    Client(tmp_path)("-c", "http.extraHeader=Authorization: Bearer key-read", "clone", "-q", url, "copy")
    assert (tmp_path / "copy" / "인사.md").exists()


@pytest.mark.parametrize("version", ["0", "1", "2"])
def test_every_protocol_version(server: Server, alice: Client, tmp_path: Path, version: str) -> None:
    trace = tmp_path / "trace"
    Client(tmp_path)(
        "-c", f"protocol.version={version}", "clone", "-q", server.url(), "copy", env={"GIT_TRACE_PACKET": str(trace)}
    )
    assert ("version 2" in trace.read_text()) == (version == "2")
    other = Client(tmp_path / "copy")
    other("config", "protocol.version", version)
    other.commit({"x": version})
    other("push", "-q", "origin", "main")


def test_shallow_and_partial_clones(server: Server, alice: Client, tmp_path: Path) -> None:
    for number in range(4):
        alice.commit({"prompts/a.prompt.yaml": f"{number}\n" * 50})
    alice("push", "-q", "origin", "main")
    shallow = clone(server, tmp_path / "s" / "work", "--depth=2")
    assert shallow("rev-list", "--count", "HEAD").stdout.strip() == "2"
    shallow("fetch", "-q", "--unshallow")
    assert shallow("rev-list", "--count", "HEAD").stdout.strip() == "5"
    partial = clone(server, tmp_path / "p" / "work", "--filter=blob:none", "--no-checkout")
    assert "?" in partial("rev-list", "--objects", "--missing=print", "HEAD").stdout
    assert partial("show", "HEAD~2:prompts/a.prompt.yaml").stdout == "1\n" * 50
    shallow.commit({"more": "x"})
    shallow("push", "-q", "origin", "main")


def test_a_negotiation_that_is_compressed(server: Server, alice: Client, tmp_path: Path) -> None:
    copy = clone(server, tmp_path / "copy" / "work")
    script = "".join(
        f"commit refs/heads/mine\ncommitter e <e@x> {4_000_000_000 + n} +0000\ndata 1\nx\n" for n in range(1, 3000)
    )
    subprocess.run(["git", "fast-import", "--quiet"], cwd=copy.folder, input=script.encode(), check=True)
    alice.commit({"new": "x"})
    alice("push", "-q", "origin", "main")
    trace = tmp_path / "curl"
    copy("fetch", "-q", env={"GIT_TRACE_CURL": str(trace), "GIT_TRACE_CURL_NO_DATA": "1"})
    assert "Content-Encoding: gzip" in trace.read_text()
    assert copy("rev-parse", "origin/main").stdout.strip() == tip(server)


def test_a_pack_larger_than_the_post_buffer(server: Server, alice: Client) -> None:
    alice("config", "http.postBuffer", "65536")
    new = alice.commit({f"big/{n}": os.urandom(100_000) for n in range(20)})
    alice("push", "-q", "origin", "main")
    assert tip(server) == new
    consistent(server)


def test_a_pack_above_the_limit_is_refused_with_the_limit(server: Server, alice: Client) -> None:
    old = tip(server)
    for buffer in ("65536", "33554432"):
        alice("config", "http.postBuffer", buffer)
        alice.commit({f"big/{n}": os.urandom(1_000_000) for n in range(6)})
        refused = alice("push", "origin", "main", check=False)
        assert refused.returncode
        assert "exceeds maximum allowed size (4.00 MiB)" in refused.stderr
    assert tip(server) == old
    alice("reset", "-q", "--hard", old)
    alice.commit({"small": "x"})
    alice("push", "-q", "origin", "main")
    consistent(server)


def test_a_refused_push_prints_every_diagnostic_and_lands_nothing(server: Server, alice: Client) -> None:
    old = tip(server)
    alice.commit({"prompts/x.prompt.yaml": "BAD\n", "prompts/한글.prompt.yaml": "BAD too\n", "fine": "ODD"})
    alice("branch", "topic", old)
    refused = alice("push", "origin", "main", "topic", check=False)
    assert refused.returncode == 1
    for line in (
        "remote: prompts/x.prompt.yaml:2:7: [bad-word] 나쁜 말입니다: 고치세요",
        "remote: prompts/한글.prompt.yaml:2:7: [bad-word] 나쁜 말입니다: 고치세요",
        "remote: fine:1:1: warning: [odd-word] unusual",
        "remote: promptuary: the push was refused, nothing was changed",
    ):
        assert line in re.sub(r" +\n", "\n", refused.stderr), refused.stderr
    assert "[remote rejected] main -> main (pre-receive hook declined)" in refused.stderr
    assert tip(server) == old
    assert tip(server, "refs/heads/topic") == ""
    assert [p for p in (server.path / "objects").iterdir() if p.name.startswith("tmp_")] == []
    assert len(server.registry.reporting.pushes) == 1
    consistent(server)


def test_warnings_are_printed_and_long_lists_cut(server: Server, alice: Client) -> None:
    alice.commit({f"odd/{n}": "ODD" for n in range(250)})
    pushed = alice("push", "origin", "main")
    assert pushed.stderr.count("[odd-word]") == 200
    assert "remote: ... and 50 more" in pushed.stderr


def test_progress_is_shown_when_the_gate_takes_its_time(server: Server, alice: Client) -> None:
    alice.commit({"slow": "x"})
    server.registry.gate.delay = 1.4
    assert "remote: promptuary: looking" in alice("push", "origin", "main").stderr


def test_a_gate_with_a_mistake_refuses(server: Server, alice: Client, caplog: pytest.LogCaptureFixture) -> None:
    old = tip(server)
    server.registry.gate.broken = True
    alice.commit({"x": "x"})
    refused = alice("push", "origin", "main", check=False)
    assert "the server made a mistake" in refused.stderr
    assert "the gate has a mistake" not in refused.stderr
    assert tip(server) == old
    assert "the gate has a mistake" in caplog.text


def test_a_broken_indexer_never_fails_a_push(server: Server, alice: Client) -> None:
    server.registry.reporting.broken = True
    new = alice.commit({"x": "x"})
    assert "will be live when the server has caught up" in alice("push", "origin", "main").stderr
    assert tip(server) == new


def test_atomic_pushes_options_and_odd_ref_names(server: Server, alice: Client) -> None:
    first = tip(server)
    alice.commit({"x": "1"})
    alice("branch", "other")
    pushed = alice("push", "--atomic", "-o", "ci.skip", "-o", "이름=값", "origin", "main", "other")
    assert "push option 'ci.skip' has no meaning here" in pushed.stderr
    assert "push option '이름=값'" in pushed.stderr
    assert tip(server, "refs/heads/other") == tip(server) != first
    alice(
        "push",
        "-q",
        "origin",
        f"{first}:refs/heads/-x",
        f"{first}:refs/heads/--upload-pack=touch pwned".replace(" ", "-"),
    )
    alice("tag", "-a", "-m", "t", "v1")
    alice("push", "-q", "origin", "v1", f"{first}:refs/heads/한글")
    assert tip(server, "refs/heads/한글") == first
    alice("push", "-q", "origin", ":refs/heads/-x", ":v1")
    assert tip(server, "refs/heads/-x") == ""
    hidden = alice("push", "origin", "main:refs/merge-requests/1/head", check=False)
    assert "deny updating a hidden ref" in hidden.stderr


def test_a_forced_push_is_judged_like_any_other(server: Server, alice: Client) -> None:
    alice.commit({"x": "1"})
    alice("push", "-q", "origin", "main")
    alice("reset", "-q", "--hard", "HEAD~1")
    new = alice.commit({"x": "2"})
    assert "non-fast-forward" in alice("push", "origin", "main", check=False).stderr
    alice("push", "-q", "--force", "origin", "main")
    assert tip(server) == new
    alice.commit({"x": "BAD"})
    alice("push", "--force", "origin", "main", check=False)
    assert tip(server) == new


def test_two_pushes_at_once_one_wins(server: Server, alice: Client, tmp_path: Path) -> None:
    server.registry.gate.delay = 0.3
    others = [clone(server, tmp_path / f"c{n}" / "work") for n in range(3)]
    for number, other in enumerate(others):
        other.commit({f"from/{number}": "x"})
    results: list[int] = []
    threads = [
        threading.Thread(target=lambda c=c: results.append(c("push", "origin", "main", check=False).returncode))
        for c in others
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [0, 1, 1]
    assert tip(server) in [c("rev-parse", "HEAD").stdout.strip() for c in others]
    consistent(server)


def test_who_may_do_what(server: Server, alice: Client, tmp_path: Path) -> None:
    status, headers, _body = request(server, "/git/default.git/info/refs?service=git-upload-pack")
    assert (status, headers["www-authenticate"]) == (401, 'Basic realm="Promptuary", charset="UTF-8"')
    assert request(server, "/git/absent.git/info/refs?service=git-upload-pack")[0] == 401  # says nothing to strangers
    wrong = Client(tmp_path)("clone", server.url("wrong"), "x", check=False)
    assert "Authentication failed" in wrong.stderr or "could not read Username" in wrong.stderr
    absent = Client(tmp_path)("clone", server.url(name="absent.git"), "x", check=False)
    assert "There is no repository 'absent'" in absent.stderr
    assert "not found" in absent.stderr
    reader = clone(server, tmp_path / "reader" / "work", key="key-read")
    reader.commit({"x": "x"})
    denied = reader("push", "origin", "main", check=False)
    assert "This needs the role author at default; you are reader there" in denied.stderr
    assert "403" in denied.stderr
    path = "/git/default.git/git-receive-pack?service=git-upload-pack"  # the query decides nothing
    kind = {"Content-Type": "application/x-git-receive-pack-request", "Authorization": "Bearer key-read"}
    assert request(server, path, data=b"0000", method="POST", **kind)[0] == 403
    as_user = base64.b64encode(b"key-read:").decode()
    assert request(server, "/git/default/info/refs?service=git-upload-pack", Authorization=f"Basic {as_user}")[0] == 200
    for broken in ("Basic !!!", "Basic " + base64.b64encode(b":").decode(), "Digest x", "Bearer ", ""):
        assert request(server, "/git/default/info/refs?service=git-upload-pack", Authorization=broken)[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "data", "headers", "status"),
    [
        ("GET", "/git/default.git/info/refs", None, {}, 403),
        ("GET", "/git/default.git/info/refs?service=git-upload-archive", None, {}, 403),
        ("GET", "/git/default.git/info/refs?service=git-upload-pack&service=git-receive-pack", None, {}, 403),
        ("GET", "/git/default.git/HEAD", None, {}, 404),
        ("GET", "/git/default.git/objects/info/packs", None, {}, 404),
        ("GET", "/git/default.git", None, {}, 404),
        ("GET", "/git/..%2f..%2fetc/info/refs?service=git-upload-pack", None, {}, 404),
        ("GET", "/git/-x.git/info/refs?service=git-upload-pack", None, {}, 404),
        ("GET", "/git/default.git/git-upload-pack", None, {}, 405),
        ("POST", "/git/default.git/info/refs?service=git-upload-pack", b"", {}, 405),
        ("POST", "/git/default.git/git-upload-pack", b"0000", {"Content-Type": "text/plain"}, 415),
        ("POST", "/git/default.git/git-upload-pack", b"0000", {"Content-Encoding": "br"}, 415),
        ("POST", "/git/default.git/git-upload-pack", b"not gzip", {"Content-Encoding": "gzip"}, 400),
        (
            "POST",
            "/git/default.git/git-upload-pack",
            gzip.compress(b"0000", mtime=0)[:-4],
            {"Content-Encoding": "gzip"},
            400,
        ),
        (
            "POST",
            "/git/default.git/git-upload-pack",
            gzip.compress(HAVES, mtime=0),
            {"Content-Encoding": "gzip"},
            413,
        ),
        ("POST", "/git/default.git/git-upload-pack", b"rubbish", {}, 400),
        ("POST", "/git/default.git/git-receive-pack", b"rubbish", {}, 400),
        ("POST", "/git/default.git/git-receive-pack", b"0000", {}, 200),
    ],
)
def test_odd_requests_get_a_plain_answer(
    server: Server, method: str, path: str, data: bytes | None, headers: dict[str, str], status: int
) -> None:
    service = "git-receive-pack" if "git-receive-pack" in path else "git-upload-pack"
    sent = {
        "Content-Type": f"application/x-{service}-request",
        "Git-Protocol": "version=2" if data and len(data) > 1000 else "version=2; rm -rf",
        **BEARER,
        **headers,
    }
    got, _, body = request(server, path, data=data, method=method, **sent)
    assert got == status, body
    assert b"Traceback" not in body
    if status >= 400:
        assert body.endswith(b"\n")
        assert len(body) > 10


def test_expect_continue_and_chunks(server: Server, alice: Client) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(
            b"POST /git/default.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-write\r\n"
            b"Content-Type: application/x-git-receive-pack-request\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        assert b"100 Continue" in connection.recv(1000)
        connection.sendall(b"2\r\n00\r\n2\r\n00\r\n0\r\n\r\n")
        assert b"200 OK" in connection.recv(1000)


def pack_of(client: Client, old: str, new: str) -> bytes:
    """The body of a push of main, as git would send it."""
    line = f"{old} {new} refs/heads/main\0 report-status side-band-64k agent=test".encode()
    pack = subprocess.run(
        ["git", "pack-objects", "--stdout", "--revs", "-q"],
        cwd=client.folder,
        input=f"{new}\n^{old}\n".encode(),
        check=True,
        capture_output=True,
    ).stdout
    return f"{len(line) + 4:04x}".encode() + line + b"0000" + pack


def send_raw(server: Server, body: bytes, announced: int, *, chunked: bool = False) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    head = (
        "POST /git/default.git/git-receive-pack HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-write\r\n"
        "Content-Type: application/x-git-receive-pack-request\r\nConnection: close\r\n"
    )
    if chunked:  # of a length that nobody knows, as git sends large ones
        head, body = f"{head}Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    else:
        head = f"{head}Content-Length: {announced}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def settle(condition: Callable[[], bool], seconds: float = 8.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.01)


def test_a_client_that_leaves_with_half_a_pack_changes_nothing(server: Server, alice: Client) -> None:
    old = tip(server)
    new = alice.commit({"big": os.urandom(300_000)})
    body = pack_of(alice, old, new)
    send_raw(server, body[:-100_000], len(body)).close()
    settle(lambda: not server.app._running and server.registry.gate.seen != [])
    time.sleep(0.1)
    assert tip(server) == old
    consistent(server)


def test_a_client_that_leaves_after_the_whole_pack_gets_it_in(server: Server, alice: Client) -> None:
    server.registry.gate.delay = 0.4
    old = tip(server)
    new = alice.commit({"big": os.urandom(300_000)})
    body = pack_of(alice, old, new)
    connection = send_raw(server, body, len(body))
    settle(lambda: len(server.registry.gate.seen) == 2)  # the gate is judging
    connection.close()
    settle(lambda: tip(server) == new)
    settle(lambda: not server.app._running)
    assert server.registry.reporting.pushes == [("refs/heads/main",)] * 2
    consistent(server)


def test_a_client_that_leaves_a_clone_ends_the_upload(server: Server, alice: Client) -> None:
    alice.commit({f"big/{n}": os.urandom(900_000) for n in range(4)})
    alice("push", "-q", "origin", "main")
    line = f"want {tip(server)} ofs-delta\n".encode()
    body = f"{len(line) + 4:04x}".encode() + line + b"00000009done\n"
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    connection.sendall(
        b"POST /git/default.git/git-upload-pack HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-read\r\n"
        b"Content-Type: application/x-git-upload-pack-request\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    assert b"200 OK" in connection.recv(4096)
    connection.close()
    settle(lambda: children(server, "upload-pack") == [])


def children(server: Server, word: str) -> list[int]:
    """Processes that serve this server's repository and have the word in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().decode(errors="replace")
            here = str((folder / "cwd").readlink())
        except OSError:
            continue
        if word in line and here.startswith(str(server.path)):
            found.append(int(folder.name))
    return found


@pytest.mark.crash
@pytest.mark.parametrize("victim", ["hooks/pre-receive", "receive-pack"])
def test_killing_hook_or_receive_pack_while_the_gate_judges(server: Server, alice: Client, victim: str) -> None:
    server.registry.gate.delay = 1.0
    old = tip(server)
    alice.commit({"x": "x" * 1000})
    result: list[subprocess.CompletedProcess[str]] = []
    thread = threading.Thread(target=lambda: result.append(alice("push", "origin", "main", check=False)))
    thread.start()
    settle(lambda: len(server.registry.gate.seen) == 2)
    for process in children(server, victim):
        os.kill(process, 9)
    thread.join(30)
    assert result[0].returncode != 0
    assert tip(server) == old
    consistent(server)
    server.registry.gate.delay = 0.0
    alice("push", "-q", "origin", "main")
    assert tip(server) != old
    shutil.rmtree(server.path / "nothing", ignore_errors=True)


@pytest.mark.crash
def test_killing_receive_pack_at_random_points_keeps_the_repository_whole(server: Server, alice: Client) -> None:
    for number in range(8):
        before = tip(server)
        new = alice.commit({f"x{number}": f"{number}"})
        thread = threading.Thread(target=lambda: alice("push", "origin", "main", check=False))
        thread.start()
        time.sleep(0.012 * (number + 1))
        for process in children(server, "receive-pack"):
            with suppress(ProcessLookupError):  # it was faster
                os.kill(process, 9)
        thread.join(30)
        assert tip(server) in {before, new}
        consistent(server)
    for lock in server.path.glob("refs/heads/*.lock"):  # what the start of the server sweeps
        os.utime(lock, (1, 1))
    server.registry.git.prepare()
    alice("push", "-q", "origin", "main")
    assert tip(server) == alice("rev-parse", "HEAD").stdout.strip()
    consistent(server)


def test_too_many_at_once_are_told_to_come_back(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.app = GitHttp(server.registry, limits=GitLimits(fetches=1, wait_seconds=0.05), gates=server.gates)
    server.uvicorn.config.app = server.app
    server.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as idle:
            idle.sendall(
                b"POST /git/default.git/git-upload-pack HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key-read\r\n"
                b"Content-Type: application/x-git-upload-pack-request\r\nContent-Length: 10\r\n\r\n0"
            )
            settle(server.app._fetches.locked)
            status, headers, body = request(server, "/git/default.git/info/refs?service=git-upload-pack", **BEARER)
            assert (status, headers["retry-after"]) == (503, "5")
            assert b"try again" in body
        settle(lambda: not server.app._fetches.locked())
    finally:
        server.stop()


def test_git_shows_why_a_push_without_a_gate_is_refused(server: Server, alice: Client) -> None:
    """Git shows the text of an answer to its first question only, so that has it."""
    (server.path / "hooks" / "pre-receive").unlink()
    alice.commit({"prompts/a.prompt.yaml": "two\n"})
    done = alice("push", "origin", "main", check=False)
    assert (done.returncode, "The gate of default is not there. Restart the server" in done.stderr) == (128, True)
    alice("fetch", "-q")
