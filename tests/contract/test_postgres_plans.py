"""On PostgreSQL too no hot query walks a table: plans on some thousand templates, which ``docs/catalogue.md`` shows."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event

from registry.adapters.sql import postgres_hot
from registry.adapters.sql.engine import Database
from registry.adapters.sql.outbox import SqlOutbox
from registry.adapters.sql.postgres_engine import PostgresDatabase
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.read_ledger import SqlReadLedger
from registry.adapters.sql.search_index import SqlSearchIndex
from registry.adapters.sql.version_index import SqlVersionIndex
from registry.domain.catalogue import Fed, SearchDocument
from registry.domain.ids import CommitId
from registry.domain.reads import ReadState
from tests.contract import test_query_plans
from tests.contract.test_query_plans import BESIDE, DAY, LATER, Hot, make_urgent
from tests.databases import address_of, migrated_database
from tests.projected import History, plain_facts

PAGE = Path(__file__).parents[2] / "docs" / "catalogue.md"
MANY = 4_000
NAMES = ["f/a", *(f"g{number % 40}/the-name-of-a-template-{number}" for number in range(MANY))]
STEP = 60
OLDER_COMMITS = """
INSERT INTO commits (build_id, ordinal, "commit", author_name, author_email, committed_at, subject)
SELECT live_build, -n, decode(md5(n::text), 'hex'), 'Kim', 'kim@example.com', n, 'Change ' || n
FROM repositories, generate_series(1, 20000) AS n WHERE name = 'default'
"""
OLDER_REMOVALS = """
INSERT INTO removals (build_id, ordinal, name, version)
SELECT live_build, -n, 'gone/' || n, 1 FROM repositories, generate_series(1, 20000) AS n WHERE name = 'default'
"""
BEING_FILLED = """
INSERT INTO outbox (repository_id, kind, name, ordinal)
SELECT id, kind, entries.name, 1
FROM repositories, (
    SELECT 'engine-renew' AS kind, '' AS name UNION ALL SELECT 'engine-swap', ''
    UNION ALL SELECT 'engine-document', 'f/' || n FROM generate_series(1, 100000) AS n
    UNION ALL SELECT 'engine-text', '1:f/' || n FROM generate_series(1, 100000) AS n
) AS entries
WHERE repositories.name = 'default'
"""
"""What a rebuild puts into the outbox."""
LAST = """
UPDATE outbox SET sequence = nextval('outbox_sequence_seq')
FROM repositories WHERE repositories.id = repository_id AND repositories.name = 'beside'
"""
TIP: list[tuple[CommitId | None, int]] = []
TURNS = count()


async def _read_many_at_once(database: Database) -> None:
    """So many that most are asked for together."""
    await asyncio.gather(
        *(SqlVersionIndex(database).find_selected("default", name, label="prod") for name in NAMES[:8])
    )


QUERIES = test_query_plans.QUERIES | {"read many by label at once": _read_many_at_once}
del QUERIES["count what waits"]  # it looks at all of it, whichever way is the shorter one just then
SMALL = {"repositories", "builds", "search_indexes", "search_counts", "users", "keys", "grants", "group_members"}
"""What may be walked: a row a repository, a line a facet value, a few accounts."""
WALKED = {
    "search words in old texts too": {"templates", "versions", "bodies"},
    "read a bundle": {"templates"},
    "read the bundle of latest": {"templates", "versions", "closures"},
}
"""And by which query what else: what takes most rows of a table may as well read it from one end to the other."""


class Generic(tuple[Any, ...]):
    """What is given to a hot statement, whose plan is made without looking at it."""

    __slots__ = ()


def explained(connection: Connection, statement: str, parameters: Any, *, how: str = "") -> Mapping[str, Any]:
    """The plan of a statement as the program's connection for it makes it."""
    if not isinstance(parameters, Generic):
        found = connection.exec_driver_sql(f"EXPLAIN ({how}FORMAT JSON) {statement}", parameters)
    else:
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_generic_plan")
        connection.exec_driver_sql(f"PREPARE hot AS {statement}")
        given = ", ".join(map(literal, parameters))
        found = connection.exec_driver_sql(f"EXPLAIN ({how}FORMAT JSON) EXECUTE hot{f'({given})' if given else ''}")
        connection.exec_driver_sql("DEALLOCATE hot")
        connection.exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")
    plan: Mapping[str, Any] = found.scalar_one()[0]["Plan"]
    return plan


def literal(value: object) -> str:
    """A value as SQL has it. EXECUTE takes no parameters."""
    if isinstance(value, list | tuple):
        return f"ARRAY[{', '.join(map(literal, value))}]"
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'::bytea"
    return str(value) if isinstance(value, int) else "'{}'".format(str(value).replace("'", "''"))


@pytest.fixture(scope="module")
def filled() -> Iterator[str]:
    """The address of a database with many templates, documents and reads."""

    async def fill(address: str) -> None:
        database = await Database.open(address, seconds=60)
        history, projection = History(), SqlProjection(database)
        facts = {name: plain_facts(tags=("t",) if at % 50 == 0 else ("u",)) for at, name in enumerate(NAMES)}
        for start in range(0, MANY + 1, STEP):
            part = NAMES[start : start + STEP]
            files = {name: '{% include "p" %}' + name if at % 3 else f"text {name}" for at, name in enumerate(part)}
            given = files | {"p": "part"} if start == 0 else files
            labels = {("prod" if at % 9 == 0 else "next", name): 1 for at, name in enumerate(part)}
            chosen = {name: facts[name] for name in part}
            await projection.apply(history.commit(given, facts=chosen, labels=labels, replay=True, final=False))
        await projection.apply(history.commit({"last": "1"}, replay=True))
        TIP[:] = [(history.tip, history.ordinal)]
        index = SqlSearchIndex(database)
        documents = [
            SearchDocument("default", name, 1, facts[name], f"some {'words' if at % 400 == 0 else 'text'} {name} " * 30)
            for at, name in enumerate(NAMES)
        ]
        await index.put(documents)
        counted = {(ReadState("default", name, 1, None), "key"): 1 for name in NAMES}
        await SqlReadLedger(database).add(DAY, counted)

        await make_urgent(database)

        def enlarge(connection: Connection) -> None:
            for statement in (OLDER_COMMITS, OLDER_REMOVALS, BEING_FILLED, LAST, "ANALYZE"):
                connection.exec_driver_sql(statement)

        await database.write(enlarge)
        await database.close()

    with migrated_database() as name:
        asyncio.run(fill(address_of(name)))
        yield address_of(name)


@pytest.fixture
async def hot(filled: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hot]:
    database = await Database.open(filled, seconds=60)
    assert isinstance(database, PostgresDatabase)
    statements: list[tuple[str, object]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: Any, _x: object, many: bool) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            statements.append((statement, tuple(parameters[0]) if many else parameters))

    for engine in (database._reading, database._writing):
        event.listen(engine.sync_engine, "before_cursor_execute", note)
    asked = postgres_hot.HotConnections.fetch

    async def fetch(self: Any, statement: Any, values: Mapping[str, Any], seconds: float) -> Any:
        sql, given = postgres_hot.prepared(statement, values)
        statements.append((sql, Generic(given)))
        return await asked(self, statement, values, seconds)

    monkeypatch.setattr(postgres_hot.HotConnections, "fetch", fetch)
    yield Hot(database, statements)
    await database.close()


def nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The steps of a plan, from above."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


async def plan_of(hot: Hot, name: str) -> list[tuple[str, str, str]]:
    """What everything that a query runs does with which table, by which index, each once."""
    tip, ordinal = TIP[0]
    LATER.tip, LATER.ordinal = tip, ordinal + next(TURNS)  # another text each time, so that there is a version
    hot.statements.clear()
    if name in {"project a commit", "index a document"}:  # they are undone, so that the next test finds the same
        await _run_undone(hot, name)
    else:
        await QUERIES[name](hot.database)
    ran = list(hot.statements)

    def explain(connection: Connection) -> list[tuple[str, str, str]]:
        steps = []
        for statement, parameters in ran:
            plan = explained(connection, statement, parameters)
            steps += [
                (node["Node Type"], node.get("Relation Name", ""), node.get("Index Name", "")) for node in nodes(plan)
            ]
        return list(dict.fromkeys(steps))

    return await hot.database.read(explain)


async def _run_undone(hot: Hot, name: str) -> None:
    written = hot.database.write

    class Undone(Exception):
        pass

    async def write(work: Any, **how: Any) -> Any:
        def undone(connection: Connection) -> None:
            work(connection)
            raise Undone

        return await written(undone, **how)

    hot.database.write = write  # type: ignore[method-assign]
    try:
        with pytest.raises(Undone):
            await QUERIES[name](hot.database)
    finally:
        hot.database.write = written  # type: ignore[method-assign]


@pytest.mark.parametrize("name", QUERIES)
async def test_a_hot_query_walks_no_table(hot: Hot, name: str) -> None:
    steps = await plan_of(hot, name)
    assert steps
    allowed = SMALL | WALKED.get(name, set())
    assert [step for step in steps if step[0] == "Seq Scan" and step[1] not in allowed] == []


@pytest.mark.parametrize("name", QUERIES)
async def test_the_page_names_the_indexes(hot: Hot, name: str) -> None:
    """After a change of a query or an index, copy what the assertion says into the page."""
    used = {index for _, table, index in await plan_of(hot, name) if index and table not in SMALL}
    shown = ", ".join(f"`{index}`" for index in sorted(used - {f"pk_{table}" for table in SMALL})) or "–"
    assert f"| {name} | {shown} |\n" in PAGE.read_text()


@pytest.mark.parametrize(
    "name",
    ["take what is urgent from the outbox", "whether something waits", "whether something of a repository waits"],
)
async def test_what_waits_beside_a_rebuild_is_found_without_looking_at_all_of_it(hot: Hot, name: str) -> None:
    hot.statements.clear()
    await QUERIES[name](hot.database)
    ran = list(hot.statements)

    def explain(connection: Connection) -> list[float]:
        looked = []
        for statement, parameters in ran:
            plan = explained(connection, statement, parameters, how="ANALYZE, ")
            steps = [node for node in nodes(plan) if node.get("Relation Name") == "outbox"]
            looked += [(n["Actual Rows"] + n.get("Rows Removed by Filter", 0)) * n["Actual Loops"] for n in steps]
        return looked

    looked = await hot.database.read(explain)
    assert looked
    assert sum(looked) < 20, "of 200,000"


async def test_of_a_repository_that_is_not_being_filled_what_waits_is_urgent(hot: Hot) -> None:
    urgent = SqlOutbox(hot.database, fed=Fed.ENGINE, urgent=True)
    assert [(entry.repository, entry.name) for entry in await urgent.pending()] == [(BESIDE, "a"), (BESIDE, "b")]
