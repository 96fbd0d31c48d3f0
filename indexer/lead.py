"""Of several processes that could project, one does: this waits for its turn, and follows Git while it leads."""

import asyncio
import logging

from indexer import follow
from registry.background import lasting, on_and_on
from registry.bootstrap import Registry
from registry.ports.leadership import Leadership
from registry.ports.signals import Signals

log = logging.getLogger(__name__)

STAND_BY_SECONDS = 2.0
"""Who has waited for so long waits because another process leads."""


async def run(registry: Registry, leadership: Leadership, signals: Signals) -> None:
    """Waits until this process leads, projects while it does, and waits again, until cancelled."""
    await lasting("leading the projection", lambda: _lead(registry, leadership, signals))


async def _lead(registry: Registry, leadership: Leadership, signals: Signals) -> None:
    while True:
        log.info("waiting to lead the projection")
        waiting = asyncio.get_running_loop().call_later(STAND_BY_SECONDS, registry.readiness.stand_by)
        async with leadership.lead() as lost:
            waiting.cancel()
            log.info("leading the projection")
            projecting = on_and_on("following Git", lambda: follow.run(registry))
            hearing = on_and_on("following hints", lambda: _follow_hints(registry, signals))
            async with projecting, hearing:
                await lost.wait()


async def _follow_hints(registry: Registry, signals: Signals) -> None:
    """Projects what other processes hint at."""
    async with signals.hints() as told:
        async for repository in told:
            await follow.attempt(registry, repository)
