"""What the processes of one registry say to each other beside the catalogue; every one is a hint that may get lost."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from registry.domain.ids import RepositoryName

Told = AsyncIterator[RepositoryName | None]
"""Repositories as they are told; None where some may have been missed, and at the beginning."""


class Signals(Protocol):
    """Asks whoever projects to look at a repository, and tells who waits what has been projected."""

    async def hint(self, repository: RepositoryName) -> None:
        """Asks the leading indexer to compare a repository with Git. What cannot be said now is not said at all."""
        ...

    def hints(self) -> AbstractAsyncContextManager[Told]:
        """What is hinted at until the context is left."""
        ...

    def projections(self) -> AbstractAsyncContextManager[Told]:
        """The repositories of which a batch was written, told by the writing transaction, until the context is left."""
        ...

    def feeds(self) -> AbstractAsyncContextManager[Told]:
        """The repositories of which something has reached a search index, until the context is left."""
        ...
