"""How much of a server one of Git's requests may take."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GitLimits:
    """Bounds of what is served. Seconds and bytes; a negotiation is what a fetching client sends.

    ``push_object`` is for one commit, tree or delta's result in a pack.
    """

    push_bytes: int = 64 << 20
    push_object: int = 64 << 20
    negotiation_bytes: int = 64 << 20
    fetches: int = 16
    pushes: int = 8
    wait_seconds: float = 60.0
    idle_seconds: float = 120.0
    advertise_seconds: float = 60.0

    @property
    def push_memory(self) -> int:
        """For each of Git's processes for a push: what they know of its objects grows with the pack."""
        return max(8 * self.push_bytes, 128 << 20)
