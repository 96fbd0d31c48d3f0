"""Judging templates in child processes, which are there only while there is much to judge."""

import asyncio
import pickle
from collections.abc import Mapping, Sequence

import jsonschema_rs
import minijinja
import orjson
import yaml

from registry.adapters.local.worker_frames import frame
from registry.adapters.local.worker_process import Program, WorkerLost, WorkerProcess
from registry.domain.errors import Unavailable
from registry.domain.ids import BlobId
from registry.domain.judging import Case, Checked, Outcome

_PROGRAM = Program("judge_worker", (jsonschema_rs, minijinja, orjson, yaml))
_DEPTH = 2
"""Batches given to one worker at a time: it finds the next one waiting when it is done with one."""
_SECONDS = 120
"""No batch takes as long; a worker that does is stuck."""
_PAUSE = 60.0
"""Seconds without a try after a worker did not start."""


class _Worker:
    """One worker and the batches that it has; answers come in the order of the requests."""

    def __init__(self, process: WorkerProcess) -> None:
        self.process = process
        self.batches = 0
        self._sending = asyncio.Lock()
        self._receiving = asyncio.Lock()

    async def exchange(self, request: bytes) -> bytearray:
        """The answer. On any failure, and when cancelled, the worker is of no use any more."""
        async with self._sending:
            await self.process.send(request)
        async with self._receiving:
            return await self.process.receive()


class ProcessJudges:
    """Implements ``ports.judging.Judges``.

    Workers start with ``prepare`` and end after ``idle`` seconds without work. One that dies takes its batches with
    it: they are for the caller to judge, and the next ``prepare`` starts another. One event loop uses it.
    """

    def __init__(self, *, processes: int, idle: float = 30.0) -> None:
        self._processes = processes
        self._idle = idle
        self._workers: list[_Worker] = []
        self._dropped: list[_Worker] = []
        self._starting: set[asyncio.Task[None]] = set()
        self._put_away = asyncio.Event()
        self._put_away.set()
        self._resting: asyncio.TimerHandle | None = None
        self._paused_until = 0.0
        self._closed = False

    def prepare(self) -> None:
        """Starts the workers that are not there, and does not wait for them."""
        if self._closed or asyncio.get_running_loop().time() < self._paused_until:
            return
        for _ in range(self._processes - len(self._workers) - len(self._starting)):
            starting = asyncio.create_task(self._start())
            self._starting.add(starting)
            starting.add_done_callback(self._starting.discard)

    def room(self) -> int:
        """How many batches the workers that are there can take."""
        return sum(max(0, _DEPTH - worker.batches) for worker in self._workers)

    async def judge(
        self, cases: Sequence[Case], bodies: Mapping[BlobId, bytes], *, whole: bool
    ) -> Sequence[tuple[Outcome, Checked | None]]:
        """Judges in the worker that has least to do. Raises Unavailable where there is none, or it was lost."""
        if not self._workers:
            raise Unavailable("No worker is there to judge.")
        worker = min(self._workers, key=lambda each: each.batches)
        worker.batches += 1
        try:
            async with asyncio.timeout(_SECONDS):
                answer = await worker.exchange(frame(pickle.dumps((cases, bodies, whole), protocol=5)))
            return _read(answer)
        except (WorkerLost, TimeoutError) as error:
            self._drop(worker)
            raise Unavailable(f"A worker that judged was lost: {error}") from error
        except BaseException:
            self._drop(worker)
            raise
        finally:
            worker.batches -= 1
            self._settle(worker)

    async def close(self) -> None:
        """Ends the workers."""
        self._closed = True
        if self._resting is not None:
            self._resting.cancel()
        starting = list(self._starting)
        for task in starting:
            task.cancel()
        await asyncio.gather(*starting, return_exceptions=True)
        while self._workers:
            self._drop(self._workers[0])
        await self._put_away.wait()  # until nobody waits for them any more

    async def _start(self) -> None:
        try:
            process = await WorkerProcess.start(_PROGRAM)
        except (WorkerLost, OSError):
            self._paused_until = asyncio.get_running_loop().time() + _PAUSE
            return
        worker = _Worker(process)
        self._workers.append(worker)
        self._settle(worker)

    def _drop(self, worker: _Worker) -> None:
        """Ends a worker; whoever waits for its answers learns it from the end of its socket."""
        if worker in self._workers:
            self._workers.remove(worker)
            self._dropped.append(worker)
            self._put_away.clear()
            worker.process.process.kill()
            self._settle(worker)

    def _settle(self, worker: _Worker) -> None:
        """What is to be done when a batch has ended: a dropped worker that nobody waits for is put away."""
        if worker in self._dropped and not worker.batches:
            self._dropped.remove(worker)
            worker.process.kill()
            if not self._dropped:
                self._put_away.set()
        if self._resting is not None:
            self._resting.cancel()
        if self._workers:
            self._resting = asyncio.get_running_loop().call_later(self._idle, self._rest)

    def _rest(self) -> None:
        for worker in [each for each in self._workers if not each.batches]:
            self._drop(worker)


def _read(answer: bytearray) -> Sequence[tuple[Outcome, Checked | None]]:
    """A worker's answer. Raises WorkerLost for one of another version, as an upgrade beside a running server makes."""
    try:
        outcomes: list[tuple[Outcome, Checked | None]] = pickle.loads(answer)  # noqa: S301  # nosec B301  # see judge_worker
    except Exception as error:
        raise WorkerLost(f"its answer cannot be read ({error})") from error
    return outcomes
