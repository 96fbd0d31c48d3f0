"""Writing the read model: batches, checkpoints and the outbox."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from registry.domain.catalogue import Checkpoint, OutboxEntry, ProjectionBatch, SearchDocument
from registry.domain.ids import CommitId, RefName, RepositoryName
from registry.domain.versions import VersionState


class Projection(Protocol):
    """The one writer of the catalogue's templates, versions and labels."""

    async def checkpoint(self, repository: RepositoryName) -> Checkpoint | None:
        """How far the default branch has been projected; None where it never was."""
        ...

    async def apply(self, batch: ProjectionBatch) -> None:
        """Writes a batch in one transaction, checkpoint included.

        Raises Conflict where the checkpoint is not ``batch.expected`` (somebody else projected meanwhile).
        """
        ...

    async def load_state(self, repository: RepositoryName) -> VersionState:
        """What numbering needs to go on from the checkpoint."""
        ...

    async def put_refs(self, repository: RepositoryName, refs: dict[RefName, CommitId]) -> None:
        """Records the tips of all refs: new ones, moved ones and those that are gone."""
        ...

    async def rules(self, repository: RepositoryName) -> object:
        """The parsed ``.registry.yaml`` of the checkpoint as the last batch gave it, or None."""
        ...

    async def drop(self, repository: RepositoryName) -> None:
        """Forgets everything about a repository that Git no longer has."""
        ...


class Outbox(Protocol):
    """What still has to reach the search index; at least once."""

    async def pending(self, limit: int = 500) -> list[OutboxEntry]:
        """The oldest entries, one a template: of several for one template only the newest counts."""
        ...

    async def documents(self, entries: Sequence[OutboxEntry]) -> list[SearchDocument]:
        """The documents of the entries' templates as the catalogue has them now; deleted ones are left out."""
        ...

    async def done(self, entries: Iterable[OutboxEntry]) -> None:
        """Drops entries (and older ones of the same templates) after the search index has them."""
        ...

    async def depth(self) -> int:
        """How many entries wait."""
        ...

    async def fill(self, repository: RepositoryName) -> int:
        """Makes an entry for every template of a repository (for a new search index); says how many."""
        ...
