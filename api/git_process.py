"""Running ``git upload-pack`` and ``git receive-pack`` for one request, and streaming both ways at once."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from starlette.types import Send

from api.git_body import BodyError, Disconnected, RequestBody
from api.git_child import GitChild
from api.git_sideband import Ending

log = logging.getLogger(__name__)

_STDERR_BYTES = 1 << 14
_SEND_SECONDS = 300.0  # a client that reads nothing for so long is gone

Headers = Sequence[tuple[bytes, bytes]]


def git_environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a git process that serves a client: nothing of the server's own leaks in."""
    return {
        "PATH": os.pathsep.join(os.get_exec_path()),
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **extra,
    }


@dataclass(slots=True)
class PackProcess:
    """One git process between a request body and a response.

    ``memory`` is the most bytes of data that each process has. ``last_words`` is for receive-pack: asked once the
    process has ended, whether or not the client is still there, for lines to show before the answer ends. Such a
    process is never killed, because it may be moving refs. A client that leaves early only ends its input (half a
    pack is refused by Git itself); what it got whole, it finishes.
    """

    arguments: Sequence[str]
    path: Path
    environment: Mapping[str, str]
    body: RequestBody
    send: Send
    headers: Headers
    last_words: Callable[[], Awaitable[Sequence[str]]] | None = None
    memory: int | None = None
    started: bool = field(default=False, init=False)
    gone: bool = field(default=False, init=False)
    error: BodyError | None = field(default=None, init=False)
    _ending: Ending = field(default_factory=Ending, init=False)

    async def run(self) -> int:
        """Runs to the end and gives the exit code. The response has been started if ``started`` says so."""
        child = GitChild.start(self.arguments, self.path, self.environment, self.memory)
        feeding = asyncio.create_task(self._feed(child))
        complaints = asyncio.create_task(_log_complaints(self.arguments, child))
        try:
            await self._pump(child)
            code = await child.end()
        except BaseException:
            self._may_kill(child)
            raise
        finally:
            for task in (feeding, complaints):
                task.cancel()
            await asyncio.gather(feeding, complaints, return_exceptions=True)
            child.close()
        lines = await self.last_words() if self.last_words is not None else ()
        if self.started and not self.gone:
            rest = self._ending.close(lines)
            await self._deliver({"type": "http.response.body", "body": rest, "more_body": False})
        return code

    async def _feed(self, child: GitChild) -> None:
        """Body to process; then waits for the client to leave, which ends an upload-pack."""
        try:
            async for piece in self.body.pieces():
                await child.write(piece)
        except (BrokenPipeError, ConnectionResetError):  # git has made up its mind: it will say why
            with suppress(Disconnected):
                await self.body.drain()
        except Disconnected:
            self._leave(child)
        except BodyError as error:
            self.error = error
            self._leave(child)
        finally:
            child.end_input()
        if not self.gone and self.body.complete:
            await self.body.gone()
            self._leave(child)

    def _leave(self, child: GitChild) -> None:
        self.gone = self.error is None
        self._may_kill(child)

    def _may_kill(self, child: GitChild) -> None:
        if self.last_words is None:
            child.kill()

    async def _pump(self, child: GitChild) -> None:
        """Process to response. Output nobody listens to is read all the same, so that git never waits for it."""
        while piece := await child.read():
            if not self.started and not self.gone and self.error is None:
                await self._deliver({"type": "http.response.start", "status": 200, "headers": list(self.headers)})
                self.started = True
            if self.started and not self.gone:
                ready = self._ending.pass_on(piece) if self.last_words is not None else piece
                await self._deliver({"type": "http.response.body", "body": ready, "more_body": True})
            if self.gone and self.last_words is None:
                child.kill()
                return

    async def _deliver(self, message: dict[str, object]) -> None:
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await self.send(message)
        except (OSError, RuntimeError):  # the connection is closed, or too slow (TimeoutError)
            self.gone = True


async def run_short(
    arguments: Sequence[str], path: Path, environment: Mapping[str, str], *, seconds: float
) -> tuple[int, bytes]:
    """Exit code and output of a git process that needs no input. Raises TimeoutError after ``seconds``."""
    child = GitChild.start(arguments, path, environment)
    child.end_input()
    try:
        async with asyncio.timeout(seconds):
            out, _ = await asyncio.gather(_output(child), _log_complaints(arguments, child))
            return await child.end(), out
    except BaseException:
        child.kill()
        raise
    finally:
        child.close()


async def _output(child: GitChild) -> bytes:
    pieces: list[bytes] = []
    while piece := await child.read():
        pieces.append(piece)
    return b"".join(pieces)


async def _log_complaints(arguments: Sequence[str], child: GitChild) -> None:
    """What git writes to its standard error goes to the server's log."""
    if complaints := await child.read_complaints(_STDERR_BYTES):
        service = next((word for word in arguments if word.endswith("-pack")), "")
        log.warning("git %s: %s", service, complaints)
