"""What lies in the catalogue beside its entries, and that lists, filters and suggestions read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from registry.domain.catalogue import Removal, VersionEntry
from registry.domain.ids import BlobId, CommitId, RefName, RepositoryName, TemplateName


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """What a template's row has been given besides its entry.

    ``sort_key`` is that of its name, ``letters`` is the name as suggestions look for it (None where it is missing),
    ``latest_blob`` the file of its newest valid version.
    """

    sort_key: bytes
    letters: str | None
    latest_blob: BlobId | None


class StoredRows(Protocol):
    """Rows of the checkpoint as they lie there, in bulk, for ``index verify``."""

    async def keys(self, repository: RepositoryName) -> dict[TemplateName, StoredKeys]:
        """Of every template, deleted ones included."""
        ...

    async def filter_values(self, repository: RepositoryName) -> dict[TemplateName, set[tuple[str, str]]]:
        """The facets and values by which filters find each template.

        Under the empty name stands what leads to no template, or would be listed at another place than its template.
        """
        ...

    async def versions_of(self, repository: RepositoryName, names: Sequence[TemplateName]) -> list[VersionEntry]:
        """All versions of some templates, in no order."""
        ...

    async def removals(self, repository: RepositoryName) -> dict[Removal, int]:
        """Every removal, and the last version that the template had until then."""
        ...

    async def refs(self, repository: RepositoryName) -> dict[RefName, CommitId]:
        """The tips of all refs as they were recorded."""
        ...
