"""The program as a process of its own that need not import everything first, which takes longer than most of its work.

A process that has imported what the program needs waits (``tests.waiting``); asked to, it divides itself, and the new
process becomes the program, with arguments, folder, environment, standard streams and an end of its own. Where the start
itself is the matter, ``subprocess`` runs ``PROGRAM``: the start-up time, ``serve`` as a user starts it, and variables
that Python reads before it runs anything (``LC_ALL``, ``PYTHONIOENCODING``).
"""

import atexit
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.waiting import BIGGEST, NUMBER

WAITING = "from tests.waiting import until_asked, end_with; until_asked(); from api.cli import main; end_with(main)"


class WarmProcess(subprocess.Popen[Any]):
    """The running program; ``args`` are its arguments. It is a child of the waiting process, which tells of its end."""

    def _execute_child(self, args: Any, executable: Any, preexec_fn: Any, *others: Any) -> None:
        assert preexec_fn is None, "what is to be done before the program starts needs a start"
        cwd, env = others[2:4]
        pipes, (group, groups, user) = others[7:13], others[14:17]
        streams = pipes[0], pipes[3], pipes[5]
        asked = json.dumps({
            "arguments": [os.fsdecode(each) for each in args],
            "folder": os.fsdecode(cwd or Path.cwd()),
            "environment": dict(os.environ if env is None else env),  # noqa: TID251 - what every child has
            "user": None if user is None else [user, group, groups],
        }).encode()  # fmt: skip
        assert len(asked) < BIGGEST
        self._told, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            given = [theirs.fileno(), *(own if each == -1 else each for own, each in enumerate(streams))]
            socket.send_fds(_waiting(), [asked], given)
        self.pid = self._number()
        self._child_created = True
        self._close_pipe_fds(*pipes)

    def _number(self) -> int:
        said = self._told.recv(NUMBER.size)
        assert said, "the waiting process has ended"
        return int(NUMBER.unpack(said)[0])

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        self._told.setblocking(not wait_flags & os.WNOHANG)
        try:
            status = self._number()
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
