"""What a batch tells the search index: at once where that lies in the same database, else by the outbox."""

import logging
from collections.abc import Sequence

from sqlalchemy import Connection

from registry.adapters.sql.builds import Build
from registry.adapters.sql.dialect import in_transaction, savepoint
from registry.adapters.sql.outbox_rows import any_waits, ask, documents_of, mark
from registry.adapters.sql.search_index import SqlSearchIndex
from registry.domain.catalogue import Fed
from registry.domain.ids import RepositoryName, TemplateName

log = logging.getLogger(__name__)

FED_AT_ONCE = 20
"""A batch that changes more documents leaves them to the outbox: readers of the catalogue do not wait for so many."""


def tell_search(
    connection: Connection,
    index: SqlSearchIndex | None,
    repository: RepositoryName,
    build: Build,
    names: Sequence[TemplateName],
    ordinal: int,
    fed: Sequence[Fed] = (Fed.OWN,),
) -> bool:
    """Brings the documents of some templates into the index, or asks for that; True where the outbox has it now.

    A search engine elsewhere is always fed by the outbox.

    What waits already goes first: a new index that is being filled begins with what the outbox says, so anything that
    overtook it would be missing there.
    """
    waits = False
    if Fed.ENGINE in fed:
        mark(connection, build.repository_id, ordinal)
        ask(connection, build.repository_id, names, ordinal, Fed.ENGINE)
        waits = bool(names)
    if not names or Fed.OWN not in fed:
        return waits
    if index is not None and len(names) <= FED_AT_ONCE and not any_waits(connection, build.repository_id):
        try:
            with savepoint(connection):
                documents = documents_of(connection, repository, dict.fromkeys(names, ordinal))
                gone = sorted(set(names) - {document.name for document in documents})
                index.put_within(connection, repository, documents, gone, ordinal)
        except Exception:
            if not in_transaction(connection):
                raise
            # The catalogue must not stand still because of a document; the outbox tries it again.
            log.exception("the search index could not be fed with %s", ", ".join(names))
        else:
            return waits
    ask(connection, build.repository_id, names, ordinal)
    return True
