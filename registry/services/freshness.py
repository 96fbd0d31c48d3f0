"""Reading one's own write: a read that names a commit waits until the catalogue has seen it."""

import asyncio

from cachetools import LRUCache

from registry.domain.catalogue import Checkpoint
from registry.domain.errors import PromptuaryError, RevisionNotFound, Unavailable
from registry.domain.ids import CommitId, RepositoryName
from registry.ports.git import Repositories
from registry.services.indexing import Indexing

WAIT_SECONDS = 2.0
"""A write is projected before it is answered, a push within milliseconds: whoever waits longer is told so."""

KNOWN = 4096


class Freshness:
    """Compares commits with how far each repository's default branch has been projected."""

    def __init__(self, *, git: Repositories, indexing: Indexing) -> None:
        self._git = git
        self._indexing = indexing
        self._seen: LRUCache[tuple[RepositoryName, CommitId, CommitId], bool] = LRUCache(KNOWN)
        self._projecting: set[asyncio.Task[object]] = set()

    async def require(self, repository: RepositoryName, commit: CommitId) -> Checkpoint:
        """The checkpoint, once the commit is its own or one before it; waits two seconds for that.

        Raises RevisionNotFound for a commit that is not on the default branch, which alone is projected; Unavailable
        where the projection has not come so far.
        """
        checkpoint = await self._indexing.checkpoint(repository)
        if checkpoint is not None and await self._includes(repository, checkpoint.commit, commit):
            return checkpoint
        with self._git.open(repository) as store:
            tip = store.resolve(self._git.default_branch(repository))
        if tip is None or not await self._includes(repository, tip, commit):
            raise RevisionNotFound(
                f"min_commit={commit} is no commit of the default branch of {repository}, which alone is projected."
            )
        await self._project(repository)
        checkpoint = await self._indexing.checkpoint(repository)
        if checkpoint is None or not await self._includes(repository, checkpoint.commit, commit):
            reached = f"up to {checkpoint.commit}" if checkpoint else "not at all"
            raise Unavailable(f"{repository} has been projected {reached}, {commit} comes later: try again.")
        return checkpoint

    async def _includes(self, repository: RepositoryName, tip: CommitId, commit: CommitId) -> bool:
        if tip == commit:
            return True
        key = (repository, tip, commit)
        known = self._seen.get(key)
        if known is None:
            known = self._seen[key] = await asyncio.to_thread(self._reaches, *key)
        return known

    def _reaches(self, repository: RepositoryName, tip: CommitId, commit: CommitId) -> bool:
        with self._git.open(repository) as store:
            return store.is_reachable(commit, [tip])

    async def _project(self, repository: RepositoryName) -> None:
        """Goes after the branch as a hook's hint would; what fails here is tried again by the reconciler."""
        task: asyncio.Task[object] = asyncio.create_task(self._indexing.poke(repository))
        self._projecting.add(task)
        task.add_done_callback(self._projecting.discard)
        try:
            await asyncio.wait_for(asyncio.shield(task), WAIT_SECONDS)
        except (TimeoutError, PromptuaryError):
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # looked at, so not reported
