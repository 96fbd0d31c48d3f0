"""What the hooks need of the registry; ``registry.services`` has it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from registry.domain.access import Actor
from registry.domain.diagnostics import Diagnostic
from registry.domain.ids import RepositoryName
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
