"""Keys that were looked up a moment ago."""

from dataclasses import dataclass

from registry.domain.access import Actor
from registry.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class CheckedKey:
    """Whose a key is: to be believed ``until`` then by this process's clock; the key itself ``expires`` in time."""

    actor: Actor
    looked_up: float
    until: float
    expires: float | None

    def has_expired(self, clock: Clock) -> bool:
        """Whether the key's own time is over."""
        return self.expires is not None and self.expires <= clock.now().timestamp()
