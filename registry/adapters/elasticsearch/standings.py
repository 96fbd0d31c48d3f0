"""What the catalogue says of the templates that were found, kept for its checkpoint."""

from collections.abc import Mapping, Sequence

from cachetools import LRUCache

from registry.domain.catalogue import Checkpoint
from registry.domain.errors import Unavailable
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.search import Standing
from registry.ports.catalogue import TemplateIndex

_KEPT = 20_000
"""How many are kept at most; some 300 bytes each."""


class Standings:
    """Templates that many queries find are asked for once at a checkpoint: of twenty hits most were hits before."""

    def __init__(self, templates: TemplateIndex) -> None:
        self._templates = templates
        self._kept: LRUCache[tuple[Checkpoint, TemplateName], Standing] = LRUCache(_KEPT)

    async def find(
        self, repository: RepositoryName, names: Sequence[TemplateName], at: Checkpoint | None
    ) -> Mapping[TemplateName, Standing] | None:
        """The standings as of ``at`` or later, without those of absent names; None where the catalogue is away."""
        found = {name: kept for name in names if at is not None and (kept := self._kept.get((at, name))) is not None}
        missing = [name for name in names if name not in found]
        if not missing:
            return found
        try:
            more = await self._templates.find_standings(repository, missing)
        except Unavailable:
            return None
        if at is not None:
            self._kept.update({(at, name): standing for name, standing in more.items()})
        return found | more
