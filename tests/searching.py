"""Search indexes of every kind for their suites, with what those put in and ask."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from registry.adapters.sql.engine import Database
from registry.adapters.sql.outbox import SqlOutbox
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.search_index import SqlSearchIndex
from registry.adapters.sql.template_index import SqlTemplateIndex
from registry.domain.catalogue import Fed, ProjectionBatch, SearchDocument
from registry.domain.search import Query, SearchPage
from registry.ports.search_index import CountedSearchIndex
from registry.services.search_feed import SearchFeed
from tests.indexes import elasticsearch
from tests.projected import plain_facts


class Engine(NamedTuple):
    """An index over a catalogue; ``bounded``: it looks at so many candidates and no more."""

    index: CountedSearchIndex
    database: Database
    bounded: bool = True


@asynccontextmanager
async def open_engine(place: Path | str, *, beside: bool) -> AsyncIterator[Engine]:
    """The catalogue's own index, or ``beside`` it that of Elasticsearch."""
    database = await Database.open(place, seconds=10)
    if beside:
        async with elasticsearch(SqlTemplateIndex(database)) as index:
            yield Engine(index, database, bounded=False)
    else:
        yield Engine(SqlSearchIndex(database), database)
    await database.close()


def document(
    name: str, body: str = "", ordinal: int = 1, repository: str = "default", **facts: object
) -> SearchDocument:
    """A document of a chat template, with what a test wants otherwise."""
    owners = facts.pop("owners", ())
    labels = facts.pop("labels", ())
    return SearchDocument(repository, name, ordinal, plain_facts(**facts), body, owners, labels)  # type: ignore[arg-type]


async def pages(index: CountedSearchIndex, query: Query) -> list[SearchPage]:
    """Every page of a list."""
    all_pages = [await index.search(query)]
    while (cursor := all_pages[-1].next_cursor) is not None:
        all_pages.append(await index.search(replace(query, cursor=cursor)))
    return all_pages


async def told(engine: Engine, batch: ProjectionBatch | None = None) -> None:
    """The catalogue has a batch (else it asks for a whole new index), and the index what that made."""
    beside = engine.index if isinstance(engine.index, SqlSearchIndex) else None
    outbox = SqlOutbox(engine.database, fed=Fed.OWN if beside else Fed.ENGINE)
    if batch is not None:
        await SqlProjection(engine.database, index=beside, fed=(Fed.OWN, Fed.ENGINE)).apply(batch)
    else:
        await outbox.fill("default")
    await SearchFeed(outbox=outbox, index=engine.index).drain()
