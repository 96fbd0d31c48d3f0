"""One render worker as its parent sees it: a child process and the socket to it."""

import asyncio
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import minijinja

import registry
from registry.adapters.local.render_frames import HEADER

MAX_ANSWER = 64 * 1_048_576
"""Bytes of one answer: more than any rendering within its own limit; a longer one is no answer of ours."""

_BOOT = (
    "import sys; sys.path[:0] = sys.argv[3:]; "
    "from registry.adapters.local.render_worker import boot; boot()"
)  # fmt: skip


class WorkerLost(Exception):
    """The worker died or said what it should not."""


class WorkerProcess:
    """A child without the parent's environment, files, terminal or standard error."""

    def __init__(self, process: subprocess.Popen[bytes], channel: socket.socket) -> None:
        self.process = process
        self.channel = channel

    @classmethod
    async def start(cls, *, memory: int, deadline: float) -> Self:
        """Starts a worker and waits until it is ready. Raises WorkerLost, OSError."""
        spawning = asyncio.get_running_loop().run_in_executor(None, cls._spawn, memory, deadline)
        try:
            worker = await asyncio.shield(spawning)
        except asyncio.CancelledError:
            spawning.add_done_callback(_end_unwanted)
            raise
        try:
            async with asyncio.timeout(30):
                await worker.receive()
        except TimeoutError as error:
            worker.kill()
            raise WorkerLost("the render worker does not start") from error
        except BaseException:
            worker.kill()
            raise
        return worker

    @classmethod
    def _spawn(cls, memory: int, deadline: float) -> Self:
        # Isolated and without site: the paths of this package and of the engine are all that it needs.
        paths = dict.fromkeys(str(Path(str(module.__file__)).parent.parent) for module in (registry, minijinja))
        command = [sys.executable, "-I", "-S", "-c", _BOOT, str(memory), str(deadline), *paths]
        ours, theirs = socket.socketpair()
        try:
            process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,  # Ctrl-C is for the server, which ends its workers itself
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        return cls(process, ours)

    async def ask(self, frame: bytes) -> dict[str, Any]:
        """Sends a request's frame and gives the answer. Raises WorkerLost; afterwards the worker is of no use."""
        try:
            await asyncio.get_running_loop().sock_sendall(self.channel, frame)
        except OSError as error:
            raise WorkerLost("the render worker is gone") from error
        return await self.receive()

    async def receive(self) -> dict[str, Any]:
        """The next answer. Raises WorkerLost."""
        loop = asyncio.get_running_loop()
        received = bytearray()
        length = HEADER
        try:
            while len(received) < length:
                data = await loop.sock_recv(self.channel, 262_144)
                if not data:
                    raise WorkerLost("the render worker died")
                received += data
                if length == HEADER and len(received) >= HEADER:
                    length = HEADER + int.from_bytes(received[:HEADER], "big")
                    if length > MAX_ANSWER:
                        raise WorkerLost("the render worker answered too much")
            answer = json.loads(received[HEADER:].decode("utf-8", "surrogatepass"))
        except (OSError, ValueError, RecursionError) as error:
            raise WorkerLost("the render worker gave no answer") from error
        if not isinstance(answer, dict):
            raise WorkerLost("the render worker gave no answer")
        return answer

    def kill(self) -> None:
        """Ends the worker at once; it is reaped in a thread."""
        self.channel.close()
        self.process.kill()
        asyncio.get_running_loop().run_in_executor(None, self.process.wait)

    def end(self) -> None:
        """Ends the worker without an event loop."""
        self.channel.close()
        self.process.kill()
        self.process.wait()


def _end_unwanted(spawning: asyncio.Future[Any]) -> None:
    """Whoever wanted the worker was cancelled while it was being made."""
    if not spawning.cancelled() and spawning.exception() is None:
        spawning.result().end()
