"""What is kept beside Git so that templates can be read by number and label while the catalogue is away."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from registry.domain.events import Position
from registry.domain.ids import CommitId, RepositoryName, TemplateName


@dataclass(frozen=True, slots=True)
class NumberedCommit:
    """Which commit a version's number stands for. Everything else about the version is in Git."""

    name: TemplateName
    number: int
    ordinal: int
    commit: CommitId
    valid: bool
    cause: TemplateName | None = None
    moved_from: TemplateName | None = None


class VersionSnapshot(Protocol):
    """The numbers of all versions as far as they have been projected, on this machine's disk. Raises Unavailable."""

    async def reached(self, repository: RepositoryName) -> Position | None:
        """How far it is whole, with the whole commit id; None where it is not."""
        ...

    async def put(self, repository: RepositoryName, versions: Sequence[NumberedCommit], reached: Position) -> None:
        """Adds versions, in the place of those of the same numbers: now it is whole up to there."""
        ...

    async def replace(
        self, repository: RepositoryName, pages: AsyncIterator[Sequence[NumberedCommit]], reached: Position
    ) -> None:
        """Puts what the pages have in the place of all that is held, which is in use until the last of them.

        What ``pages`` raises is raised, and what is in use has not changed.
        """
        ...

    async def forget(self, repository: RepositoryName) -> None:
        """Drops what is held of a repository: its history was rewritten."""
        ...

    async def find(self, repository: RepositoryName, name: TemplateName, number: int) -> NumberedCommit | None:
        """One version."""
        ...

    async def newest(self, repository: RepositoryName, name: TemplateName, limit: int) -> list[NumberedCommit]:
        """The newest versions of a template, newest first, the invalid ones too."""
        ...
