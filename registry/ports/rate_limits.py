"""What is remembered of how much each caller has asked."""

from typing import Protocol

from registry.domain.rate_limits import Allowance, RateLimit


class RateLimits(Protocol):
    """Counts requests of callers, at once and in this process; other processes' requests count a moment later.

    Nothing here waits or raises: where the place that processes share is away, each counts for itself.
    """

    def take(self, limit: RateLimit, who: str) -> Allowance:
        """Asks for one request, and counts it where it may be."""
        ...

    def look(self, limit: RateLimit, who: str) -> Allowance:
        """What ``take`` would say, and nothing is counted."""
        ...
