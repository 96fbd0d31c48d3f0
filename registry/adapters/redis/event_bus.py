"""Events between processes (``registry.ports.events.EventBus``), over Redis pub/sub."""

import asyncio
import logging
import random
import secrets
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Self

from redis.exceptions import RedisError

from registry.adapters.redis.event_messages import read_message, write_message, write_missed
from registry.adapters.redis.server import RedisServer
from registry.domain.errors import Unavailable
from registry.domain.events import Event, EventsMissed
from registry.ports.events import EventBus

log = logging.getLogger(__name__)

WAITING = 1_000
"""Messages that wait to be sent, at most; where there are more, others are told that they missed some."""

EVENTS = 100
"""Events in one message: about 20 kB."""

AT_ONCE = 10
"""Messages that are sent with one call."""

SENDING_SECONDS = 1.0
"""How long a call that sends may take: no request waits for it."""

SILENCE_SECONDS = 2.0
"""After so long a silence Redis is asked whether it is there, and has as long to answer."""

SLOWEST_RETRY = 2.0
CLOSING_SECONDS = 0.5
"""How long what waits may take to be sent when the process ends."""


class RedisEventBus:
    """Subscribers of this process are told at once, by ``local``; those of others by Redis.

    Nobody waits for Redis: without it events stay in the process. When the connection is made anew, and when others
    lost something on its way here, subscribers are told EventsMissed.
    """

    def __init__(self, server: RedisServer, *, local: EventBus) -> None:
        self._server = server
        self._local = local
        self._channel = f"{server.namespace}:events"
        self._sender = secrets.token_hex(8)
        self._waiting: deque[list[Event]] = deque()
        self._lost = False
        self._woken = asyncio.Event()
        self._sent = asyncio.Event()
        self._sent.set()
        self.connected = asyncio.Event()
        """Set while events of others arrive."""

    async def publish(self, events: Sequence[Event | EventsMissed]) -> None:
        """Hands events to the subscribers of this process; those of others get them moments later."""
        await self._local.publish(events)
        own = [each for each in events if isinstance(each, Event)]
        self._waiting.extend(own[start : start + EVENTS] for start in range(0, len(own), EVENTS))
        if len(self._waiting) > WAITING:
            self._waiting.clear()
            self._lost = True
        self._sent.clear()
        self._woken.set()

    def subscribe(self) -> AbstractAsyncContextManager[AsyncIterator[Event | EventsMissed]]:
        """Everything published from now on, here or elsewhere, until the context is left."""
        return self._local.subscribe()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """While the context is open events go to other processes and come from them."""
        tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._listen())]
        try:
            yield self
            with suppress(TimeoutError):
                await asyncio.wait_for(self._sent.wait(), CLOSING_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self) -> None:
        tries = 0
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._waiting or self._lost:
                try:
                    await self._send_some()
                    tries = 0
                except Unavailable:
                    self._waiting.clear()  # what others missed they find out by themselves; it need not be kept
                    self._lost = True
                    tries += 1
                    await asyncio.sleep(_pause(tries))
            self._sent.set()

    async def _send_some(self) -> None:
        """Sends the oldest messages. Raises Unavailable; then it is not known which arrived."""
        some = [write_missed(self._sender)] if self._lost else []
        self._lost = False
        while self._waiting and len(some) < AT_ONCE:
            some.append(write_message(self._sender, self._waiting.popleft()))
        async with self._server.guard(SENDING_SECONDS) as client, client.pipeline(transaction=False) as pipeline:
            for message in some:
                pipeline.publish(self._channel, message)
            await pipeline.execute()

    async def _listen(self) -> None:
        tries = 0
        while True:
            try:
                await self._hear()
            except (RedisError, OSError, Unavailable) as error:
                tries = 1 if self.connected.is_set() else tries + 1
                self.connected.clear()
                if tries == 1:
                    log.warning("events of other processes do not arrive: Redis is away: %s", error)
            except Exception:
                tries += 1
                log.exception("events of other processes do not arrive")
            await asyncio.sleep(_pause(tries))

    async def _hear(self) -> None:
        """Hands on what arrives until the connection ends. Raises RedisError, OSError, Unavailable."""
        async with self._server.client.pubsub() as pubsub:
            # Through the circuit breaker, so that a Redis that nobody asks anything is known to be away.
            async with self._server.guard(SILENCE_SECONDS):
                await pubsub.subscribe(self._channel)
            asked = True  # the subscription is to be confirmed, as a question is to be answered
            while True:
                message = await pubsub.get_message(timeout=SILENCE_SECONDS)
                if message is None:
                    if asked:
                        reason = f"no answer within {SILENCE_SECONDS:g} s"
                        self._server.breaker.is_away(reason)  # where few calls are made, they would take long to say so
                        raise TimeoutError(reason)
                    async with asyncio.timeout(SILENCE_SECONDS):
                        await pubsub.ping("there?")
                asked = message is None
                if message is not None:
                    await self._take(message)

    async def _take(self, message: dict[str, Any]) -> None:
        if message["type"] == "subscribe":
            if not self.connected.is_set():
                log.info("events of other processes arrive")
            self.connected.set()
            await self._local.publish([EventsMissed()])
        elif message["type"] == "message":
            read = read_message(message["data"])
            if read is not None and read.sender != self._sender:
                await self._local.publish(read.events)
                await asyncio.sleep(0)  # subscribers take them before more come out of the buffer


def _pause(tries: int) -> float:
    """Longer with every try, and not the same in every process."""
    longest: float = min(SLOWEST_RETRY, 0.05 * 2 ** min(tries, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # nosec B311  # no secret
