"""A cache of this process (``registry.ports.cache.Cache``)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from cachetools import TLRUCache

from registry.domain.ids import RepositoryName

_Kept = tuple[bytes, float]
"""A value and for how many seconds it is kept."""

OVERHEAD_BYTES = 400
"""What an entry takes besides its value, about."""


class MemoryCache:
    """The least recently used values go first, and what is older than it may be. For one event loop."""

    def __init__(
        self,
        *,
        max_bytes: int,
        value_bytes: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """All values take ``max_bytes`` at most, each of them ``value_bytes`` (a quarter where it is not said)."""
        self._value_bytes = max_bytes // 4 if value_bytes is None else value_bytes
        self._kept: TLRUCache[str, _Kept] = TLRUCache(
            max_bytes,
            ttu=lambda _, kept, now: now + kept[1],
            timer=clock,
            getsizeof=lambda kept: len(kept[0]) + OVERHEAD_BYTES,
        )
        self._flights: dict[str, asyncio.Task[bytes]] = {}
        self._found = 0
        self._missed = 0

    def counts(self) -> Mapping[str, tuple[int, int]]:
        """How often it had what was asked, and how often it had not."""
        return {"memory": (self._found, self._missed)}

    async def find(self, key: str) -> bytes | None:
        """What was put; None where it is not there."""
        kept = self._kept.get(key)
        if kept is None:
            self._missed += 1
            return None
        self._found += 1
        return kept[0]

    async def put(self, key: str, value: bytes, *, seconds: float) -> None:
        """Keeps a value, for so long at most, where it is not too large."""
        if len(value) <= self._value_bytes and len(value) + OVERHEAD_BYTES <= self._kept.maxsize:
            self._kept[key] = (value, seconds)

    async def forget_former(self, _repository: RepositoryName) -> None:
        """Forgets everything: keys do not say whose they are."""
        self._kept.clear()

    async def fetch(self, key: str, make: Callable[[], Awaitable[bytes]], *, seconds: float) -> bytes:
        """The value, made where it is not there; of many who ask at once one makes it."""
        found = await self.find(key)
        if found is not None:
            return found
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(self._make(key, make, seconds))
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        return await asyncio.shield(flight)

    async def _make(self, key: str, make: Callable[[], Awaitable[bytes]], seconds: float) -> bytes:
        value = await make()
        await self.put(key, value, seconds=seconds)
        return value
