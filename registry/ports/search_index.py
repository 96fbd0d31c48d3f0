"""The full-text projection."""

from collections.abc import Sequence
from typing import Protocol

from registry.domain.catalogue import Checkpoint, SearchDocument
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.search import Query, SearchPage, Suggestions


class SearchIndex(Protocol):
    """Finds templates by words, prefixes and substrings, in Korean too."""

    async def search(self, query: Query, at: Checkpoint | None = None) -> SearchPage:
        """The best hits with highlights and facet counts. Raises BadRequest for a cursor, Unavailable when away.

        A page says ``degraded`` where the index may lack documents. ``at`` is a checkpoint that the catalogue has: what
        an index looks up there may be as of it, or later. Raises TemplateNotFound for ``like``, also where it is not
        seen. Nothing of the page tells whether there is a document that is not seen.
        """
        ...

    async def put(self, documents: Sequence[SearchDocument]) -> None:
        """Adds or replaces documents, found from then on; one with a lower ordinal than what is there is ignored."""
        ...

    async def delete(self, repository: RepositoryName, names: Sequence[TemplateName], ordinal: int) -> None:
        """Removes documents whose ordinal is not higher; a later ``put`` of an older one may be ignored, too.

        They are found no more from then on.
        """
        ...

    async def fingerprints(self, repository: RepositoryName) -> dict[TemplateName, str]:
        """Name → ``SearchDocument`` fingerprint of everything that is indexed, for ``index verify``."""
        ...

    async def renew(self, repository: RepositoryName) -> None:
        """Begins an empty index beside the live one: puts and deletes go to it, searches see the old until ``swap``.

        Begun again it is empty again. A repository that has no index yet needs neither.
        """
        ...

    async def swap(self, repository: RepositoryName, at_least: int) -> None:
        """Puts the index that was begun in the place of the old one, which is dropped. Nothing where none was begun.

        Raises Conflict where it holds fewer documents than ``at_least``: then the old one stays and is searched.
        """
        ...


class SuggestingIndex(Protocol):
    """Names templates while somebody types."""

    async def suggest(
        self, repository: RepositoryName, text: str, limit: int, sight: Sight = EVERYTHING
    ) -> Suggestions:
        """The templates seen whose names have every word that was typed, the last maybe half typed; best first.

        Words count as in a search, initials too. They say ``degraded`` where the index may lack documents. Raises
        Unavailable when away.
        """
        ...


class CountedSearchIndex(SearchIndex, SuggestingIndex, Protocol):
    """A search index that knows whether it may lack something."""

    async def whole(self, repository: RepositoryName) -> int | None:
        """How many documents are searched; None where the index is lost or was not filled with every document."""
        ...

    async def old_texts(self, repository: RepositoryName) -> set[tuple[TemplateName, int]] | None:
        """The templates and versions whose texts are indexed as old ones, for ``index verify``.

        None where old texts are not indexed at all but looked through in the catalogue.
        """
        ...
