"""A terminal to look at the commands that ask a server."""

import fcntl
import os
import pty
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from tests.cli.conftest import environment, url_of
from tests.running import Running
from tests.warm import WarmProcess


@contextmanager
def nobody() -> Iterator[int]:
    """An output that nobody reads: whoever writes to it gets SIGPIPE."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


def on_a_terminal(server: Running, *arguments: str, columns: int = 40, typed: str = "", **more: str) -> tuple[int, str]:
    """Runs a command with a terminal on all three ends, in the server's folder: its exit code and what stood on the screen."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = environment(PROMPTUARY_URL=url_of(server), PROMPTUARY_KEY=server.key, TERM="xterm-256color", **more)
    env.pop("COLUMNS")
    process = WarmProcess(arguments, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=server.data)
    os.close(theirs)
    os.write(ours, typed.encode())
    screen = b""
    try:
        while chunk := os.read(ours, 65536):
            screen += chunk
    except OSError:  # the other end is closed
        pass
    finally:
        os.close(ours)
    return process.wait(60), screen.decode().replace("\r\n", "\n")
