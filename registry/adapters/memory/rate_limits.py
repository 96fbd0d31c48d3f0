"""Requests of callers, counted in this process (``registry.ports.rate_limits.RateLimits``)."""

import time
from collections.abc import Callable

from registry.domain.rate_limits import Allowance, Buckets, RateLimit


class MemoryRateLimits:
    """For one process: each counts for itself."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._buckets = Buckets(clock)

    def take(self, limit: RateLimit, who: str) -> Allowance:
        """Asks for one request, and counts it where it may be."""
        return self._buckets.take(limit, who)

    def look(self, limit: RateLimit, who: str) -> Allowance:
        """What ``take`` would say, and nothing is counted."""
        return self._buckets.look(limit, who)
