"""Events to whoever listens."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from registry.domain.events import Event


class EventBus(Protocol):
    """Carries events from the projection to caches and streams; delivery is best effort, nothing depends on it."""

    async def publish(self, events: Sequence[Event]) -> None:
        """Hands events to every subscriber, in order; a slow subscriber loses its oldest, never blocks."""
        ...

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Everything published from now on until the context is left."""
        ...
