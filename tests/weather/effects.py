"""What shows that a part is away: a matrix in which nothing broke would be passed by anything."""

import time

from tests.weather.conditions import Weather
from tests.weather.matrix import SUDDEN, Condition

SERVICES = {"postgres": "PostgreSQL", "redis": "Redis"}
"""What ``/readyz`` calls them. Elasticsearch is given up later: one failed search has others ask the catalogue first."""
REFUSED = {("postgres", "killed"), ("postgres", "stopped"), ("git", "killed"), ("git", "filled")}
"""Without these alone writes over REST are answered 503."""
HANGS = ("git", "stopped")
"""This alone answers no write at all."""
FULL = ("postgres", "filled")
DISK_IS_FULL = "its disk is full"
"""What is logged once PostgreSQL needs more room."""
BEGUN_SECONDS = 0.5


class Effects:
    """Made before a condition begins, which is when it ``broke``."""

    def __init__(self, weather: Weather, condition: Condition) -> None:
        self._weather = weather
        self._alone = condition[0] if len(condition) == 1 else None
        self._away = {SERVICES[part] for part, how in condition if part in SERVICES and how in SUDDEN}
        self._full = weather.logged(DISK_IS_FULL) if self._alone == FULL else 0
        self.broke = time.monotonic()

    def missing(self) -> list[str]:
        """What has not shown yet. Raises AssertionError where the contrary has."""
        unnoticed = self._away - self._weather.troubled() if self._away else ()
        found = [f"/readyz says that {name} is there" for name in unnoticed]
        load, since = self._weather.load, self.broke
        if self._alone in REFUSED and not any(began >= since for began in list(load.refused)):
            found.append("no write was refused")
        if self._alone == FULL and self._weather.logged(DISK_IS_FULL) == self._full:
            found.append("PostgreSQL's disk is not full")
        if self._alone == HANGS:
            assert not any(began >= since + BEGUN_SECONDS for began in list(load.done)), "something was written"
        return found
