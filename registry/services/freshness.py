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
    """Compares commits with how far each repository's default branch has been projected.

    Where there is no Git (an API replica) it knows the commits that it saw the projection come to, and no others.
    """

    def __init__(self, *, git: Repositories | None, indexing: Indexing) -> None:
        self._git = git
        self._indexing = indexing
        self._passed: LRUCache[tuple[RepositoryName, CommitId], int] = LRUCache(KNOWN)
        self._seen: LRUCache[tuple[RepositoryName, CommitId, CommitId], bool] = LRUCache(KNOWN)
        self._projecting: set[asyncio.Task[object]] = set()

    async def has_seen(self, repository: RepositoryName, commit: CommitId) -> bool:
        """Whether reads have certainly seen a commit. Git is not asked: False where it alone knows."""
        try:
            checkpoint = await self._indexing.checkpoint(repository)
        except PromptuaryError:
            return False
        return checkpoint is not None and self._has_passed(repository, checkpoint, commit)

    async def require(self, repository: RepositoryName, commit: CommitId) -> Checkpoint:
        """The checkpoint, once the commit is its own or one before it; waits two seconds for that.

        Raises RevisionNotFound for a commit that is not on the default branch, which alone is projected; Unavailable
        where the projection has not come so far.
        """
        checkpoint = await self._indexing.checkpoint(repository)
        if self._git is None:
            return self._passed_by(repository, checkpoint, commit)
        if checkpoint is not None and await self._includes(self._git, repository, checkpoint.commit, commit):
            return checkpoint
        with self._git.open(repository) as store:
            tip = store.resolve(self._git.default_branch(repository))
        if tip is None or not await self._includes(self._git, repository, tip, commit):
            raise RevisionNotFound(
                f"min_commit={commit} is no commit of the default branch of {repository}, which alone is projected."
            )
        await self._project(repository)
        checkpoint = await self._indexing.checkpoint(repository)
        if checkpoint is None or not await self._includes(self._git, repository, checkpoint.commit, commit):
            reached = f"up to {checkpoint.commit}" if checkpoint else "not at all"
            raise Unavailable(f"{repository} has been projected {reached}, {commit} comes later: try again.")
        return checkpoint

    def _has_passed(self, repository: RepositoryName, checkpoint: Checkpoint, commit: CommitId) -> bool:
        """Whether the projection was seen at a commit, and has not been put back to before it since."""
        self._passed[repository, checkpoint.commit] = checkpoint.ordinal
        ordinal = self._passed.get((repository, commit))
        return ordinal is not None and ordinal <= checkpoint.ordinal

    def _passed_by(self, repository: RepositoryName, checkpoint: Checkpoint | None, commit: CommitId) -> Checkpoint:
        if checkpoint is None or not self._has_passed(repository, checkpoint, commit):
            raise Unavailable(f"Only the Git node knows whether {repository} has been projected up to {commit}.")
        return checkpoint

    async def _includes(self, git: Repositories, repository: RepositoryName, tip: CommitId, commit: CommitId) -> bool:
        if tip == commit:
            return True
        key = (repository, tip, commit)
        known = self._seen.get(key)
        if known is None:
            known = self._seen[key] = await asyncio.to_thread(_reaches, git, *key)
        return known

    async def _project(self, repository: RepositoryName) -> None:
        """Goes after the branch as a hook's hint would; what fails here is tried again by the reconciler."""
        task: asyncio.Task[object] = asyncio.create_task(self._indexing.poke(repository))
        self._projecting.add(task)
        task.add_done_callback(self._projecting.discard)
        try:
            await asyncio.wait_for(asyncio.shield(task), WAIT_SECONDS)
        except (TimeoutError, PromptuaryError):
            task.add_done_callback(lambda done: done.cancelled() or done.exception())  # looked at, so not reported


def _reaches(git: Repositories, repository: RepositoryName, tip: CommitId, commit: CommitId) -> bool:
    with git.open(repository) as store:
        return store.is_reachable(commit, [tip])
