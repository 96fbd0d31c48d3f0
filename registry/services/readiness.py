"""Whether this process can answer: what was there when it started is projected."""

from collections.abc import Callable, Sequence

from registry.domain.dependencies import Condition
from registry.domain.wording import counted
from registry.ports.dependencies import Dependency
from registry.process_kinds import ProcessKind
from registry.services.indexing import Indexing


class Readiness:
    """Not ready until everything has been projected once; afterwards always, whatever is away.

    A dependency that is away takes no process out of service: all of them would go at once, and each still has what it
    can answer without.
    """

    def __init__(
        self,
        *,
        process: ProcessKind,
        indexing: Indexing,
        is_projected: Callable[[], bool],
        dependencies: Sequence[Dependency] = (),
    ) -> None:
        self._process = process
        self._indexing = indexing
        self._is_projected = is_projected
        self._dependencies = list(dependencies)
        self._ready = False

    def ready(self) -> bool:
        """Whether requests can be answered."""
        self._ready = self._ready or self._is_projected()
        return self._ready

    def stand_by(self) -> None:
        """Another process leads: this one has nothing to do but to wait, for which it is ready."""
        self._ready = True

    async def public_reasons(self) -> list[str]:
        """The same for whoever asks: without the names of repositories, and how much is in them."""
        reasons = await self.reasons()
        if not self._process.has_disk or not reasons:
            return reasons
        return [f"{counted(len(reasons), 'repository')} to be projected"]

    async def reasons(self) -> list[str]:
        """What has to be projected first, a line each; may be empty while that is being found out."""
        if not self._process.has_disk:
            return ["nothing is projected yet, or the catalogue is away: are the Git node and an indexer running?"]
        return [
            f"{state.repository}: "
            + (
                "to be projected from the beginning"
                if state.behind is None
                else f"{counted(state.behind, 'commit')} to be projected"
            )
            for state in await self._indexing.status()
            if state.behind != 0
        ]

    def depend_on(self, dependency: Dependency) -> None:
        """Adds a service to those whose condition is told."""
        self._dependencies.append(dependency)

    def conditions(self) -> list[Condition]:
        """How the services that this process uses are doing, as far as its calls have shown."""
        return [each.condition() for each in self._dependencies]
