"""Reading uploads in a child process each, one at a time."""

import asyncio
import logging
import pickle
from collections.abc import Sequence

import jsonschema_rs
import minijinja
import orjson
import ruamel
import yaml

from registry.adapters.local.import_worker import FAILED, UNREADABLE
from registry.adapters.local.worker_frames import frame
from registry.adapters.local.worker_process import Program, WorkerLost, WorkerProcess
from registry.domain.errors import BadRequest, Unavailable
from registry.domain.importing.files import SourceFile
from registry.domain.importing.imported import SourceUnreadable
from registry.domain.importing.plans import PromptPlan
from registry.domain.prompt_formats import PromptFormat
from registry.ports.import_reader import Planned

log = logging.getLogger(__name__)

_BUSY = "Other imports are being read. Try again in a moment."
_PACKAGES = (jsonschema_rs, minijinja, orjson, ruamel, yaml)
_LONGEST_PLANS = 256 * 1_048_576
"""Bytes of all plans of an import together, as they come."""


class ProcessImportReader:
    """Implements ``ports.import_reader.ImportReader``.

    ``deadline`` and ``patience`` are in seconds, ``memory`` in bytes. At most ``waiting`` uploads wait for the one that
    is read, and none longer than ``patience``. One event loop uses it.
    """

    def __init__(
        self, *, deadline: int = 300, memory: int = 2 * 1_073_741_824, waiting: int = 8, patience: float = 60
    ) -> None:
        self._deadline = deadline
        self._program = Program("import_worker", _PACKAGES, (str(memory), str(deadline)))
        self._waiting = waiting
        self._patience = patience
        self._queued = 0
        self._one = asyncio.Lock()

    async def plan(self, files: Sequence[SourceFile], form: PromptFormat | None, folder: str) -> Planned:
        """Plans in a process of its own. Raises SourceUnreadable, BadRequest, Unavailable."""
        if self._queued > self._waiting:
            raise Unavailable(_BUSY)
        self._queued += 1
        try:
            await self._turn()
            try:
                return await self._plan(frame(pickle.dumps((files, form, folder), protocol=5)))
            finally:
                self._one.release()
        finally:
            self._queued -= 1

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await self._one.acquire()
        except TimeoutError as error:
            raise Unavailable(_BUSY) from error

    async def _plan(self, request: bytes) -> Planned:
        try:
            worker = await WorkerProcess.start(self._program)
        except (WorkerLost, OSError) as error:
            raise Unavailable(f"No process could be started to read the import: {error}") from error
        try:
            async with asyncio.timeout(self._deadline):
                return await _answer(worker, request)
        except (WorkerLost, TimeoutError) as error:
            log.warning("an upload was not read to its end: %s", str(error) or f"it took more than {self._deadline} s")
            raise BadRequest(
                f"Reading the files takes too much memory or more than {self._deadline} s. "
                "Send fewer at a time, or use `promptuary import`, which reads them on your machine."
            ) from error
        finally:
            worker.kill()


async def _answer(worker: WorkerProcess, request: bytes) -> Planned:
    """What the worker says. Raises SourceUnreadable, WorkerLost, and RuntimeError where it made a mistake."""
    kind, said = pickle.loads(await worker.ask(request))  # noqa: S301  # nosec B301  # see import_worker
    if kind == UNREADABLE:
        raise SourceUnreadable(said)
    if kind == FAILED:
        raise RuntimeError(f"reading an upload failed:\n{said}")
    count, left_out = said
    plans: list[PromptPlan] = []
    left = _LONGEST_PLANS
    for _ in range(count):  # each by itself, so that no other request waits for all of them
        payload = await worker.receive()
        left -= len(payload)
        if left < 0:
            raise WorkerLost("its plans are too large")
        plans.append(pickle.loads(payload))  # noqa: S301  # nosec B301  # see import_worker
    return plans, left_out
