"""Counting requests: by method, route and status, and how long answers took to begin."""

from collections import Counter, defaultdict

from api.request_log import Served
from registry.services.meters import Durations

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
OTHER = "other"
NO_ROUTE = "none"
HOT_ROUTE = "/api/v1/repositories/{repository}/templates/{name}"
"""The route that the hot reads stand for."""


class RequestMeters:
    """The requests of one process.

    The hot reads, which are most, are counted in fields of their own, as cheaply as can be.
    """

    def __init__(self) -> None:
        self.statuses: Counter[tuple[str, str, int]] = Counter()
        self.durations: defaultdict[tuple[str, str], Durations] = defaultdict(Durations)
        self.hot: dict[int, int] = {200: 0, 304: 0}
        self.in_flight = 0
        self.hot_made = 0
        self.hot_handed_on = 0

    def hot_lookups(self) -> tuple[int, int]:
        """How often a hot read found its answer ready, and how often not."""
        return sum(self.hot.values()) - self.hot_made, self.hot_made + self.hot_handed_on

    def by_status(self) -> Counter[tuple[str, str, int]]:
        """All requests by method, route and status, the hot reads among them."""
        return self.statuses + Counter({("GET", HOT_ROUTE, status): count for status, count in self.hot.items()})

    def add(self, served: Served) -> None:
        """Counts a request that was answered."""
        method = served.method if served.method in METHODS else OTHER
        route = served.route or NO_ROUTE
        self.statuses[method, route, served.status] += 1
        self.durations[method, route].add(served.waited)
