"""Whether this process can answer: what was there when it started is projected."""

from collections.abc import Sequence

from registry.domain.dependencies import Condition
from registry.domain.errors import PromptuaryError
from registry.domain.wording import counted
from registry.ports.dependencies import Dependency
from registry.ports.git import Repositories
from registry.ports.projection import Projection
from registry.roles import Role
from registry.services.indexing import Indexing


class Readiness:
    """Not ready until everything has been projected once; afterwards always, whatever is away.

    A dependency that is away takes no process out of service: all of them would go at once, and each still has what it
    can answer without.
    """

    def __init__(
        self,
        *,
        role: Role,
        git: Repositories,
        projection: Projection,
        indexing: Indexing,
        dependencies: Sequence[Dependency] = (),
    ) -> None:
        self._dependencies = list(dependencies)
        self._role = role
        self._git = git
        self._projection = projection
        self._indexing = indexing
        self._ready = False

    async def ready(self) -> bool:
        """Whether requests can be answered."""
        if not self._ready:
            self._ready = self._indexing.ready() if self._role.has_disk else await self._is_projected()
        return self._ready

    async def reasons(self) -> list[str]:
        """What has to be projected first, a line each; may be empty while that is being found out."""
        if not self._role.has_disk:
            return ["no repository is projected yet, or the catalogue is away: is the Git node with its indexer up?"]
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

    async def _is_projected(self) -> bool:
        """By the catalogue alone: an API replica cannot see what Git has."""
        try:
            found = [await self._projection.checkpoint(name) for name in self._git.names()]
        except PromptuaryError:
            return False
        return bool(found) and None not in found
