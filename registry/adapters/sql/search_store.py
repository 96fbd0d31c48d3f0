"""Writing search indexes: documents in and out, and a new index beside the live one."""

import unicodedata
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, bindparam, delete, func, insert, literal_column, select, update

from registry.adapters.sql import dialect
from registry.adapters.sql.full_text import IndexedRow, facet_token, heading_of
from registry.adapters.sql.full_texts import full_text
from registry.adapters.sql.statements import add_up, upsert, write_rows
from registry.adapters.sql.tables import search_bodies, search_counts, search_documents, search_indexes
from registry.adapters.sql.values import from_facts, to_facts
from registry.domain.catalogue import Facts, SearchDocument
from registry.domain.errors import Conflict
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.korean import sort_key
from registry.domain.search import FACETS, facet_values
from registry.domain.search_text import folded

_SWEEP = 2_000
_LEVEL = 1

_INDEX = select(search_indexes.c.id).where(
    search_indexes.c.repository == bindparam("repository"), search_indexes.c.role == bindparam("role")
)
_ROLES = select(search_indexes.c.role, search_indexes.c.id).where(
    search_indexes.c.repository == bindparam("repository")
)
_KNOWN = (
    select(search_documents, search_bodies.c.folded)
    .outerjoin(search_bodies, search_bodies.c.document_id == search_documents.c.id)
    .where(search_documents.c.index_id == bindparam("index"), dialect.one_of(search_documents.c.name, "names"))
)
_SAVE = upsert(search_documents)
_SAVE_BODY = upsert(search_bodies)
_ORDINAL = (
    update(search_documents)
    .where(search_documents.c.id == bindparam("number"))
    .values(ordinal=bindparam("new_ordinal"))
)
_COUNT = add_up(search_counts, "documents")
_DROP_EMPTY = delete(search_counts).where(
    search_counts.c.index_id == bindparam("index"),
    search_counts.c.facet == bindparam("of_facet"),
    search_counts.c.value == bindparam("of_value"),
    search_counts.c.documents <= literal_column("0"),  # no parameter: rows give only what differs
)

_DOCUMENTS = select(func.count()).where(search_documents.c.index_id == bindparam("index"))
_COUNTS = select(search_counts).where(search_counts.c.index_id == bindparam("index"))

TOTAL = "total"
"""The facet under which ``search_counts`` counts all documents."""

_TOTAL = select(search_counts.c.documents).where(
    search_counts.c.index_id == bindparam("index"), search_counts.c.facet == TOTAL
)


class Stored(NamedTuple):
    """What a row keeps of a document besides its text."""

    facts: Facts
    owners: tuple[str, ...]
    labels: tuple[str, ...]


def stored_of(text: str) -> Stored:
    """What the column ``document`` says."""
    facts, owners, labels = orjson.loads(text)
    return Stored(from_facts(facts), tuple(owners), tuple(labels))


def find_index(connection: Connection, repository: RepositoryName, role: str) -> int | None:
    """The number of the repository's index of a role."""
    found: int | None = connection.execute(_INDEX, {"repository": repository, "role": role}).scalar_one_or_none()
    return found


def _make_index(connection: Connection, repository: RepositoryName, role: str, *, bulk: bool) -> int:
    row = insert(search_indexes).values(repository=repository, role=role).returning(search_indexes.c.id)
    index = int(connection.execute(row).scalar_one())
    full_text(connection).create(connection, index, bulk=bulk)
    return index


def _target(connection: Connection, repository: RepositoryName) -> int:
    """Where documents go: the index that is being filled, else the live one, which is made where there is none.

    Who asks writes: until the end of its transaction nobody else writes to the repository's indexes.
    """
    dialect.wait_turn(connection, f"search {repository}")
    roles = {row.role: int(row.id) for row in connection.execute(_ROLES, {"repository": repository})}
    return roles.get("next") or roles.get("live") or _make_index(connection, repository, "live", bulk=False)


def put_documents(connection: Connection, repository: RepositoryName, documents: Sequence[SearchDocument]) -> None:
    """Adds or replaces documents, each name once; older ones than what is there are ignored."""
    index = _target(connection, repository)
    wanted = {"index": index, "names": [document.name for document in documents]}
    known = {row.name: row for row in connection.execute(_KNOWN, wanted)}
    fresh, touched = [], []
    for document in documents:
        row = known.get(document.name)
        if row is None or (row.ordinal <= document.ordinal and row.fingerprint != document.fingerprint):
            fresh.append(document)
        elif row.ordinal < document.ordinal:
            touched.append({"number": row.id, "new_ordinal": document.ordinal})
    write_rows(connection, _ORDINAL, touched)
    gone, counts = _taken_out([known[document.name] for document in fresh if document.name in known])
    texts = _put_in(connection, index, fresh, known, counts)
    _count(connection, index, counts)
    # Last, and together: another statement in between would make FTS5 write what it holds as a piece of its own.
    full_text(connection).remove(connection, index, gone)
    full_text(connection).add(connection, index, texts)


def delete_documents(
    connection: Connection, repository: RepositoryName, names: Sequence[TemplateName], ordinal: int
) -> None:
    """Removes the documents whose ordinal is not higher."""
    index = _target(connection, repository)
    wanted = {"index": index, "names": names}
    rows = [row for row in connection.execute(_KNOWN, wanted) if row.ordinal <= ordinal]
    if not rows:
        return
    gone, counts = _taken_out(rows)
    _count(connection, index, counts)
    _forget(connection, [row.id for row in rows])
    full_text(connection).remove(connection, index, gone)


def _values_of(document: SearchDocument) -> list[str]:
    """The facet values of a document as ``facet TAB value``, in a fixed order."""
    pairs = facet_values(document.name, document.facts, document.owners, document.labels)
    return sorted({facet_token(facet, value) for facet, value in pairs})


def _taken_out(rows: Sequence[Row[Any]]) -> tuple[list[IndexedRow], Counter[str]]:
    """What has to leave the full text, and by how much the counts of facet values change with it."""
    counts: Counter[str] = Counter()
    gone = []
    for row in rows:
        values = row.facets.split("\n")[1:-1]
        gone.append(IndexedRow(row.id, row.heading, row.folded, values))
        counts.subtract([TOTAL, *values])
    return gone, counts


def _put_in(
    connection: Connection,
    index: int,
    documents: Sequence[SearchDocument],
    known: Mapping[str, Row[Any]],
    counts: Counter[str],
) -> list[IndexedRow]:
    """Writes the rows of documents and adds their facet values to the counts; says what the full text has to get."""
    new = sum(document.name not in known for document in documents)
    numbers = iter(dialect.next_ids(connection, search_documents, new) if new else ())
    rows, bodies, texts = [], [], []
    for document in documents:
        row = known.get(document.name)
        own = row.id if row is not None else next(numbers)
        values = _values_of(document)
        heading = heading_of(document.name, document.facts.description, document.facts.tags)
        text = folded(document.body)
        texts.append(IndexedRow(own, heading, text, values))
        rows.append(_row(index, own, document, heading, values))
        bodies.append(_body_row(own, document, text))
        counts.update([TOTAL, *values])
    write_rows(connection, _SAVE, rows)
    write_rows(connection, _SAVE_BODY, bodies)
    return texts


def _row(index: int, number: int, document: SearchDocument, heading: str, values: Sequence[str]) -> dict[str, Any]:
    return {
        "id": number,
        "index_id": index,
        "name": document.name,
        "sort_key": sort_key(document.name),
        "ordinal": document.ordinal,
        "fingerprint": document.fingerprint,
        "facets": "\n".join(["", *values, ""]),
        "heading": heading,
    }


def _body_row(number: int, document: SearchDocument, text: str) -> dict[str, Any]:
    kept = [to_facts(document.facts), document.owners, document.labels]
    body = zlib.compress(unicodedata.normalize("NFC", document.body).encode(), _LEVEL)
    return {"document_id": number, "folded": text, "document": orjson.dumps(kept).decode(), "body": body}


def _count(connection: Connection, index: int, counts: Counter[str]) -> None:
    changed = [(*token.partition("\t")[::2], by) for token, by in counts.items() if by]
    rows = [{"index_id": index, "facet": facet, "value": value, "documents": by} for facet, value, by in changed]
    write_rows(connection, _COUNT, rows)
    fewer = [{"index": index, "of_facet": facet, "of_value": value} for facet, value, by in changed if by < 0]
    write_rows(connection, _DROP_EMPTY, fewer)


def all_counts(connection: Connection, index: int) -> dict[str, Counter[str]]:
    """How many documents have each value of each facet, and under ``TOTAL`` how many there are."""
    counts: dict[str, Counter[str]] = {facet: Counter() for facet in (TOTAL, *FACETS)}
    for row in connection.execute(_COUNTS, {"index": index}):
        counts[row.facet][row.value] = row.documents
    return counts


def total_documents(connection: Connection, index: int) -> int:
    """How many documents an index has, as they are counted while they are written: no row of theirs is read."""
    return int(connection.execute(_TOTAL, {"index": index}).scalar_one_or_none() or 0)


def _forget(connection: Connection, ids: Sequence[int]) -> None:
    listed = {"ids": ids}
    connection.execute(delete(search_documents).where(dialect.one_of(search_documents.c.id, "ids")), listed)
    connection.execute(delete(search_bodies).where(dialect.one_of(search_bodies.c.document_id, "ids")), listed)


def renew_index(connection: Connection, repository: RepositoryName) -> None:
    """Begins an empty index beside the live one, or the live one itself where there is none."""
    dialect.wait_turn(connection, f"search {repository}")
    if find_index(connection, repository, "live") is None:
        _make_index(connection, repository, "live", bulk=True)
        return
    _retire(connection, repository, "next")
    _make_index(connection, repository, "next", bulk=True)


def count_documents(connection: Connection, index: int) -> int:
    """How many documents an index has."""
    return int(connection.execute(_DOCUMENTS, {"index": index}).scalar_one())


def swap_index(connection: Connection, repository: RepositoryName, at_least: int) -> None:
    """Makes the index that was begun the live one. Raises Conflict where it has fewer documents."""
    dialect.wait_turn(connection, f"search {repository}")
    index = find_index(connection, repository, "next")
    if index is not None:
        documents = count_documents(connection, index)
        if documents < at_least:
            raise Conflict(
                f"The new search index of {repository} has {documents} documents where {at_least} are expected, so the "
                "old one stays in use."
            )
        _retire(connection, repository, "live")
        connection.execute(update(search_indexes).where(search_indexes.c.id == index).values(role="live"))


def finish_some(connection: Connection, repository: RepositoryName) -> bool:
    """Finishes a part of the index that is being filled, else of the live one; False where nothing is left to do."""
    index = find_index(connection, repository, "next") or find_index(connection, repository, "live")
    return index is not None and full_text(connection).finish_some(connection, index)


def retire_all(connection: Connection, repository: RepositoryName) -> None:
    """No index of the repository is searched or filled from now on."""
    dialect.wait_turn(connection, f"search {repository}")
    for role in ("live", "next"):
        _retire(connection, repository, role)


def _retire(connection: Connection, repository: RepositoryName, role: str) -> None:
    mine = search_indexes.c.repository == repository, search_indexes.c.role == role
    connection.execute(update(search_indexes).where(*mine).values(role="dead"))


def sweep_some(connection: Connection) -> bool:
    """Deletes some rows of a dead index, at last its tables; False where there is none."""
    dead = select(search_indexes.c.id).where(search_indexes.c.role == "dead").limit(1)
    index = connection.execute(dead).scalar_one_or_none()
    if index is None:
        return False
    some = select(search_documents.c.id).where(search_documents.c.index_id == index).limit(_SWEEP)
    ids = connection.execute(some).scalars().all()
    if ids:
        _forget(connection, ids)
        return True
    full_text(connection).drop(connection, index)
    connection.execute(delete(search_counts).where(search_counts.c.index_id == index))
    connection.execute(delete(search_indexes).where(search_indexes.c.id == index))
    return True
