"""A git process at whose three streams the event loop sits.

Not ``asyncio.create_subprocess_exec``: uvloop's forks the whole server, 3.5 ms at 60 MiB and 10.6 ms at 170 MiB of
memory, in which nothing else goes on. ``subprocess.Popen`` takes vfork: 0.3 ms, however large the server is. The
streams are sockets, because uvloop closes the descriptor of a pipe that it is given, and then closes the file object
too: by then a thread may have opened something else under that number.
"""

import asyncio
import resource
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

_PIECE = 1 << 16


class GitChild:
    """A running git. Whoever starts one lets it ``end`` or kills it, and closes its streams."""

    def __init__(self, process: subprocess.Popen[bytes], streams: Sequence[socket.socket]) -> None:
        self._process = process
        self._stdin, self._stdout, self._stderr = streams

    @classmethod
    def start(
        cls, arguments: Sequence[str], path: Path, environment: Mapping[str, str], memory: int | None = None
    ) -> Self:
        """Runs git in a folder, with that environment alone. Raises OSError.

        It and each process that it starts gets so much ``memory`` for its data (bytes; on Linux) and no more.
        """
        pairs: list[tuple[socket.socket, socket.socket]] = []
        try:
            for _ in range(3):
                pairs.append(socket.socketpair())
                pairs[-1][0].setblocking(False)
            stdin, stdout, stderr = (theirs.fileno() for _, theirs in pairs)
            process = subprocess.Popen(  # nosec B603, B607  # git from the PATH
                ["git", *arguments],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=path,
                env=dict(environment),
                start_new_session=True,  # Ctrl-C at the server's terminal must not hit a push in its middle
            )
        except BaseException:
            for ours, _ in pairs:
                ours.close()
            raise
        finally:
            for _, theirs in pairs:
                theirs.close()
        if memory is not None and sys.platform == "linux":
            with suppress(ProcessLookupError):  # before it has input it starts nothing that would go without
                resource.prlimit(process.pid, resource.RLIMIT_DATA, (memory, memory))
        return cls(process, [ours for ours, _ in pairs])

    async def write(self, data: bytes) -> None:
        """Writes to its input, waiting while that is full. Raises BrokenPipeError, ConnectionResetError."""
        await asyncio.get_running_loop().sock_sendall(self._stdin, data)

    def end_input(self) -> None:
        """Lets it read the end of its input."""
        self._stdin.close()

    async def read(self) -> bytes:
        """Some of its output, empty at its end."""
        return await asyncio.get_running_loop().sock_recv(self._stdout, _PIECE)

    async def read_complaints(self, at_most: int) -> str:
        """All of its standard error, cut off after so many bytes."""
        kept = bytearray()
        while piece := await asyncio.get_running_loop().sock_recv(self._stderr, _PIECE):
            kept += piece[: at_most - len(kept)]
        return kept.decode(errors="replace").strip()

    def kill(self) -> None:
        """Ends it at once, if it still runs; a thread waits for that."""
        self._process.kill()
        asyncio.get_running_loop().run_in_executor(None, self._process.wait)

    async def end(self) -> int:
        """Waits for its end; gives the exit code."""
        return await asyncio.to_thread(self._process.wait)

    def close(self) -> None:
        """Closes the streams. Nobody may be reading or writing any more."""
        for stream in (self._stdin, self._stdout, self._stderr):
            stream.close()
