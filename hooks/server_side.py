"""The server's end of a push: a private folder with two FIFOs, through which pre-receive asks and is answered.

The folder is the credential: whoever can open it (mode 0700) is the hook of the push that it was made for. Repository
and actor are the server's own memory of that push; of what the hook says only the ref updates and the place of the
quarantine count, and the latter only inside the repository. What post-receive does for a push to the folder the server
does itself (``ServedHooks.report``): a process less, which took a tenth of a push's time.
"""

import asyncio
import logging
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

from hooks.ports import DenialRecorder, Judge, MoveRecorder, Reporter, Verdict
from hooks.protocol import (
    OK,
    REFUSED,
    REQUEST_BYTES,
    Request,
    clean_line,
    diagnostic_lines,
    is_complete,
    option_lines,
    parse_request,
    pieces,
)
from hooks.stale_locks import clear_locks
from registry.domain.access import Actor
from registry.domain.errors import PromptuaryError, Unavailable
from registry.domain.ids import RepositoryName
from registry.domain.ref_intents import RefIntent
from registry.domain.refs import RefUpdate

log = logging.getLogger(__name__)

_PRE_RECEIVE = "pre-receive"
_QUIET_SECONDS = 1.0  # a push that is judged faster shows no progress
_JUDGE_SECONDS = 900.0
_REPORT_SECONDS = 10.0  # how long a pusher waits to see what is live


@dataclass(frozen=True, slots=True)
class Push:
    """The server's memory of a push that it serves."""

    repository: RepositoryName
    path: Path
    actor: Actor


def require_gate(repository: RepositoryName, path: Path) -> Path:
    """The repository's pre-receive. Raises Unavailable where it cannot be run."""
    script = path.resolve() / "hooks" / _PRE_RECEIVE
    if not os.access(script, os.X_OK):
        raise Unavailable(f"The gate of {repository} is not there. Restart the server, which writes it anew.")
    return script


@asynccontextmanager
async def serve_push(
    push: Push,
    *,
    gate: Judge,
    reporting: Reporter,
    moves: MoveRecorder,
    denials: DenialRecorder,
    parent: Path | None = None,
) -> AsyncIterator["ServedHooks"]:
    """What a ``git receive-pack`` is started with; its pre-receive is answered until this is left.

    ``parent`` is where the private folder is made, the system's temporary folder where None. Raises OSError, and
    Unavailable where the repository's pre-receive cannot be run: without it Git would let everything in.
    """
    script = require_gate(push.repository, push.path)
    folder = Path(tempfile.mkdtemp(prefix="promptuary-push-", dir=parent))
    try:
        scripts = folder / "hooks"
        scripts.mkdir()
        (scripts / _PRE_RECEIVE).symlink_to(script)
        with closing(_Channel(folder)) as channel:
            hooks = ServedHooks(folder, scripts, push, gate, reporting, moves, denials, channel)
            answering = asyncio.create_task(hooks.serve())
            try:
                yield hooks
                await moves.ended(hooks.intents)
            finally:
                moves.abandon(hooks.intents)
                answering.cancel()
                await asyncio.wait([answering])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Channel:
    """The two FIFOs. Both are open for reading and writing, so that neither side ever waits for the other to open."""

    def __init__(self, folder: Path) -> None:
        for name in ("request", "answer"):
            os.mkfifo(folder / name, 0o600)
        self._request = os.open(folder / "request", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._answer = os.open(folder / "answer", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            os.close(self._request)
            raise

    async def receive(self) -> bytes:
        """The next request, whole. Raises ValueError for one that is too long."""
        data = bytearray()
        while not is_complete(data):
            try:
                data += os.read(self._request, 1 << 16)
            except BlockingIOError:
                await self._readable()
            if len(data) > REQUEST_BYTES:
                raise ValueError("the push has too many refs")
        return bytes(data)

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._request, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._request)

    async def send(self, lines: Iterable[str]) -> None:
        """Writes lines, waiting while the hook is slow to read."""
        for piece in pieces(lines):
            await self._write(piece)

    async def decide(self, verdict: str) -> None:
        """Writes the last line."""
        await self._write(f"{verdict}\n".encode())

    async def _write(self, piece: bytes) -> None:
        while True:
            try:
                os.write(self._answer, piece)  # up to PIPE_BUF: all or nothing
            except BlockingIOError:
                await asyncio.sleep(0.01)
            else:
                return

    def close(self) -> None:
        """Closes the server's ends; a hook that still waits then reads the end and refuses."""
        os.close(self._request)
        os.close(self._answer)


class ServedHooks:
    """The hooks of one push: ``folder`` is for their ``PROMPTUARY_GATE``, ``scripts`` for Git's ``core.hooksPath``."""

    def __init__(
        self,
        folder: Path,
        scripts: Path,
        push: Push,
        gate: Judge,
        reporting: Reporter,
        moves: MoveRecorder,
        denials: DenialRecorder,
        channel: _Channel,
    ) -> None:
        self.folder = folder
        self.scripts = scripts
        self._push = push
        self._gate = gate
        self._reporting = reporting
        self._moves = moves
        self._denials = denials
        self._channel = channel
        self.intents: list[RefIntent] = []
        """What is noted of the push for the audit."""
        self._news: list[str] = []
        self._accepted: Sequence[RefUpdate] = ()

    async def serve(self) -> None:
        """Answers until cancelled. Whatever goes wrong is a refusal, with the reason in the server's log."""
        while True:
            accepted = False
            try:
                request = parse_request(await self._channel.receive())
                accepted = await self._judge(request)
            except PromptuaryError as error:
                await self._channel.send([f"promptuary: {error.message}"])
            except ValueError as error:
                await self._channel.send([f"promptuary: {error}"])
            except Exception:
                log.exception("judging a push to %s failed", self._push.repository)
                await self._channel.send(["promptuary: the server made a mistake; its log says which"])
            await self._channel.decide(OK if accepted else REFUSED)

    async def _judge(self, request: Request) -> bool:
        if request.hook != _PRE_RECEIVE:
            raise ValueError(f"the server knows no hook {request.hook}")
        quarantine = request.quarantine
        if quarantine is not None and quarantine.resolve().parent != (self._push.path / "objects").resolve():
            raise ValueError("the quarantine lies outside the repository")
        started = time.monotonic()
        verdict = await self._verdict(request)
        log.info(
            "push to %s by %s: %s, %d refs, %d diagnostics, %.0f ms",
            self._push.repository,
            self._push.actor.user,
            "accepted" if verdict.accepted else "refused",
            len(request.updates),
            len(verdict.diagnostics),
            (time.monotonic() - started) * 1000,
        )
        if not verdict.accepted:  # before anything is sent: its pusher may be gone
            self._denials.refused(self._push.repository, verdict.diagnostics, self._push.actor)
        await self._channel.send([*option_lines(request.options), *diagnostic_lines(verdict.diagnostics)])
        if verdict.accepted:
            self._accepted = request.updates
            await clear_locks(self._push.path, (update.ref for update in request.updates))
            self.intents += await self._moves.accept(self._push.repository, request.updates, self._push.actor)
        return verdict.accepted

    async def _verdict(self, request: Request) -> Verdict:
        """The gate's; the pusher is told how it goes on. Raises Unavailable where it takes too long."""
        loop = asyncio.get_running_loop()

        def tell(line: str) -> None:
            loop.call_soon_threadsafe(self._news.append, line)  # the gate may work in a thread

        telling = asyncio.create_task(self._tell_progress())
        push = self._push
        try:
            async with asyncio.timeout(_JUDGE_SECONDS):
                return await self._gate.judge(
                    push.repository, request.updates, push.actor, quarantine=request.quarantine, progress=tell
                )
        except TimeoutError as error:
            raise Unavailable(f"Judging took more than {_JUDGE_SECONDS:.0f} s. Push fewer changes at once.") from error
        finally:
            telling.cancel()  # not awaited: a cancellation of this task would end there, unseen

    async def _tell_progress(self) -> None:
        """Sends the newest news once a second, from the second second on."""
        self._news.clear()
        while True:
            await asyncio.sleep(_QUIET_SECONDS)
            if self._news:
                newest = self._news[-1]
                self._news.clear()
                await self._channel.send([f"promptuary: {newest}"])

    async def report(self) -> list[str]:
        """What the push made live, in lines; the projection goes on when the pusher has waited enough. Never raises."""
        if not self._accepted:
            return []
        landed = asyncio.ensure_future(self._reporting.landed(self._push.repository, self._accepted))
        landed.add_done_callback(_retrieve)
        try:
            async with asyncio.timeout(_REPORT_SECONDS):
                return [clean_line(line) for line in await asyncio.shield(landed)]
        except Exception:  # noqa: BLE001 - nothing can be undone any more; _retrieve logs it
            return ["promptuary: what Git takes in here will be live when the server has caught up"]


def _retrieve(landed: asyncio.Future[Sequence[str]]) -> None:
    """Logs what the projection raised; the reconciler will try again."""
    if not landed.cancelled() and (error := landed.exception()) is not None:
        log.warning("projection after a push failed: %s", error)
