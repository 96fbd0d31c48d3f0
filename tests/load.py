"""Writers over REST and with git that go on whatever happens to the server, and what they were promised."""

import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.running import NoAnswer, Running, commit, git, run_git, text_template

_FAULTY = (b"error: 500", b"error: 502", b"error: 504", b"error: 4", b"made a mistake", b"prompts/")
"""In what git prints: an answer that no pusher may get here, or a refusal of what is right."""
_REFUSED = (b"error: 503", b"remote: promptuary: ", b"No space left on device")
"""A refusal that says what it is for; the last are git's own words."""
_BROKEN_OFF = (b"hung up", b"disconnect", b"RPC failed; curl", b"early EOF", b"Empty reply", b"transfer closed")
"""What git prints of an answer that ended before its end, because whoever gave it did; and beside any error of HTTP."""
_LATE = (b"will be live when the server has caught up", b"is an indexer running")
"""What git prints of a push that nobody projects in time: that it is in all the same, or not."""
_OVERTAKEN = (b"fetch first", b"non-fast-forward", b"cannot lock ref", b"failed to update ref")


@dataclass(frozen=True)
class Late:
    """A write that was not projected in time, and was answered so: when it began, and how long that took."""

    began: float
    seconds: float
    way: str
    """``api`` or ``pushed``."""


@dataclass
class Load:
    """Writers that go on until they are told to stop, and what they were promised."""

    server: Running
    folder: Path
    stopping: threading.Event = field(default_factory=threading.Event)
    pausing: threading.Event = field(default_factory=threading.Event)
    """While it is set nobody begins another write."""
    yielding: threading.Event = field(default_factory=threading.Event)
    """While it is set nobody begins another write over REST: a push, which takes longer, is not overtaken then."""
    promised: dict[str, int] = field(default_factory=dict)
    """Template name -> the highest count in it that was acknowledged."""
    commits: list[str] = field(default_factory=list)
    """Every commit that was acknowledged."""
    strict: bool = False
    """Whether every write is done or refused clearly: where the server or hooks are killed that cannot be."""
    late: list[Late] = field(default_factory=list)
    done: list[float] = field(default_factory=list)
    """When those writes over REST began that were acknowledged."""
    refused: list[float] = field(default_factory=list)
    """When those began that were answered 503."""
    retried: int = 0
    faults: list[str] = field(default_factory=list)

    def start(self) -> list[threading.Thread]:
        targets = [
            (self._write, "api/one"),
            (self._write, "api/two"),
            (self._push, "pushed/one"),
            (self._push, "pushed/two"),
        ]
        threads = [threading.Thread(target=self._run, args=target, daemon=True) for target in targets]
        for thread in threads:
            thread.start()
        return threads

    def _run(self, work: Callable[[str], None], name: str) -> None:
        try:
            work(name)
        except BaseException as error:  # noqa: BLE001 - told by the test
            self.faults.append(f"{name}: {error!r}\n{scene(self.folder)}")

    def _write(self, name: str) -> None:
        count = 0
        while not self.stopping.is_set():
            if self.pausing.is_set() or self.yielding.is_set():
                self.stopping.wait(0.05)
                continue
            count += 1
            # Without a pause the branch never stands still for as long as a push takes.
            time.sleep(random.uniform(0.1, 0.6))
            began = time.monotonic()
            try:
                header = {"If_Match": "*"} if name in self.promised or count > 1 else {"If_None_Match": "*"}
                status, headers, answer = self.server.put(name, counting(name, count), **header)
                if status in {412, 428}:  # the first write was in, only its answer was lost
                    status, headers, answer = self.server.put(name, counting(name, count), If_Match="*")
                    if status in {412, 428, 404}:
                        status, headers, answer = self.server.put(name, counting(name, count), If_None_Match="*")
            except NoAnswer as error:
                if self.strict:
                    self.faults.append(f"{name}: no answer: {error}")
                    return
                time.sleep(0.05)
                continue
            if status in {200, 201}:
                self.done.append(began)
                self.commits.append(answer["commit"])
                self.promised[name] = count
                if answer["version"] is None:
                    self.late.append(Late(began, time.monotonic() - began, "api"))
            elif not (is_clear(status, headers, answer) if self.strict else status in {409, 503}):
                self.faults.append(f"{name}: {status} {headers} {answer}")
                return
            elif status == 503:
                self.refused.append(began)

    def _push(self, name: str) -> None:
        clone = self.folder / f"{name.replace('/', '-')}.git"
        git(self.folder, "init", "-q", "--bare", str(clone))
        count = 0
        path = f"prompts/{name}.prompt.yaml"
        while not self.stopping.is_set():
            if self.pausing.wait(0.001) and not self.stopping.wait(0.05):
                continue
            fetched = run_git(clone, "fetch", "-q", self.server.git_url, "+refs/heads/main:refs/heads/main")
            if fetched.returncode and b"couldn't find remote ref" not in fetched.stderr:
                if self._is_fault(fetched.stderr):
                    self.faults.append(f"{name} fetches: {fetched.stderr.decode('utf-8', 'replace')}")
                    return
                time.sleep(0.05)
                continue
            tip = run_git(clone, "rev-parse", "-q", "--verify", "refs/heads/main").stdout.decode().strip() or None
            count += 1
            made = commit(clone, tip, {path: counting(name, count)}, f"{name} {count}")
            # What was not answered is pushed again as it is: it is in by now, or goes in, or somebody else was first.
            for attempt in range(4):
                began = time.monotonic()
                pushed = run_git(clone, "push", "-q", self.server.git_url, f"{made}:refs/heads/main")
                if any(words in pushed.stderr for words in _LATE):
                    self.late.append(Late(began, time.monotonic() - began, "pushed"))
                if pushed.returncode == 0:
                    self.retried += attempt > 0
                    self.commits.append(made)
                    self.promised[name] = count
                    break
                if any(word in pushed.stderr for word in _OVERTAKEN) or self.stopping.is_set():
                    break
                if self._is_fault(pushed.stderr):
                    self.faults.append(f"{name}: {pushed.stderr.decode('utf-8', 'replace')}")
                    return
                time.sleep(0.1)

    def _is_fault(self, said: bytes) -> bool:
        """Whether a push ended otherwise than it may: with a reason, overtaken, or with whoever answered."""
        if not self.strict:
            return False
        is_known = any(words in said for words in (*_REFUSED, *_OVERTAKEN, *_BROKEN_OFF))
        return not is_known or any(words in said for words in _FAULTY)


def is_clear(status: int, headers: Mapping[str, str], answer: Any) -> bool:
    """Whether a write that was not done was answered as it should be.

    That is a 503 which says why, and when to try again; or the conflict of two writers, of whom one was always quicker.
    """
    if not headers.get("content-type", "").startswith("application/problem+json") or not answer["detail"].strip():
        return False
    if status == 409:
        return bool(answer["type"].endswith("#ref-moved")) and "fetch and try again" in answer["detail"]
    return status == 503 and headers.get("retry-after", "").isdigit()


def scene(folder: Path) -> str:
    """The programs that have to do with a folder, what they wait for and their sockets: why a git hangs."""
    lines = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            if str(folder).encode() in (entry / "environ").read_bytes() or str(folder) in command or "git" in command:
                waits = (entry / "wchan").read_text(), (entry / "syscall").read_text().split()[0]
                sockets = [
                    str(link.readlink()) for link in (entry / "fd").iterdir() if "socket" in str(link.readlink())
                ]
                lines.append(f"{entry.name} {waits} sockets {sockets}: {command[:200]}")
    return "\n".join([*lines, Path("/proc/net/tcp").read_text()])


def counting(name: str, count: int) -> str:
    return text_template(f"{name} counts {count}")


def count_of(text: str) -> int:
    found = re.search(r"counts (\d+)", text)
    assert found, text
    return int(found[1])


def assert_kept(server: Running, load: Load) -> None:
    """What was acknowledged is in main; the counts are at least those that were promised."""
    promised, commits = dict(load.promised), list(load.commits)
    if not commits:
        return
    on_main = set(git(server.bare, "rev-list", "refs/heads/main").split())
    lost = [each for each in commits if each not in on_main]
    assert not lost, f"{len(lost)} acknowledged commits are lost: {lost[:5]}\n{server.tail()}"
    for name, count in promised.items():
        assert count_of(git(server.bare, "show", f"main:prompts/{name}.prompt.yaml")) >= count
