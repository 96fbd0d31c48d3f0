"""Search without words: templates by name, with the counts kept for it.

Nothing is scored, so a page is a range of an index; with a filter that many templates pass, the range is read in
steps until the page is full.
"""

from sqlalchemy import Connection, bindparam, select

from registry.adapters.sql.search_ranking import Filters, Found
from registry.adapters.sql.search_store import TOTAL, all_counts, facet_token
from registry.adapters.sql.tables import search_documents
from registry.domain.korean import sort_key

_STEP = 500

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
    first, end = _range(dict(filters).get("folder"))
    key = max(first, after[1]) if after is not None else first
    step = _STEP if tokens else limit
    while len(page) < limit:
        rows = connection.execute(_BY_NAME, {"index": index, "after": key, "limit": step}).all()
        page += [(0.0, row.sort_key, row.id) for row in rows if all(token in row.facets for token in tokens)]
        if len(rows) < step or rows[-1].sort_key > end:
            break
        key = rows[-1].sort_key
    if known is None:
        counts = all_counts(connection, index)
        known = Found(counts=counts, total=counts[TOTAL][""])
    return known, page[:limit]


def _range(folder: str | None) -> tuple[bytes, bytes]:
    """The sort keys before and behind everything in a folder, whose content stands together."""
    if folder is None:
        return b"", b"\xff"
    key = sort_key(folder)
    return key, key.partition(b"\x01")[0] + b"\x03"
