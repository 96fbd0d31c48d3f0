"""The header that says how far the read model had come when an answer was made."""

from registry.bootstrap import Registry
from registry.domain.ids import CommitId, RepositoryName


async def indexed_commit(registry: Registry, repository: RepositoryName) -> CommitId | None:
    """The commit that everything read from now on has seen; None in an empty repository."""
    checkpoint = await registry.indexing.checkpoint(repository)
    return checkpoint.commit if checkpoint else None


async def commit_read(registry: Registry, repository: RepositoryName) -> CommitId | None:
    """The same for what is read of the default branch's state.

    Raises Unavailable where the catalogue has nothing of a repository that has commits: it was emptied.
    """
    commit = await indexed_commit(registry, repository)
    if commit is None:
        registry.repositories.require_unborn(repository)
    return commit


def commit_header(commit: CommitId | None) -> dict[str, str]:
    """The header as an answer takes it; none where there is no commit."""
    return {"promptuary-commit": commit} if commit is not None else {}
