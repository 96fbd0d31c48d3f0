"""Requests of callers, counted in this process and told to the others by Redis (``registry.ports.rate_limits``).

A request never waits for Redis. What was counted here is sent there some times a second, in one call for all callers,
which answers what all processes together have counted. In between each process knows a little less than there is: a
limit can be passed by what comes within that time.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from typing import cast

from registry.adapters.redis.server import RedisServer
from registry.domain.errors import Unavailable
from registry.domain.rate_limits import Allowance, Buckets, RateLimit

SHARE_SECONDS = 0.1
CALLERS_AT_ONCE = 200
SECONDS_OF_A_CALL = 0.5
"""How long Redis may take: nobody waits for it."""

_SHARE = """
local time = redis.call('TIME')
local now, told = time[1] + time[2] / 1000000, {}
for i, key in ipairs(KEYS) do
  local added, most = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local used = math.max(0, (tonumber(redis.call('GET', key)) or 0) - now)
  used = math.min(used + added, most)
  redis.call('SET', key, string.format('%.6f', now + used), 'PX', math.ceil(used * 1000) + 1000)
  told[i] = string.format('%.6f', used)
end
return told
"""
"""Adds what callers used (in seconds, up to twice a limit's) to what is there, by Redis' own clock; tells the sums."""


class RedisRateLimits:
    """For one event loop."""

    def __init__(self, server: RedisServer, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._buckets = Buckets(clock)
        self._untold: Counter[tuple[RateLimit, str]] = Counter()
        self._telling: asyncio.Task[None] | None = None

    def take(self, limit: RateLimit, who: str) -> Allowance:
        """Asks for one request, and counts it where it may be."""
        allowance = self._buckets.take(limit, who)
        if allowance.is_allowed:
            self._untold[limit, who] += 1
            if self._telling is None or self._telling.done():
                self._telling = asyncio.create_task(self._tell())
        return allowance

    def look(self, limit: RateLimit, who: str) -> Allowance:
        """What ``take`` would say, and nothing is counted."""
        return self._buckets.look(limit, who)

    async def close(self) -> None:
        """Ends what is being told."""
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)

    async def _tell(self) -> None:
        while self._untold:
            await asyncio.sleep(SHARE_SECONDS)
            while self._untold:
                some = dict(islice(self._untold.items(), CALLERS_AT_ONCE))
                for key in some:
                    del self._untold[key]
                try:
                    sums = await self._share(some)
                except Unavailable:
                    self._untold.clear()  # counted here they are, and later ones will tell enough
                    return
                for (limit, who), used in zip(some, sums, strict=True):
                    meanwhile = self._untold.get((limit, who), 0)
                    self._buckets.raise_to(limit, who, float(used) + meanwhile * limit.interval)

    async def _share(self, some: dict[tuple[RateLimit, str], int]) -> Sequence[bytes]:
        keys = [self._server.name("limit", f"{limit.kind}:{who}") for limit, who in some]
        values = [value for (limit, _), count in some.items() for value in (count * limit.interval, 2 * limit.seconds)]
        async with self._server.guard(SECONDS_OF_A_CALL) as redis:
            return cast("Sequence[bytes]", await redis.eval(_SHARE, len(keys), *keys, *map(str, values)))
