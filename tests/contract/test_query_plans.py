"""No hot query reads a whole table: the plans that SQLite makes, which are those that ``docs/catalogue.md`` shows."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Connection, event

from registry.adapters.sql.accounts import SqlKeys
from registry.adapters.sql.bundles import SqlBundleIndex
from registry.adapters.sql.engine import Database
from registry.adapters.sql.event_log import SqlEventLog
from registry.adapters.sql.outbox import SqlOutbox
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.read_ledger import SqlReadLedger
from registry.adapters.sql.search_index import SqlSearchIndex
from registry.adapters.sql.template_index import SqlTemplateIndex
from registry.adapters.sql.version_index import SqlVersionIndex
from registry.adapters.sql.version_origins import SqlVersionOrigins
from registry.domain.catalogue import Fed, OutboxEntry, SearchDocument, SortBy, TemplateFilter
from registry.domain.events import BEGINNING
from registry.domain.ids import RepositoryName
from registry.domain.reads import ReadsBy, ReadState
from registry.domain.search import Query
from tests.projected import History, blob_of, plain_facts

PAGE = Path(__file__).parents[2] / "docs" / "catalogue.md"
DAY = date(2026, 3, 6)
SMALL = {
    "repositories",
    "builds",
    "search_indexes",
    "search_counts",
    "json_each",
    "CONSTANT",
    "keys",
    "some",
    "n",
}
"""What may be walked: a row a repository, a line a facet value, a list that the query brings."""
WALKED = {"take from the outbox": "outbox", "count what waits": "outbox", "search words in old texts too": "old"}
"""And by which query what else: a queue from its front, what is counted, and what is looked through."""


class Hot(NamedTuple):
    database: Database
    statements: list[tuple[str, object]]


@pytest.fixture
async def hot(catalogue_path: Path) -> AsyncIterator[Hot]:
    database = await Database.open(catalogue_path)
    history = History()
    facts = plain_facts(tags=("t",))
    await SqlProjection(database).apply(history.commit({"f/a": "1"}, facts={"f/a": facts}, labels={("prod", "f/a"): 1}))
    await SqlSearchIndex(database).put([SearchDocument("default", "f/a", 1, facts, "some words")])
    await SqlReadLedger(database).add(DAY, {(ReadState("default", "f/a", 1, None), "key"): 1})
    await make_urgent(database)
    statements: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, _x: object, _many: object) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            statements.append((statement, parameters))

    for engine in (database._reading, database._writing):
        event.listen(engine, "before_cursor_execute", note)
    yield Hot(database, statements)
    await database.close()


async def make_urgent(database: Database) -> None:
    """A repository that has documents for the search engine which somebody waits for."""
    history, projection = History(BESIDE), SqlProjection(database, fed=(Fed.ENGINE,))
    await projection.apply(history.commit({"a": "1"}))
    outbox = SqlOutbox(database, fed=Fed.ENGINE)
    await outbox.done([entry for entry in await outbox.pending(5_000) if entry.repository == BESIDE])
    await projection.apply(history.commit({"a": "2", "b": "1"}))


BESIDE = RepositoryName("beside")
LATER = History()
LATER.commit({"f/a": "1"})

QUERIES: dict[str, Callable[[Database], Awaitable[object]]] = {
    "find a template": lambda d: SqlTemplateIndex(d).find_template("default", "f/a"),
    "find what search shows of templates": lambda d: SqlTemplateIndex(d).find_standings("default", ["f/a", "f/b"]),
    "list by name": lambda d: SqlTemplateIndex(d).list_templates("default", TemplateFilter()),
    "list by name, filtered": lambda d: SqlTemplateIndex(d).list_templates(
        "default", TemplateFilter(tag="t", folder="f")
    ),
    "list newest first": lambda d: SqlTemplateIndex(d).list_templates("default", TemplateFilter(), sort=SortBy.UPDATED),
    "list newest first, filtered": lambda d: SqlTemplateIndex(d).list_templates(
        "default", TemplateFilter(tag="t"), sort=SortBy.UPDATED
    ),
    "read bodies": lambda d: SqlTemplateIndex(d).read_bodies("default", [blob_of("1")]),
    "nearest names": lambda d: SqlTemplateIndex(d).nearest_names("default", "f/aaaaaa"),
    "find a version": lambda d: SqlVersionIndex(d).find_version("default", "f/a", 1),
    "read by label": lambda d: SqlVersionIndex(d).find_selected("default", "f/a", label="prod"),
    "read by number": lambda d: SqlVersionIndex(d).find_selected("default", "f/a", version=1),
    "read the default": lambda d: SqlVersionIndex(d).find_selected("default", "f/a"),
    "resolve a digest": lambda d: SqlVersionOrigins(d).with_digest("default", "00" * 8),
    "versions that commits made": lambda d: SqlVersionOrigins(d).made_by("default", ["f/a"], ["0" * 40]),
    "list versions": lambda d: SqlVersionIndex(d).list_versions("default", "f/a"),
    "labels of a word": lambda d: SqlVersionIndex(d).list_labels("default", "prod"),
    "history of a label": lambda d: SqlVersionIndex(d).label_history("default", "prod", "f/a"),
    "what has happened": lambda d: SqlEventLog(d).since("default", BEGINNING, 10),
    "count reads of a template": lambda d: SqlReadLedger(d).counts("default", DAY, DAY, by=list(ReadsBy), name="f/a"),
    "find a key": lambda d: SqlKeys(d).find("aa"),
    "read the checkpoint": lambda d: SqlProjection(d).checkpoint("default"),
    "project a commit": lambda d: SqlProjection(d).apply(LATER.commit({"f/a": f"{LATER.ordinal}"})),
    "take from the outbox": lambda d: SqlOutbox(d).pending(),
    "take what is urgent from the outbox": lambda d: SqlOutbox(d, fed=Fed.ENGINE, urgent=True).pending(),
    "documents of what is urgent": lambda d: SqlOutbox(d, fed=Fed.ENGINE, urgent=True).documents(
        [OutboxEntry(1, BESIDE, "a", 1), OutboxEntry(2, BESIDE, "b", 1)]
    ),
    "whether something waits": lambda d: SqlOutbox(d, fed=Fed.ENGINE).waits(),
    "whether something of a repository waits": lambda d: SqlOutbox(d, fed=Fed.ENGINE).waits("default", texts=False),
    "count what waits": lambda d: SqlOutbox(d, fed=Fed.ENGINE).depth(),
    "search words": lambda d: SqlSearchIndex(d).search(Query("default", "words")),
    "search nothing": lambda d: SqlSearchIndex(d).search(Query("default", "")),
    "search words in old texts too": lambda d: SqlSearchIndex(d).search(Query("default", "words", versions=True)),
    "search what is alike": lambda d: SqlSearchIndex(d).search(Query("default", "", like="f/a")),
    "suggest names": lambda d: SqlSearchIndex(d).suggest("default", "f/a", 10),
    "read a bundle": lambda d: SqlBundleIndex(d).members("default", "prod", folder=None, limit=1_000),
    "read the bundle of latest": lambda d: SqlBundleIndex(d).members("default", "latest", folder=None, limit=1_000),
    "read the bundle of a folder": lambda d: SqlBundleIndex(d).members("default", "prod", folder="f", limit=1_000),
    "index a document": lambda d: SqlSearchIndex(d).put([SearchDocument("default", "f/a", 2, plain_facts(), "new")]),
}


async def plan_of(hot: Hot, name: str) -> list[str]:
    """The steps of everything that a query runs, each once."""
    LATER.commit({"f/a": "another text, so that there is a version"})
    LATER.tip, LATER.ordinal = History().commit().commit, 1
    hot.statements.clear()
    await QUERIES[name](hot.database)
    ran = list(hot.statements)

    def explain(connection: Connection) -> list[str]:
        steps = []
        for statement, parameters in ran:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps += [re.sub(r" (VIRTUAL TABLE INDEX) .*", r" \1", row.detail) for row in rows]
        return list(dict.fromkeys(steps))

    return await hot.database.read(explain)


@pytest.mark.parametrize("name", QUERIES)
async def test_a_hot_query_walks_no_table(hot: Hot, name: str) -> None:
    steps = await plan_of(hot, name)
    assert steps
    allowed = SMALL | {WALKED.get(name, "")}
    scanned = [step for step in steps if step.startswith("SCAN") and step.split()[1] not in allowed]
    assert [step for step in scanned if "VIRTUAL TABLE INDEX" not in step] == []


@pytest.mark.parametrize("name", QUERIES)
async def test_the_page_shows_the_plan_as_it_is(hot: Hot, name: str) -> None:
    """After a change of a query or an index, copy what the assertion says into the page."""
    shown = [
        step for step in await plan_of(hot, name) if step.startswith(("SEARCH", "SCAN")) and "json_each" not in step
    ]
    section = f"**{name}**\n\n```text\n" + "\n".join(shown) + "\n```\n"
    assert section in PAGE.read_text()
