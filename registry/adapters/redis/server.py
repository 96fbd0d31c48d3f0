"""One Redis as this process finds it: its client, its circuit breaker, and what its errors mean."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from registry.adapters.breakers import Breaker
from registry.domain.errors import Unavailable
from registry.ports.tracing import span

log = logging.getLogger(__name__)

DEADLINE_SECONDS = 0.05
"""How long a call that is made for a request may take; without Redis the answer is there in a few of these."""

CONNECTIONS = 16
THRESHOLD = 5
"""Calls that fail before the circuit opens: at 50 ms a full event loop makes one late now and then."""


class RedisServer:
    """The client behind a circuit breaker; ``namespace`` begins the names of keys and channels."""

    def __init__(self, url: str, namespace: str, *, seconds: float = DEADLINE_SECONDS) -> None:
        self.namespace = namespace
        self._refusal = ""
        self.breaker = Breaker("Redis", seconds=seconds, threshold=THRESHOLD)
        # No second tries: whoever waits for an answer does without, and what runs beside has its own.
        self.client = Redis.from_pool(
            BlockingConnectionPool.from_url(
                url,
                max_connections=CONNECTIONS,
                timeout=DEADLINE_SECONDS,
                socket_timeout=None,  # calls have deadlines
                retry=Retry(NoBackoff(), 0),
            )
        )

    @asynccontextmanager
    async def guard(self, seconds: float | None = None) -> AsyncIterator["Redis"]:
        """The client for one call, with a deadline. Raises Unavailable where it is not made or fails.

        A Redis that refuses something (its memory is full, a user may not do it) has answered: the circuit stays
        closed, and the log has it once.
        """
        with span("Redis"):
            async with self._guard(seconds) as client:
                yield client

    @asynccontextmanager
    async def _guard(self, seconds: float | None) -> AsyncIterator["Redis"]:
        refusal: ResponseError | None = None
        async with self.breaker.guard(seconds):
            try:
                yield self.client
            except ResponseError as error:
                refusal = error
            except RedisError as error:
                # What the driver says names host and port, and /readyz shows the reason to everybody.
                raise Unavailable(f"Redis is away ({type(error).__name__}).") from error
        if refusal is None:
            return
        if str(refusal) != self._refusal:
            self._refusal = str(refusal)
            log.warning("Redis refuses what is asked of it, which makes answers slower: %s", refusal)
        raise Unavailable(f"Redis refuses this: {refusal}") from refusal

    def name(self, kind: str, key: str) -> str:
        """A key's name in Redis."""
        return f"{self.namespace}:{kind}:{key}"

    async def close(self) -> None:
        """Ends the connections."""
        await self.client.aclose()
