"""The full-text projection."""

from collections.abc import Sequence
from typing import Protocol

from registry.domain.catalogue import SearchDocument
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.search import Query, SearchPage


class SearchIndex(Protocol):
    """Finds templates by words, prefixes and substrings, in Korean too."""

    async def search(self, query: Query) -> SearchPage:
        """The best hits with highlights and facet counts. Raises BadRequest for a cursor, Unavailable when away."""
        ...

    async def put(self, documents: Sequence[SearchDocument]) -> None:
        """Adds or replaces documents; one with a lower ordinal than what is there is ignored."""
        ...

    async def delete(self, repository: RepositoryName, names: Sequence[TemplateName], ordinal: int) -> None:
        """Removes documents whose ordinal is not higher."""
        ...

    async def fingerprints(self, repository: RepositoryName) -> dict[TemplateName, str]:
        """Name → ``SearchDocument`` fingerprint of everything that is indexed, for ``index verify``."""
        ...

    async def clear(self, repository: RepositoryName) -> None:
        """Empties the index of a repository, before it is filled anew."""
        ...
