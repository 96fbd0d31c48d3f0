"""A worker as its parent sees it: a child process and the socket to it."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import registry
from registry.adapters.local.worker_frames import HEADER

MAX_ANSWER = 64 * 1_048_576
"""Bytes of one answer: more than any rendering within its own limit; a longer one is no answer of ours."""

_BOOT = (
    "import sys; sys.path[:0] = sys.argv[1].splitlines(); "
    "from registry.adapters.local.{} import boot; boot()"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Program:
    """What a worker runs: ``boot`` of a module beside this one, with ``sys.argv[2:]`` as its arguments.

    ``packages`` are those outside of the standard library that it imports.
    """

    module: str
    packages: Sequence[ModuleType]
    arguments: Sequence[str] = ()


class WorkerLost(Exception):
    """The worker died or said what it should not."""


class WorkerProcess:
    """A child without the parent's environment, files, terminal or standard error."""

    def __init__(self, process: subprocess.Popen[bytes], channel: socket.socket) -> None:
        self.process = process
        self.channel = channel
        self._early = bytearray()

    @classmethod
    async def start(cls, program: Program) -> Self:
        """Starts a worker and waits until it is ready. Raises WorkerLost, OSError."""
        spawning = asyncio.get_running_loop().run_in_executor(None, cls._spawn, program)
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
            raise WorkerLost("the worker does not start") from error
        except BaseException:
            worker.kill()
            raise
        return worker

    @classmethod
    def _spawn(cls, program: Program) -> Self:
        # Isolated and without site: the paths of this package and of those it names are all that it needs.
        paths = dict.fromkeys(str(Path(each.__path__[0]).parent) for each in (registry, *program.packages))
        boot = _BOOT.format(program.module)
        command = [sys.executable, "-I", "-S", "-c", boot, "\n".join(paths), *program.arguments]
        ours, theirs = socket.socketpair()
        try:
            process = subprocess.Popen(  # nosec B603  # our own interpreter and program
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

    async def ask(self, frame: bytes) -> bytearray:
        """Sends a frame and gives the answer's payload. Raises WorkerLost; afterwards the worker is of no use."""
        await self.send(frame)
        return await self.receive()

    async def send(self, frame: bytes) -> None:
        """Sends a frame. Raises WorkerLost."""
        try:
            await asyncio.get_running_loop().sock_sendall(self.channel, frame)
        except OSError as error:
            raise WorkerLost("the worker is gone") from error

    async def receive(self) -> bytearray:
        """The next answer's payload. Raises WorkerLost."""
        loop = asyncio.get_running_loop()
        received, self._early = self._early, bytearray()
        length = _length(received)
        try:
            while len(received) < length:
                data = await loop.sock_recv(self.channel, 262_144)
                if not data:
                    raise WorkerLost("the worker died")
                received += data
                if length == HEADER:
                    length = _length(received)
        except OSError as error:
            raise WorkerLost("the worker gave no answer") from error
        if len(received) > length:
            self._early = received[length:]
        return received[HEADER:length]

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


def _length(received: bytearray) -> int:
    """Of the frame that begins here, header and all; of the header as long as that is not there. Raises WorkerLost."""
    if len(received) < HEADER:
        return HEADER
    length = HEADER + int.from_bytes(received[:HEADER], "big")
    if length > MAX_ANSWER:
        raise WorkerLost("the worker answered too much")
    return length


def _end_unwanted(spawning: asyncio.Future[Any]) -> None:
    """Whoever wanted the worker was cancelled while it was being made."""
    if not spawning.cancelled() and spawning.exception() is None:
        spawning.result().end()
