"""Events within one process (``registry.ports.events.EventBus``)."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from registry.domain.events import Event, EventsMissed

QUEUE_LENGTH = 1_000
"""Events that a subscriber may lag behind before it loses the oldest."""


class _Subscription:
    """What one subscriber has not yet read; the oldest events fall out when it is full."""

    def __init__(self, length: int) -> None:
        self._events: deque[Event | EventsMissed] = deque(maxlen=length)
        self._arrived = asyncio.Event()

    def put(self, events: Sequence[Event | EventsMissed]) -> None:
        self._events.extend(events)
        self._arrived.set()

    def __aiter__(self) -> AsyncIterator[Event | EventsMissed]:
        return self

    async def __anext__(self) -> Event | EventsMissed:
        while not self._events:
            self._arrived.clear()
            await self._arrived.wait()
        return self._events.popleft()


class MemoryEventBus:
    """Hands events to the subscribers of this process; they must live on the publisher's event loop."""

    def __init__(self, *, queue_length: int = QUEUE_LENGTH) -> None:
        self._queue_length = queue_length
        self._subscriptions: set[_Subscription] = set()

    async def publish(self, events: Sequence[Event | EventsMissed]) -> None:
        """Hands events to every subscriber, in order; a slow subscriber loses its oldest, never blocks."""
        for subscription in self._subscriptions:
            subscription.put(events)

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[AsyncIterator[Event | EventsMissed]]:
        """Everything published from now on until the context is left."""
        subscription = _Subscription(self._queue_length)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
