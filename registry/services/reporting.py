"""What a pusher is told once the push is in."""

import asyncio
from collections.abc import Sequence

from registry.domain.ids import CommitId, RepositoryName
from registry.domain.refs import RefUpdate
from registry.ports.git import Repositories
from registry.services.indexing import Indexing
from registry.services.news import Journal
from registry.services.tree_changes import chain_after


class Reporting:
    """Projects what was pushed and says what is live."""

    def __init__(self, *, git: Repositories, indexing: Indexing, journal: Journal) -> None:
        self._git = git
        self._indexing = indexing
        self._journal = journal

    async def landed(self, repository: RepositoryName, updates: Sequence[RefUpdate]) -> list[str]:
        """What the updates made live, a line each; nothing of what others pushed at the same moment."""
        await self._indexing.poke(repository)
        default = self._git.default_branch(repository)
        lines: list[str] = []
        for update in updates:
            if update.ref == default and update.creates:  # a whole history may have come
                lines += await asyncio.to_thread(self._lines, repository, update)
            elif update.ref == default:
                lines += self._lines(repository, update)
        return lines

    def _lines(self, repository: RepositoryName, update: RefUpdate) -> list[str]:
        with self._git.open(repository) as store:
            commits: list[CommitId] = chain_after(store, update.new, None if update.creates else update.old) or []
        return list(self._journal.lines(repository, commits))
