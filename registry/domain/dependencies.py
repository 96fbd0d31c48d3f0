"""How the services that a set-up depends on are doing: what ``/readyz`` and metrics show of a circuit breaker."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Circuit(StrEnum):
    """Whether calls are made: all of them, none for a while, or one that finds out whether there can be more."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class PoolUse:
    """A pool of connections: those that work, those that wait for work, and how many there may be."""

    name: str
    in_use: int
    idle: int
    limit: int


@dataclass(frozen=True, slots=True)
class Condition:
    """How a dependency is doing. ``reason`` says what went wrong last; it is empty while the circuit is closed."""

    name: str
    circuit: Circuit
    since: datetime
    reason: str = ""
