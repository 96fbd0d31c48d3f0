"""The program as a process of its own that need not import everything first, which takes longer than most of its work.

A process that has imported what the program needs waits (``tests.waiting``); asked to, it divides itself, and the new
process becomes the program, with arguments, folder, environment, standard streams and an end of its own. Where the start
itself is the matter, ``subprocess`` runs ``PROGRAM``: the start-up time, ``serve`` as a user starts it, variables that
Python reads before it runs anything (``LC_ALL``, ``PYTHONIOENCODING``), and other users, who may not even read what this
Python would import later.
"""

import atexit
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.waiting import ask, number_of

ROOT = Path(__file__).parents[1]
WAITING = "from tests.waiting import until_asked, end_with; until_asked(); from api.cli import main; end_with(main)"


class WarmProcess(subprocess.Popen[Any]):
    """The running program; ``args`` are its arguments. It is a child of the waiting process, which tells of its end."""

    def _execute_child(self, args: Any, executable: Any, preexec_fn: Any, *others: Any) -> None:
        assert preexec_fn is None, "what is to be done before the program starts needs a start"
        cwd, env = others[2:4]
        pipes = others[7:13]
        streams = pipes[0], pipes[3], pipes[5]
        asked = {
            "arguments": [os.fsdecode(each) for each in args],
            "folder": os.fsdecode(cwd or Path.cwd()),
            "environment": dict(os.environ if env is None else env),  # noqa: TID251 - what every child has
        }
        given = [own if each == -1 else each for own, each in enumerate(streams)]
        self.pid, self._told = ask(_waiting().fileno(), asked, given)
        self._child_created = True
        self._close_pipe_fds(*pipes)

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        self._told.setblocking(not wait_flags & os.WNOHANG)
        try:
            status = number_of(self._told)
        except BlockingIOError:
            return 0, 0
        self._told.close()
        return self.pid, status

    def _internal_poll(self, _deadstate: int | None = None) -> int | None:
        if self.returncode is None and self._waitpid_lock.acquire(blocking=False):
            try:
                if self.returncode is None:
                    pid, status = self._try_wait(os.WNOHANG)
                    if pid:
                        self._handle_exitstatus(status)
            finally:
                self._waitpid_lock.release()
        return self.returncode


def run_warm(
    arguments: Sequence[str | bytes], *, given: str | bytes | None = None, timeout: float = 120, **how: Any
) -> subprocess.CompletedProcess[Any]:
    """As ``subprocess.run`` does, with the program's arguments alone; output that is not redirected is captured, ``given`` is the input."""
    streams = {"stdin": subprocess.DEVNULL if given is None else subprocess.PIPE}
    captured = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with WarmProcess(list(arguments), **{**streams, **captured, **how}) as process:
        try:
            out, err = process.communicate(given, timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(list(arguments), process.returncode, out, err)


def warm_program(place: Path) -> int:
    """Makes an executable that runs the program; who runs it has to have inherited the file descriptor returned here."""
    way = _waiting().fileno()
    lines = f"#!{sys.executable} -IS", "import sys", f"sys.path.insert(0, {str(ROOT)!r})", "from tests import waiting"
    place.write_text("\n".join([*lines, f"waiting.run_in_place({way})\n"]))
    place.chmod(0o755)
    return way


@cache
def _waiting() -> socket.socket:
    """The way to the waiting process of this one, which ends when the way is closed."""
    from tests.running import clean_environment

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", WAITING, str(theirs.fileno())],
            env=clean_environment(), stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
        )  # fmt: skip

    def end() -> None:
        ours.close()
        process.wait(10)

    atexit.register(end)
    return ours
