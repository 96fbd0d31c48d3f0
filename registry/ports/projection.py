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

    async def apply(self, batch: ProjectionBatch) -> bool:
        """Writes a batch in one transaction, checkpoint included; True where the outbox has to be carried on now.

        What the search index needs is written to the outbox in that transaction. Only where the index lies in the
        same database may it get the documents there and then instead, if nothing of the repository waits already.

        Batches of a full replay are staged beside what is live and take its place with the final one; a first batch
        (``expected`` None) throws away what an unfinished replay left. Raises Conflict where the checkpoint of the
        live or the staged rows is not ``batch.expected`` (somebody else projected meanwhile), Unavailable.
        """
        ...

    async def load_state(self, repository: RepositoryName) -> VersionState:
        """What numbering needs to go on from the checkpoint of the live rows."""
        ...

    async def put_refs(self, repository: RepositoryName, refs: dict[RefName, CommitId] | None) -> None:
        """Records the tips of all refs: new ones, moved ones and those that are gone. None: batches to come say it all.

        It is said before those are made, so that whoever writes them elsewhere can begin at the same time.
        """
        ...

    async def rules(self, repository: RepositoryName) -> object:
        """The parsed ``.registry.yaml`` of the checkpoint as the last batch gave it, or None."""
        ...

    async def drop(self, repository: RepositoryName) -> None:
        """Forgets everything about a repository that Git no longer has."""
        ...


class WaitingEntries(Protocol):
    """How much still has to reach a search index."""

    async def depth(self, *, texts: bool = True) -> int:
        """How many entries wait, with or without texts that templates had. It counts them: ``waits`` is quicker."""
        ...

    async def waits(self, repository: RepositoryName | None = None, *, texts: bool = True) -> bool:
        """Whether an entry waits, of a repository or of any; with or without texts that templates had."""
        ...


class Outbox(WaitingEntries, Protocol):
    """What still has to reach one search index; at least once. Each index has an outbox of its own."""

    async def pending(self, limit: int = 500) -> list[OutboxEntry]:
        """The oldest entries, one a template: of several for one template only the newest counts.

        Entries of one repository come in the order in which they must be done: RENEW, documents, SWAP. With several
        databases, or where only what is urgent is seen, so many of each.
        """
        ...

    async def documents(self, entries: Sequence[OutboxEntry]) -> list[SearchDocument]:
        """The documents of the entries' templates as the catalogue has them now.

        Deleted templates and those without a valid version are left out: their documents have to go.
        """
        ...

    async def done(self, entries: Iterable[OutboxEntry]) -> None:
        """Drops entries after the search index has them; newer ones of the same templates stay."""
        ...

    async def fed_at_least(self, repository: RepositoryName) -> int | None:
        """How many documents an index must hold that got all entries so far: those shown, without those that wait.

        None where entries are missing: a set-up without the index has projected meanwhile, and it has to be filled.
        """
        ...

    async def fill(self, repository: RepositoryName) -> int:
        """Asks for a new search index: RENEW, an entry for every template, SWAP. Says how many templates."""
        ...
