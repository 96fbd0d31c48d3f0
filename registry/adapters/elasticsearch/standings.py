"""What the catalogue says of the templates that were found, kept for its checkpoint."""

from collections.abc import Mapping, Sequence

from cachetools import LRUCache

from registry.domain.catalogue import Checkpoint
from registry.domain.errors import Unavailable
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.search import Standing
from registry.ports.catalogue import TemplateIndex

_REPOSITORIES = 16
_KEPT = 5_000
"""How many are kept of a repository at most; some 300 bytes each."""

_Kept = tuple[Checkpoint, dict[TemplateName, Standing]]


class Standings:
    """Templates that many queries find are asked for once at a checkpoint: of twenty hits most were hits before."""

    def __init__(self, templates: TemplateIndex) -> None:
        self._templates = templates
        self._kept: LRUCache[RepositoryName, _Kept] = LRUCache(_REPOSITORIES)

    async def find(
        self, repository: RepositoryName, names: Sequence[TemplateName], at: Checkpoint | None
    ) -> Mapping[TemplateName, Standing] | None:
        """The standings as of ``at`` or later, and maybe more; absent names have none. None: the catalogue is away."""
        kept = self._kept_for(repository, at)
        missing = [name for name in names if name not in kept]
        if missing:
            try:
                kept.update(await self._templates.find_standings(repository, missing))
            except Unavailable:
                return None
        return kept

    def _kept_for(self, repository: RepositoryName, at: Checkpoint | None) -> dict[TemplateName, Standing]:
        if at is None:
            return {}
        kept = self._kept.get(repository)
        if kept is None or kept[0] != at or len(kept[1]) >= _KEPT:
            kept = self._kept[repository] = (at, {})
        return kept[1]
