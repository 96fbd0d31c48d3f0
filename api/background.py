"""Work that goes on while a context is open."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

log = logging.getLogger(__name__)

RESTART_SECONDS = 1.0
"""How long after it ended a duty is begun again."""


@asynccontextmanager
async def running(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Runs ``work`` as a task while the context is open, and cancels it when it is left.

    What it raises is logged at once, and raised when the context is left.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(_tell)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _tell(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (problem := task.exception()) is not None:
        log.error("work beside the requests failed: %s", task.get_name(), exc_info=problem)


def on_and_on(duty: Callable[[], Awaitable[None]], name: str) -> AbstractAsyncContextManager[None]:
    """Runs what is to go on for as long as the context is open: where it ends, that is logged and it begins again."""
    return running(_again_and_again(duty, name))


async def _again_and_again(duty: Callable[[], Awaitable[None]], name: str) -> None:
    while True:
        try:
            await duty()
            log.error("%s ended, and begins again", name)
        except Exception:
            log.exception("%s failed, and begins again", name)
        await asyncio.sleep(RESTART_SECONDS)
