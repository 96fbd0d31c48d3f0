"""What the hooks need of the registry; ``registry.services`` has it."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from registry.domain.access import Actor
from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import RepositoryName
from registry.domain.ref_intents import RefIntent
from registry.domain.refs import RefUpdate


class Verdict(Protocol):
    """All or nothing, with every reason; warnings may come with either."""

    @property
    def accepted(self) -> bool:
        """Whether the push may land."""
        ...

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What was found, errors and warnings."""
        ...


class Judge(Protocol):
    """The gate."""

    async def judge(
        self,
        repository: RepositoryName,
        updates: Sequence[RefUpdate],
        actor: Actor,
        *,
        quarantine: Path | None = None,
        progress: Callable[[str], None] = ...,
    ) -> Verdict:
        """Judges the ref updates of one push together."""
        ...


class Reporter(Protocol):
    """The projection, as a pusher sees it."""

    async def landed(self, repository: RepositoryName, updates: Sequence[RefUpdate]) -> Sequence[str]:
        """Projects up to the present tip of the default branch; what the updates made live, a line each."""
        ...


class DenialRecorder(Protocol):
    """The audit of what is denied."""

    def refused(self, repository: RepositoryName, found: Iterable[Diagnostic], actor: Actor) -> None:
        """Notes what the findings of a refused push deny; waits for nothing."""
        ...


class MoveRecorder(Protocol):
    """The audit of refs."""

    async def accept(self, repository: RepositoryName, updates: Sequence[RefUpdate], actor: Actor) -> list[RefIntent]:
        """Notes durably what an accepted push is about to do. Raises Unavailable: then it must not be let in."""
        ...

    async def ended(self, intents: Sequence[RefIntent]) -> None:
        """Looks what became of it once its Git has ended."""
        ...

    def abandon(self, intents: Sequence[RefIntent]) -> None:
        """Nobody waits for its Git any more."""
        ...
