"""Work that goes on while a context is open, and whatever breaks it off."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
"""How long what broke off or ended rests before it begins again."""


@asynccontextmanager
async def running(work: Coroutine[object, object, None], what: str | None = None) -> AsyncIterator[None]:
    """Runs ``work`` as a task while the context is open, and cancels it when it is left.

    What it raises is logged at once, and raised when the context is left.
    """
    task = asyncio.create_task(work, name=what)
    task.add_done_callback(_tell)
    try:
        yield
    except BaseException:
        await _end(task)
        raise  # whatever the task ended in
    await _end(task)
    if not task.cancelled():
        task.result()


async def _end(task: "asyncio.Task[None]") -> None:
    """Cancels it and waits until it has ended; whoever waits may be cancelled too."""
    task.cancel()
    await asyncio.wait((task,))


def _tell(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (problem := task.exception()) is not None:
        log.error("work in the background failed: %s", task.get_name(), exc_info=problem)


def on_and_on(what: str, work: Callable[[], Awaitable[None]]) -> AbstractAsyncContextManager[None]:
    """Runs what is to go on for as long as the context is open."""
    return running(lasting(what, work), what)


async def lasting(what: str, work: Callable[[], Awaitable[None]], *, may_end: bool = False) -> None:
    """Does the work until it is cancelled: where it breaks off or ends, that is logged and it begins again.

    With ``may_end`` it is over where it ends by itself.
    """
    while True:
        try:
            await work()
        except Exception:
            log.exception("%s broke off and begins again", what)
        else:
            if may_end:
                return
            log.error("%s ended and begins again", what)
        await asyncio.sleep(AGAIN_SECONDS)
