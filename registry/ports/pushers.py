"""Who pushed a commit: Git knows its author and its committer, and not who brought it here."""

from collections.abc import Collection, Mapping
from typing import Protocol

from registry.domain.ids import CommitId, RepositoryName, UserName


class Pushers(Protocol):
    """Users by commits. They hang on no projection: a rebuild leaves them alone. Every call raises Unavailable."""

    async def note(self, repository: RepositoryName, pushed: Mapping[CommitId, UserName]) -> None:
        """Keeps who pushed some commits, durably; whoever was noted of a commit first stays."""
        ...

    async def of(self, repository: RepositoryName, commits: Collection[CommitId]) -> Mapping[CommitId, UserName]:
        """Who pushed some commits; those of whom that is not known are left out."""
        ...
