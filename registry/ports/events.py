"""Events to whoever listens."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from registry.domain.events import Event, EventsMissed, PlacedEvent, Position
from registry.domain.ids import RepositoryName


class EventBus(Protocol):
    """Carries events from the projection to caches and streams; delivery is best effort, nothing depends on it."""

    async def publish(self, events: Sequence[Event | EventsMissed]) -> None:
        """Hands events to every subscriber, in order; a slow subscriber loses its oldest, never blocks.

        Those of this process have them when the call ends; those of others, if there are any, moments later.
        """
        ...

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[Event | EventsMissed]]:
        """Everything published from now on until the context is left; EventsMissed where some of it may be missing."""
        ...


class EventLog(Protocol):
    """What has happened in a repository, as its projection tells it: nothing gets lost here."""

    async def head(self, repository: RepositoryName) -> Position:
        """The position behind everything that has been projected, with the whole commit id."""
        ...

    async def since(self, repository: RepositoryName, position: Position, limit: int) -> list[PlacedEvent] | None:
        """The events behind a position, in the order in which they happened.

        Of one commit first the removals, then the new versions, then the labels, each by name, and at its end one
        RefProjected. None where the history has no such position any more, or more than ``limit`` events follow.
        """
        ...
