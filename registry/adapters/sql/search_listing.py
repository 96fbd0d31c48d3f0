"""Search without words: templates by name, with the counts kept for it.

Nothing is scored, so a page is a range of an index; with a filter that many templates pass, the range is read in
steps until the page is full.
"""

from collections import Counter

from sqlalchemy import Connection, bindparam, select

from registry.adapters.sql.search_ranking import Filters, Found
from registry.adapters.sql.search_store import TOTAL, facet_token
from registry.adapters.sql.tables import search_counts, search_documents
from registry.domain.search import FACETS

_STEP = 500

_COUNTS = select(search_counts.c.facet, search_counts.c.value, search_counts.c.documents).where(
    search_counts.c.index_id == bindparam("index")
)
_BY_NAME = (
    select(search_documents.c.id, search_documents.c.sort_key, search_documents.c.facets)
    .where(search_documents.c.index_id == bindparam("index"), search_documents.c.sort_key > bindparam("after"))
    .order_by(search_documents.c.sort_key)
    .limit(bindparam("limit"))
)


def list_everything(
    connection: Connection,
    index: int,
    filters: Filters,
    limit: int,
    after: tuple[float, bytes] | None,
    known: Found | None,
) -> tuple[Found, list[tuple[float, bytes, int]]]:
    """A page by name of what passes the filters, with ``known``'s counts, or those of all documents."""
    tokens = [f"\n{facet_token(facet, value)}\n" for facet, value in filters]
    page: list[tuple[float, bytes, int]] = []
    key = after[1] if after is not None else b""
    step = _STEP if tokens else limit
    while len(page) < limit:
        rows = connection.execute(_BY_NAME, {"index": index, "after": key, "limit": step}).all()
        page += [(0.0, row.sort_key, row.id) for row in rows if all(token in row.facets for token in tokens)]
        if len(rows) < step:
            break
        key = rows[-1].sort_key
    return known or _count_all(connection, index), page[:limit]


def _count_all(connection: Connection, index: int) -> Found:
    counts: dict[str, Counter[str]] = {facet: Counter() for facet in (TOTAL, *FACETS)}
    for row in connection.execute(_COUNTS, {"index": index}):
        counts[row.facet][row.value] = row.documents
    total = counts.pop(TOTAL)
    return Found(counts=counts, total=total[""])
