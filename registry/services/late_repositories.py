"""Repositories that could not be projected because something was away: they are tried again sooner than all others."""

import asyncio
from contextlib import suppress

from registry.domain.ids import RepositoryName

LATE_SECONDS = 3.0
"""How soon."""


class LateRepositories:
    """Their names, until they are projected."""

    def __init__(self) -> None:
        self._names: set[RepositoryName] = set()
        self._some = asyncio.Event()

    def __contains__(self, repository: RepositoryName) -> bool:
        return repository in self._names

    def add(self, repository: RepositoryName) -> None:
        """Has it tried again."""
        self._names.add(repository)
        self._some.set()

    def discard(self, repository: RepositoryName) -> None:
        """It is late no more, or waiting will not help it."""
        self._names.discard(repository)
        if not self._names:
            self._some.clear()

    async def due(self, seconds: float) -> list[RepositoryName]:
        """Those that shall be tried again, as soon as it is time; none where that is not so within the seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    await self._some.wait()
                    await asyncio.sleep(LATE_SECONDS)
                    if self._names:
                        return sorted(self._names)
        return []
