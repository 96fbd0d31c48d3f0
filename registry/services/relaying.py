"""What another process has projected, told in this one."""

from contextlib import suppress

from registry.domain.errors import PromptuaryError
from registry.domain.events import RefProjected
from registry.domain.ids import RepositoryName
from registry.ports.events import EventBus
from registry.ports.projection import Projection
from registry.ports.signals import Signals


class Relay:
    """Passes on the signals of projections as events, so that caches and streams of this process look again."""

    def __init__(self, *, signals: Signals, projection: Projection, bus: EventBus) -> None:
        self._signals = signals
        self._projection = projection
        self._bus = bus

    async def run(self) -> None:
        """Passes on until it is cancelled. What is missed, timers make up for."""
        async with self._signals.projections() as told:
            async for repository in told:
                if repository is not None:
                    with suppress(PromptuaryError):
                        await self._tell(repository)

    async def _tell(self, repository: RepositoryName) -> None:
        checkpoint = await self._projection.checkpoint(repository)
        if checkpoint is not None:
            await self._bus.publish([RefProjected(repository, checkpoint.commit, checkpoint.ref)])
