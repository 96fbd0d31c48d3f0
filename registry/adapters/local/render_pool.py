"""Rendering in child processes: a small pool of workers with limits of memory and time."""

import asyncio
import json
import pickle
from collections.abc import Mapping, Sequence
from typing import Any, Self

import minijinja

from registry.adapters.local.render_frames import Request, RequestWriter
from registry.adapters.local.worker_process import Program, WorkerLost, WorkerProcess
from registry.domain.errors import RenderFailed, RenderLimit, Unavailable, VariablesInvalid
from registry.domain.ids import TemplateName
from registry.domain.offline_tests import failed_test
from registry.domain.rendering import Rendered, TestResult
from registry.domain.template import Json, Template

_STOPPED = "Rendering was stopped: it takes too much memory or more than {:g} s [render-limit]"
_PAUSE = 1.0
_LIMITS_IN_A_ROW = 3
"""Of one template's tests: after so many that hit a limit the others are not tried."""


class ProcessRenderer:
    """Implements ``ports.renderer.Renderer``.

    Workers start with ``start()`` or when first needed, and are replaced when they die, are late, or have grown. At
    most ``waiting`` calls wait for a worker; more are refused with Unavailable. One event loop uses it.
    """

    def __init__(
        self, *, processes: int = 2, deadline: float = 2.0, memory: int = 268_435_456, waiting: int = 256
    ) -> None:
        self._processes = processes
        self._deadline = deadline
        self._program = Program("render_worker", (minijinja,), (str(memory), str(deadline)))
        self._waiting = waiting
        self._writer = RequestWriter()
        self._idle: list[WorkerProcess] = []
        self._busy: set[WorkerProcess] = set()
        self._free = asyncio.Semaphore(processes)
        self._queued = 0
        self._start_failures = 0
        self._paused_until = 0.0
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Starts all workers. Raises Unavailable where they cannot be started."""
        wanted = self._processes - len(self._idle) - len(self._busy)
        started = await asyncio.gather(*(self._start_worker() for _ in range(wanted)), return_exceptions=True)
        self._idle.extend(worker for worker in started if isinstance(worker, WorkerProcess))
        for failure in started:
            if isinstance(failure, BaseException):
                raise failure

    async def close(self) -> None:
        """Ends all workers; whoever still waits gets Unavailable."""
        self._closed = True
        for worker in self._busy:
            worker.process.kill()
        for _ in range(self._processes):  # until nobody is at work any more
            await self._free.acquire()
        idle, self._idle = self._idle, []
        await asyncio.gather(*(asyncio.to_thread(worker.end) for worker in idle))
        for _ in range(self._processes):
            self._free.release()

    async def render(
        self,
        template: Template,
        partials: Mapping[TemplateName, Template],
        values: Mapping[str, Json],
        *,
        strict: bool = False,
    ) -> Rendered:
        """Renders in a worker. Raises VariablesInvalid, RenderFailed, RenderLimit, Unavailable."""
        answer = await self._ask("render", template, partials, values, strict=strict)
        messages, text, ignored = answer.get("messages"), answer.get("text"), answer.get("ignored", ())
        return Rendered(None if messages is None else tuple(messages), text, tuple(ignored))

    async def run_tests(self, template: Template, partials: Mapping[TemplateName, Template]) -> Sequence[TestResult]:
        """Runs the offline tests in a worker; one that hits a limit is a failed test. Raises Unavailable."""
        if not template.tests:
            return []
        try:
            return _results(await self._ask("tests", template, partials, None))
        except RenderLimit:
            return await self._run_one_by_one(template, partials)

    async def _run_one_by_one(self, template: Template, partials: Mapping[TemplateName, Template]) -> list[TestResult]:
        results: list[TestResult] = []
        limits = 0
        for index, test in enumerate(template.tests):
            if limits >= _LIMITS_IN_A_ROW:
                results.append(TestResult(test.name, passed=False, problems=("not run: others hit render-limit",)))
                continue
            try:
                results.extend(_results(await self._ask("test", template, partials, index)))
            except RenderLimit as limit:
                limits += 1
                results.append(failed_test(test, limit))
        return results

    async def _ask(
        self,
        work: str,
        template: Template,
        partials: Mapping[TemplateName, Template],
        more: Any,
        *,
        strict: bool = False,
    ) -> dict[str, Any]:
        if self._queued >= self._waiting:
            raise Unavailable("Too many renderings are waiting. Try again in a moment.")
        self._queued += 1
        try:
            await self._free.acquire()
        finally:
            self._queued -= 1
        try:
            answer = await self._exchange(self._frame(Request(work, template, partials, more, strict)))
        finally:
            self._free.release()
        return _checked(answer)

    def _frame(self, request: Request) -> bytes:
        try:
            return self._writer.write(request)
        except (RecursionError, pickle.PicklingError, TypeError, AttributeError) as error:
            words = "are nested too deeply, or are no JSON"
            raise VariablesInvalid(f"The variables {words}.", problems=[("variables", words)]) from error

    async def _exchange(self, frame: bytes) -> dict[str, Any]:
        if self._closed:
            raise Unavailable("The renderer is closed.")
        worker = self._idle.pop() if self._idle else await self._start_worker()
        self._busy.add(worker)
        keep = False
        try:
            async with asyncio.timeout(self._deadline):
                answer = _read(await worker.ask(frame))
            keep = not answer.pop("leave", False) and not self._closed
        except (WorkerLost, TimeoutError) as error:
            if self._closed:
                raise Unavailable("The renderer is closed.") from error
            raise RenderLimit(_STOPPED.format(self._deadline)) from error
        finally:
            self._busy.discard(worker)
            if keep:
                self._idle.append(worker)
            else:
                worker.kill()
        return answer

    async def _start_worker(self) -> WorkerProcess:
        """A new worker; after a failed start none is tried for a while, longer each time."""
        now = asyncio.get_running_loop().time()
        if now < self._paused_until:
            raise Unavailable("Render workers do not start at present. Try again later.")
        try:
            worker = await WorkerProcess.start(self._program)
        except (WorkerLost, OSError) as error:
            self._start_failures += 1
            self._paused_until = now + _PAUSE * min(2**self._start_failures, 60)
            raise Unavailable(f"No render worker could be started: {error}") from error
        self._start_failures = 0
        return worker


def _read(payload: bytearray) -> dict[str, Any]:
    """An answer. Raises WorkerLost where it is none."""
    try:
        answer = json.loads(payload.decode("utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise WorkerLost("the worker gave no answer") from error
    if not isinstance(answer, dict):
        raise WorkerLost("the worker gave no answer")
    return answer


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, or the error that it tells."""
    kind = answer.get("error")
    if kind is None:
        return answer
    message = str(answer.get("message", ""))
    if kind == "variables":
        raise VariablesInvalid(message, problems=[(str(name), str(words)) for name, words in answer["problems"]])
    raise RenderLimit(message) if kind == "limit" else RenderFailed(message)


def _results(answer: dict[str, Any]) -> list[TestResult]:
    return [
        TestResult(str(name), bool(passed), tuple(map(str, problems))) for name, passed, problems in answer["tests"]
    ]
