"""Searching templates."""

from registry.domain.errors import BadRequest
from registry.domain.search import Query, SearchPage
from registry.ports.search_index import SearchIndex

LONGEST_QUERY = 1_000


class Search:
    """Finds templates of the default branch by words, prefixes and substrings."""

    def __init__(self, *, index: SearchIndex) -> None:
        self._index = index

    async def search(self, query: Query) -> SearchPage:
        """The best hits with highlights and facets. Raises BadRequest for a query or cursor that cannot be read."""
        if len(query.text) > LONGEST_QUERY:
            raise BadRequest(f"The query has {len(query.text)} characters; at most {LONGEST_QUERY} are taken.")
        return await self._index.search(query)
