"""Reading uploads in a child process each, one at a time."""

import asyncio
import pickle
from collections.abc import Sequence

import jsonschema_rs
import minijinja
import orjson
import ruamel
import yaml

from registry.adapters.local.worker_frames import frame
from registry.adapters.local.worker_process import Program, WorkerLost, WorkerProcess
from registry.domain.errors import BadRequest, Unavailable
from registry.domain.importing.files import SourceFile
from registry.domain.importing.imported import SourceUnreadable
from registry.domain.prompt_formats import PromptFormat
from registry.ports.import_reader import Planned

_PACKAGES = (jsonschema_rs, minijinja, orjson, ruamel, yaml)


class ProcessImportReader:
    """Implements ``ports.import_reader.ImportReader``.

    ``deadline`` is in seconds, ``memory`` in bytes. At most ``waiting`` uploads wait for the one that is read. One
    event loop uses it.
    """

    def __init__(self, *, deadline: int = 300, memory: int = 2 * 1_073_741_824, waiting: int = 8) -> None:
        self._deadline = deadline
        self._program = Program("import_worker", _PACKAGES, (str(memory), str(deadline)), longest_answer=memory // 4)
        self._waiting = waiting
        self._queued = 0
        self._one = asyncio.Lock()

    async def plan(self, files: Sequence[SourceFile], form: PromptFormat | None, folder: str) -> Planned:
        """Plans in a process of its own. Raises SourceUnreadable, BadRequest, Unavailable."""
        if self._queued > self._waiting:
            raise Unavailable("Too many imports are being read. Try again in a moment.")
        self._queued += 1
        try:
            async with self._one:
                return await self._plan(frame(pickle.dumps((files, form, folder), protocol=5)))
        finally:
            self._queued -= 1

    async def _plan(self, request: bytes) -> Planned:
        try:
            worker = await WorkerProcess.start(self._program)
        except (WorkerLost, OSError) as error:
            raise Unavailable(f"No process could be started to read the import: {error}") from error
        try:
            async with asyncio.timeout(self._deadline):
                answer: Planned | str = pickle.loads(await worker.ask(request))  # noqa: S301 - see import_worker
        except (WorkerLost, TimeoutError) as error:
            raise BadRequest(
                f"Reading the files takes too much memory or more than {self._deadline} s. "
                "Send fewer at a time, or use `promptuary import`, which reads them on your machine."
            ) from error
        finally:
            worker.kill()
        if isinstance(answer, str):
            raise SourceUnreadable(answer)
        return answer
