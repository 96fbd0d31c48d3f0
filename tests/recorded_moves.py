"""What a push is about to do, and what it may not do, kept for a test to look at."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from registry.domain.access import Actor
from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import RepositoryName, UserName
from registry.domain.ref_intents import RefIntent
from registry.domain.refs import RefUpdate
from registry.services.audit_origin import current_origin


@dataclass
class Recorder:
    """Remembers what was accepted, and whether its Git has ended."""

    accepted: list[RefIntent] = field(default_factory=list)
    settled: list[RefIntent] = field(default_factory=list)
    abandoned: list[RefIntent] = field(default_factory=list)
    denied: list[tuple[RepositoryName, UserName, str]] = field(default_factory=list)

    async def accept(self, repository: RepositoryName, updates: Sequence[RefUpdate], actor: Actor) -> list[RefIntent]:
        at, origin = datetime.now(UTC), current_origin(actor)
        found = [RefIntent(f"{n}", repository, update, origin, at, pushed=True) for n, update in enumerate(updates)]
        self.accepted += found
        return found

    def refused(self, repository: RepositoryName, found: Iterable[Diagnostic], actor: Actor) -> None:
        self.denied += [(repository, actor.user, each.rule) for each in found]

    async def ended(self, intents: Sequence[RefIntent]) -> None:
        self.settled += intents

    def abandon(self, intents: Sequence[RefIntent]) -> None:
        self.abandoned += intents
