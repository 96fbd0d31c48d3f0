"""Services that others run, and that may be away: PostgreSQL, Elasticsearch, Redis."""

from typing import Protocol

from registry.domain.dependencies import Condition


class Dependency(Protocol):
    """One such service, as this process finds it."""

    def condition(self) -> Condition:
        """How it is doing, as of the calls that have been made; nothing is asked for it."""
        ...
