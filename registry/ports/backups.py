"""What a backup is made of and put into. All calls are synchronous and long, but for those of the database."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

from registry.domain.backups import KeptRecord, PinnedRepository
from registry.domain.ids import RefName, RepositoryName


class BlobStore(Protocol):
    """A place for files, by names with ``/`` in them: a folder of this machine, or a bucket."""

    def names(self) -> list[str]:
        """Every file that is there whole, sorted. Raises Unavailable."""
        ...

    def writing(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A new file, which is there, whole and durable, when the context ends, and not at all where that raises.

        Nobody but the store's owner can read it. Raises Unavailable.
        """
        ...

    def reading(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A file. Raises NotFound, Unavailable."""
        ...

    def delete(self, name: str) -> None:
        """Removes a file; one that is not there is no error. Raises Unavailable."""
        ...

    def describe(self) -> str:
        """Where it is, for people; no secret."""
        ...


class RepositoryArchives(Protocol):
    """Repositories as bundles of Git, beside readers and writers."""

    def pin(self, name: RepositoryName) -> PinnedRepository:
        """What the refs point to now. Raises RepositoryNotFound, Unavailable."""
        ...

    def write_bundle(self, pinned: PinnedRepository, out: BinaryIO) -> None:
        """Writes everything that was reachable at that moment, however the refs move meanwhile. Raises Unavailable."""
        ...

    def take_bundle(self, name: RepositoryName, bundle: Path) -> dict[RefName, str]:
        """Fills an empty repository with a bundle's objects and refs, durably; says what these are then.

        Raises RepositoryNotFound, BadRequest for a bundle that is damaged, Unavailable.
        """
        ...


class KeptRecords(Protocol):
    """What the database has that Git cannot give back."""

    async def copy(self, take: Callable[[KeptRecord], None]) -> None:
        """Gives every record, all as of one moment; what is named comes before what names it. Raises Unavailable."""
        ...

    async def load(self, records: Iterable[KeptRecord]) -> None:
        """Takes the records in the place of those that there are: all of them or, where this raises, none.

        Raises Unavailable, BadRequest.
        """
        ...

    async def count(self) -> int:
        """How many records there are. Raises Unavailable."""
        ...
