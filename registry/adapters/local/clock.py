"""The system's clock."""

from datetime import UTC, datetime


class SystemClock:
    """Implements ``ports.clock.Clock``."""

    def now(self) -> datetime:
        """The present time, in UTC, with its time zone."""
        return datetime.now(UTC)
