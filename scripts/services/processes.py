"""A server's process: whether it still is the one that was started, and signals to it with all its children."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A process by its id and by when it was born, because ids are used again."""

    pid: int
    born: str

    @classmethod
    def of(cls, pid: int) -> "Process":
        """The process that has this id now."""
        return cls(pid, _born(pid))

    @classmethod
    def remembered(cls, file: Path) -> "Process | None":
        """The one that ``remember`` wrote, or ``None`` where there is no such file, or it is of no use."""
        try:
            return cls(**json.loads(file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def remember(self, file: Path) -> None:
        """Write it down for the next run of this program."""
        file.write_text(json.dumps(asdict(self)))

    def is_alive(self) -> bool:
        """Whether the process with this id is still that one, and not a dead one that nobody has waited for."""
        return bool(self.born) and _born(self.pid) == self.born

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this process alone; nothing happens where it is gone."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def send_all(self, number: signal.Signals) -> None:
        """Send a signal to it and to all that it started: stopped first, so that it starts no others meanwhile."""
        if not self.is_alive():
            return
        if number == signal.SIGKILL:
            self.send(signal.SIGSTOP)
        for pid in (self.pid, *_below(self.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def stop_all(self, seconds: float) -> bool:
        """SIGSTOP to it and to all that it started: whether all of their threads stand still within this time.

        The signal is taken by one thread, which stops the others; until a busy machine lets it, those answer on.
        """
        self.send_all(signal.SIGSTOP)
        until = time.monotonic() + seconds
        while any(_runs(pid) for pid in (self.pid, *_below(self.pid))):
            if time.monotonic() > until:
                return False
            await asyncio.sleep(0.01)
        return True

    async def wait(self, seconds: float) -> bool:
        """Whether it is gone within this time, and its id with it: a lock file that names the id counts until then."""
        until = time.monotonic() + seconds
        while _stat(self.pid) and _born(self.pid) in {self.born, ""}:
            _reap(self.pid)
            if time.monotonic() > until:
                return not self.is_alive()
            await asyncio.sleep(0.02)
        return True


def spawn(command: Sequence[str], log: Path) -> Process:
    """Start a server that outlives this program, in a session of its own; what it prints goes to the log."""
    program = shutil.which(command[0])
    assert program is not None, f"{command[0]} was looked for before"
    into = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    pid = os.posix_spawn(
        program,
        list(command),
        {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C.UTF-8"},  # noqa: TID251 - a child's
        setsid=True,
        setsigdef=[signal.SIGPIPE, signal.SIGINT],  # Python ignores the one, a shell's background job the other
        file_actions=[(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), into, (os.POSIX_SPAWN_DUP2, 1, 2)],
    )
    return Process.of(pid)


def _born(pid: int) -> str:
    """When this process began, in the kernel's ticks with the id of this boot; empty where none runs."""
    fields = _stat(pid)
    if not fields or fields[0] in {"Z", "X"}:
        return ""
    return f"{fields[19]}@{(PROC / 'sys/kernel/random/boot_id').read_text().strip()}"


def _stat(pid: int) -> list[str]:
    """What the kernel says of a process from its state on; the name before it may hold anything."""
    return _state(PROC / str(pid) / "stat")


def _state(file: Path) -> list[str]:
    """The same of a thread's file; empty where it is gone."""
    try:
        return file.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _runs(pid: int) -> bool:
    """Whether a thread of this process is neither stopped nor dead."""
    states = [_state(each / "stat") for each in (PROC / str(pid) / "task").glob("*")]
    return any(state and state[0] not in {"T", "t", "Z", "X"} for state in states)


def _below(pid: int) -> list[int]:
    """All that a process started, and what those started."""
    parents = {int(entry.name): _stat(int(entry.name)) for entry in PROC.iterdir() if entry.name.isdecimal()}
    found, looked_at = [], [pid]
    while looked_at:
        parent = str(looked_at.pop())
        children = [child for child, fields in parents.items() if fields and fields[1] == parent]
        found += children
        looked_at += children
    return found


def _reap(pid: int) -> None:
    """Take the exit of a child of ours, which would stay as a zombie else."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
