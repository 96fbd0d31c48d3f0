"""Following Git while the server runs: watch events are hints, the reconciler on a timer is the promise."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from indexer.watch import watch_refs
from registry.background import lasting, running
from registry.bootstrap import Registry
from registry.domain.errors import PromptuaryError
from registry.domain.ids import RepositoryName
from registry.services.maintenance import LOOK_SECONDS

log = logging.getLogger(__name__)

FED_LOOK_SECONDS = 5.0
"""How often a search engine is asked whether it still has everything."""

LOST_LOOK_SECONDS = 5.0
"""How often the catalogue is asked whether it has lost its tables, or all users."""


async def run(registry: Registry) -> None:
    """Reconciles at once, on a timer, and soon after something was away, until cancelled.

    Whoever projects also watches refs, whoever takes the writes keeps repositories packed. What the catalogue has lost
    is made anew by them: the tables, and the first administrator.
    """
    process = registry.process
    projecting, writing = [_watch_on, _keep_fed, _keep_tables], [_maintain, _keep_administrator]
    works = [*(projecting if process.projects else []), *(writing if process.takes_writes else [])]
    async with AsyncExitStack() as beside:
        for work in works:
            await beside.enter_async_context(running(work(registry)))
        while True:
            await attempt(registry, None)
            await registry.indexing.rest(registry.settings.reconcile_seconds)


async def _keep_fed(registry: Registry) -> None:
    while True:
        await asyncio.sleep(FED_LOOK_SECONDS)
        try:
            await registry.indexing.keep_fed()
        except Exception:
            log.exception("the search indexes could not be looked at, which is tried again")


async def _keep_tables(registry: Registry) -> None:
    async def look() -> None:
        if await registry.make_missing_tables():
            log.warning("the catalogue had lost its tables; they are filled from Git")
            await attempt(registry, None)

    await _look_again_and_again("the catalogue's tables", look)


async def _keep_administrator(registry: Registry) -> None:
    async def look() -> None:
        if await registry.accounts.restore_administrator():
            log.warning("the catalogue had lost all users and keys; a new key is in %s", registry.accounts.key_path)

    await _look_again_and_again("the first administrator", look)


async def _look_again_and_again(what: str, look: Callable[[], Awaitable[None]]) -> None:
    """What hinders it is told once, until a look succeeds."""
    told: set[str] = set()
    while True:
        await asyncio.sleep(LOST_LOOK_SECONDS)
        try:
            await look()
            told.clear()
        except PromptuaryError as error:
            if error.message not in told:
                log.warning("%s could not be seen to, which is tried again: %s", what, error.message)
            told.add(error.message)
        except Exception:
            log.exception("%s could not be seen to, which is tried again", what)


async def _maintain(registry: Registry) -> None:
    while True:
        try:
            await registry.maintenance.look(time.monotonic())
        except Exception:
            log.exception("maintenance failed and is tried again")
        await asyncio.sleep(LOOK_SECONDS)


async def _watch_on(registry: Registry) -> None:
    await lasting("watching refs", lambda: _watch(registry), may_end=True)


async def _watch(registry: Registry) -> None:
    """Where watching fails the timer alone remains."""
    try:
        while True:
            async for touched in watch_refs(registry.settings.repositories, registry.git.names()):
                for repository in sorted(touched & set(registry.git.names())):
                    await attempt(registry, repository)
    except OSError as error:
        log.warning("cannot watch refs (%s); they are compared every %s s", error, registry.settings.reconcile_seconds)


async def attempt(registry: Registry, repository: RepositoryName | None) -> None:
    """Projects a repository, or all of them, once; what fails is logged and tried again by the next attempt."""
    try:
        if repository is None:
            await registry.indexing.reconcile()
        else:
            await registry.indexing.poke(repository)
    except PromptuaryError as error:
        log.warning("projecting failed and is tried again: %s", error.message)
    except Exception:
        log.exception("projecting failed and is tried again")
