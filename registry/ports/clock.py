"""Time, so that tests can say what time it is."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """What time it is."""

    def now(self) -> datetime:
        """The present time, in UTC, with its time zone."""
        ...
