"""When API keys were used last: kept in memory, and written once a minute, so that no request waits for it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from registry.background import on_and_on
from registry.domain.errors import Unavailable
from registry.ports.accounts import Keys
from registry.ports.clock import Clock

log = logging.getLogger(__name__)

SAVE_SECONDS = 60.0


class KeyUses:
    """The last use of each key. What was noted since it was saved last is lost with a process that is killed."""

    def __init__(self, *, keys: Keys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock
        self._noted: dict[str, datetime] = {}

    def note(self, key_id: str) -> None:
        """The key is used now."""
        self._noted[key_id] = self._clock.now()

    async def save(self) -> None:
        """Writes what was noted; what cannot be written now stays for the next time."""
        noted, self._noted = self._noted, {}
        try:
            await self._keys.note_uses(noted)
        except Unavailable as error:
            self._noted = {**noted, **self._noted}
            log.info("when keys were used last is written later: %s", error.message)

    @asynccontextmanager
    async def saved(self) -> AsyncIterator[None]:
        """While the context is open uses are saved every minute, and a last time when it is left."""
        async with on_and_on("saving when keys were used", self._keep_saving):
            yield
        await self.save()

    async def _keep_saving(self) -> None:
        while True:
            await asyncio.sleep(SAVE_SECONDS)
            await self.save()
