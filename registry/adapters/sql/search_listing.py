"""Search without words: templates by name, with the counts kept for it.

Nothing is scored, so a page is a range of an index; with a filter that many templates pass, the range is read in
steps until the page is full.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, bindparam, select

from registry.adapters.sql.full_text import facet_token
from registry.adapters.sql.search_ranking import Filters, Found
from registry.adapters.sql.search_store import TOTAL, all_counts
from registry.adapters.sql.tables import search_documents
from registry.domain.korean import sort_key, sorted_text
from registry.domain.rights import Sight

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
    sight: Sight,
    limit: int,
    after: tuple[float, bytes] | None,
    known: Found | None,
) -> tuple[Found, list[tuple[float, bytes, int]]]:
    """A page by name of what is seen and passes the filters, with ``known``'s counts, or those of all documents."""
    tokens = [f"\n{facet_token(facet, value)}\n" for facet, value in filters]
    step = _STEP if tokens or not sight.is_whole else limit
    rows = _walked(connection, index, _ranges(dict(filters).get("folder"), sight), after[1] if after else b"", step)
    passing = (row for row in rows if all(token in row.facets for token in tokens))
    if not sight.is_whole:
        passing = (row for row in passing if sight.has(sorted_text(row.sort_key)))
    page = [(0.0, row.sort_key, row.id) for row in islice(passing, limit)]
    if known is None:
        counts = all_counts(connection, index)
        known = Found(counts=counts, total=counts[TOTAL][""])
    return known, page


def _walked(
    connection: Connection, index: int, ranges: Sequence[tuple[bytes, bytes]], key: bytes, step: int
) -> Iterator[Any]:
    """The documents of some ranges behind a key, in order and each once, with some that lie behind a range."""
    for first, end in ranges:
        key = max(key, first)
        while key <= end:
            rows = connection.execute(_BY_NAME, {"index": index, "after": key, "limit": step}).all()
            yield from rows
            if len(rows) < step:
                return
            key = rows[-1].sort_key


def _ranges(folder: str | None, sight: Sight) -> list[tuple[bytes, bytes]]:
    """The sort keys before and behind what is seen in a folder, in order; some may hold others."""
    first, end = _range(folder)
    if sight.folders is None:
        return [(first, end)]
    return sorted((max(first, begin), min(end, behind)) for begin, behind in map(_range, sight.folders))


def _range(folder: str | None) -> tuple[bytes, bytes]:
    """The sort keys before and behind everything in a folder, whose content stands together."""
    if folder is None:
        return b"", b"\xff"
    key = sort_key(folder)
    return key, key.partition(b"\x01")[0] + b"\x03"
