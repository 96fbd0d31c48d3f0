"""Which commits reads have certainly seen, as far as the catalogue alone can tell."""

from cachetools import LRUCache

from registry.domain.errors import PromptuaryError
from registry.domain.ids import RepositoryName
from registry.services.indexing import Indexing

KNOWN = 4096


class SeenCommits:
    """Remembers the commits that a repository was seen projected up to: whatever is read later has seen them."""

    def __init__(self, indexing: Indexing) -> None:
        self._indexing = indexing
        self._known: LRUCache[tuple[str, str], bool] = LRUCache(KNOWN)

    async def includes(self, repository: str, commit: str) -> bool:
        """False where that is not known: the commit may be there all the same."""
        if (repository, commit) in self._known:
            return True
        try:
            checkpoint = await self._indexing.checkpoint(RepositoryName(repository))
        except PromptuaryError:
            return False
        if checkpoint is None:
            return False
        self._known[repository, checkpoint.commit] = True
        return checkpoint.commit == commit
