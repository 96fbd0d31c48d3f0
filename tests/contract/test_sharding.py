"""Repositories in two databases: each has its rows in one, everybody sees both, and one can be moved."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import asyncpg
import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import bindparam, func, select

from registry.adapters.sql.engine import Database
from registry.adapters.sql.known_repositories import KnownRepositories
from registry.adapters.sql.outbox import SqlOutbox
from registry.adapters.sql.projection import SqlProjection
from registry.adapters.sql.read_ledger import SqlReadLedger
from registry.adapters.sql.search_index import SqlSearchIndex
from registry.adapters.sql.sharding import ShardedDatabase
from registry.adapters.sql.template_index import SqlTemplateIndex
from registry.bootstrap import Registry, open_registry
from registry.disk import health_of
from registry.domain.health import Grade
from registry.domain.ids import RepositoryName
from registry.domain.reads import ReadState
from registry.domain.search import Query
from registry.domain.selectors import Selector
from registry.services.projecting import COMMITS_AT_ONCE
from registry.services.search_feed import SearchFeed
from registry.settings import Settings
from tests.backing import elasticsearch_url
from tests.contract.test_read_ledger import FRIDAY
from tests.databases import address_of, fetch_sql, migrated_database, run_sql
from tests.indexes import forget_indexes
from tests.projected import History
from tests.stock import DEFAULT, stock, write_files

COMMITS = COMMITS_AT_ONCE + 50
"""Two batches of a replay."""
ONE, TWO = RepositoryName("one"), RepositoryName("two")
PROMPTUARY = Path(sys.executable).with_name("promptuary")


class Two(NamedTuple):
    database: Database
    main: str
    shard: str


@pytest.fixture(scope="module")
def addresses() -> Iterator[tuple[str, str]]:
    with migrated_database() as main, migrated_database() as shard:
        yield address_of(main), address_of(shard)


@pytest.fixture
def unpaired(addresses: tuple[str, str]) -> tuple[str, str]:
    """The same for a data folder of the test's own: they know no other one."""
    run_sql("DELETE FROM registry", address=addresses[0])
    return addresses


@pytest.fixture
async def two(addresses: tuple[str, str]) -> AsyncIterator[Two]:
    """A main database, and a shard with the repository ``two``."""
    main, shard = [await Database.open(address, seconds=10) for address in addresses]
    database = ShardedDatabase(main, {"b": shard}, {TWO: "b"})
    yield Two(database, *addresses)
    await database.close()


def names_in(address: str) -> list[str]:
    return [row[0] for row in fetch_sql("SELECT name FROM repositories ORDER BY name", address=address)]


async def test_each_repository_lies_in_its_own_database_and_both_are_served(two: Two) -> None:
    index = SqlSearchIndex(two.database)
    projection, outbox = SqlProjection(two.database, index=index), SqlOutbox(two.database)
    histories = {ONE: History(ONE), TWO: History(TWO)}
    for name, history in histories.items():
        await projection.apply(history.commit({"a": f"text: word {name}", f"of-{name}": "text: more"}))
    assert await outbox.depth() == 8
    await SearchFeed(outbox=outbox, index=index).drain()
    assert await outbox.depth() == 0
    assert (names_in(two.main), names_in(two.shard)) == (["one"], ["two"])
    for name, history in histories.items():
        assert await SqlTemplateIndex(two.database).find_template(name, f"of-{name}") is not None
        assert [hit.name for hit in (await index.search(Query(name, str(name)))).hits] == [f"of-{name}", "a"]
        assert not await projection.apply(history.commit({"a": "text: changed"}))
        checkpoint = await projection.checkpoint(name)
        assert checkpoint is not None
        assert checkpoint.ordinal == 2
    known = KnownRepositories(two.database)
    await known.refresh()
    assert known.names() == [ONE, TWO]
    await SqlReadLedger(two.database).add(FRIDAY, {(ReadState(TWO, "a", 1, None), None): 3})
    assert (await SqlReadLedger(two.database).counts(TWO, FRIDAY, FRIDAY, by=[])).total == 3
    assert fetch_sql("SELECT count(*) FROM read_counts", address=two.shard)[0][0] == 0
    await projection.drop(TWO)
    assert (names_in(two.main), names_in(two.shard)) == (["one"], [])


async def test_what_a_moved_repository_left_in_the_outbox_is_nobodys(two: Two) -> None:
    main, shard = two.database.every()
    for left_in, name in ((shard, "back"), (main, TWO)):
        await SqlProjection(left_in).apply(History(name).commit({"x": "text: x", "y": "text: y"}))
    outbox = SqlOutbox(two.database)
    assert (await outbox.depth(), await outbox.pending()) == (0, [])
    await SqlProjection(two.database).apply(History(TWO).commit({"a": "text: a"}))
    assert await outbox.depth() == 3, "RENEW, the document, SWAP"
    assert [(entry.repository, entry.kind.value) for entry in await outbox.pending(1)] == [(TWO, "renew")]
    for database, name in ((shard, "back"), (main, TWO), (shard, TWO)):
        await SqlProjection(database).drop(RepositoryName(name))


def test_a_place_that_is_none_is_told() -> None:
    url = "postgresql://db/promptuary"
    for given, said in [
        ({"database_places": "team=two"}, "team in two, which is no shard"),
        ({"database_shards": "two=postgresql://db/two"}, "needs PROMPTUARY_DATABASE_URL"),
        ({"database_url": url, "database_places": "team"}, "a list of repository=name"),
    ]:
        with pytest.raises(ValidationError, match=said):
            Settings(**given)


@pytest.mark.parametrize("beside", ["nothing", "Elasticsearch"])
async def test_a_repository_is_moved_and_then_lies_there_alone(
    unpaired: tuple[str, str], tmp_path: Path, searching: dict[str, str], beside: str
) -> None:
    main, shard = unpaired
    given = {"data": tmp_path / "data", "sample": False, "render_workers": 1, "database_seconds": 10}
    given |= searching if beside == "Elasticsearch" else {}
    before = Settings(**given, database_url=main, database_shards=f"b={shard}")
    async with open_registry(before) as registry:
        await stock(registry)
        moved = run_move(before, "default", "b")
        assert moved.returncode == 0, moved.stderr
        assert "PROMPTUARY_DATABASE_PLACES='default=b'" in moved.stdout
        # Who still has the old settings goes on with the old place.
        await write_files(registry, {"prompts/late.prompt.yaml": "schema: prompt/v1\ntype: text\ntext: late\n"}, "Late")
        assert (await registry.templates.read(DEFAULT, "late", Selector())).version == 1
    early = run_move(before, "default", "b", "--tidy")
    assert early.returncode == 1
    assert "is not in b yet" in early.stderr
    after = Settings(**given, database_url=main, database_shards=f"b={shard}", database_places="default=b")
    async with open_registry(after) as registry:
        await registry.indexing.reconcile()
        assert (await registry.templates.read(DEFAULT, "late", Selector())).version == 1
        async with asyncio.timeout(20):  # old texts are fed beside
            while await registry.verifying.verify(DEFAULT) != []:
                await asyncio.sleep(0.1)
        tidied = run_move(after, "default", "b", "--tidy")
        assert tidied.returncode == 0, tidied.stderr
        assert await registry.verifying.verify(DEFAULT) == []
    assert ("default" in names_in(main), "default" in names_in(shard)) == (False, True)
    assert ill_of(after) == {}
    elsewhere = after.model_copy(update={"database_shards": SecretStr("b=postgresql://kim:hush@127.0.0.1:1/none")})
    assert ill_of(elsewhere) == {("shard b", "postgresql"): "problem", ("shard b", "catalogue"): "problem"}
    unplaced = after.model_copy(update={"database_places": None})
    assert ill_of(unplaced) == {("default", "index"): "warning"}, "the main database has nothing of it"
    assert fetch_sql("SELECT 1 FROM search_indexes WHERE repository = 'default'", address=main) == []


@pytest.fixture
def searching() -> Iterator[dict[str, str]]:
    """The settings of an Elasticsearch that searches in both places."""
    settings = {"elasticsearch_url": elasticsearch_url(), "namespace": f"move-{uuid4().hex[:8]}"}
    yield settings
    forget_indexes(settings["elasticsearch_url"], settings["namespace"])


@pytest.mark.soak
async def test_a_move_that_is_killed_is_begun_again_and_one_leads_back(
    unpaired: tuple[str, str], tmp_path: Path, searching: dict[str, str]
) -> None:
    main, shard = unpaired
    many = RepositoryName("many")
    given = {"data": tmp_path / "data", "sample": False, "render_workers": 1, "database_seconds": 10, **searching}
    before = Settings(**given, database_url=main, database_shards=f"b={shard}")
    after = Settings(**given, database_url=main, database_shards=f"b={shard}", database_places="many=b")
    async with open_registry(before) as registry:
        registry.git.create(many)
        make_commits(registry.git.path(many), COMMITS)
        await registry.indexing.reconcile()
        async with locked_outbox(shard):  # which the last batch alone writes to
            with start_move(before, "many", "b") as moving:
                while not fetch_sql("SELECT 1 FROM repositories WHERE staged_build IS NOT NULL", address=shard):
                    assert moving.poll() is None, moving.communicate()
                    await asyncio.sleep(0.02)
                moving.kill()
        assert fetch_sql("SELECT live_build FROM repositories WHERE name = 'many'", address=shard)[0][0] is None
        assert await registry.verifying.verify(many) == [], "the old place has everything"
        moved = run_move(before, "many", "b")
        assert moved.returncode == 0, moved.stderr
    async with open_registry(after) as registry:
        await assert_whole(registry, many)
        assert run_move(after, "many", "b", "--tidy").returncode == 0
        assert ("many" in names_in(main), "many" in names_in(shard)) == (False, True)
        back = run_move(after, "many", "main")
        assert back.returncode == 0, back.stderr
        assert "PROMPTUARY_DATABASE_PLACES=''" in back.stdout
    async with open_registry(before) as registry:
        await assert_whole(registry, many)
        assert run_move(before, "many", "main", "--tidy").returncode == 0
        assert ("many" in names_in(main), "many" in names_in(shard)) == (True, False)
        await assert_whole(registry, many)


async def assert_whole(registry: Registry, repository: RepositoryName) -> None:
    await registry.indexing.reconcile()
    assert (await registry.templates.read(repository, "a", Selector())).version == COMMITS
    assert not (await registry.search.search(Query(repository, "number"))).degraded
    assert await registry.verifying.verify(repository) == []


@asynccontextmanager
async def locked_outbox(address: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(address)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE outbox IN EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


def make_commits(bare: Path, count: int) -> None:
    """A branch on which each commit changes one template."""
    script = ""
    for number in range(count):
        text = f"schema: prompt/v1\ntype: text\ntext: number {number}\n"
        script += f"commit refs/heads/main\ncommitter A <a@b.c> {1_760_000_000 + number} +0000\ndata 1\nc\n"
        script += f"M 100644 inline prompts/a.prompt.yaml\ndata {len(text)}\n{text}\n"
    subprocess.run(["git", "-C", str(bare), "fast-import", "--quiet"], input=script.encode(), check=True)


def ill_of(settings: Settings) -> dict[tuple[str, str], str]:
    """What ``promptuary doctor`` finds that is not well with the catalogue, by subject and check."""
    health, about = health_of(settings), {"postgresql", "catalogue", "catalogue-pages", "search", "rebuild", "index"}
    found = [
        *health.of_programs(),
        *health.of_catalogue(serving=False, deep=True),
        *health.of_repositories(deep=False),
    ]
    assert len([each for each in found if each.subject == "shard b"]) in {2, 5}
    return {(f.subject, f.check): f.grade.value for f in found if f.check in about and f.grade is not Grade.OK}


def run_move(settings: Settings, *arguments: str) -> "subprocess.CompletedProcess[str]":
    with start_move(settings, *arguments) as moving:
        out, err = moving.communicate(timeout=120)
    return subprocess.CompletedProcess(moving.args, moving.returncode, out, err)


def start_move(settings: Settings, *arguments: str) -> "subprocess.Popen[str]":
    assert settings.database_url is not None
    assert settings.database_shards is not None
    searching = settings.elasticsearch_url
    environment = {
        "PATH": "/usr/bin:/bin",
        "PROMPTUARY_DATA": str(settings.data),
        "PROMPTUARY_DATABASE_URL": settings.database_url.get_secret_value(),
        "PROMPTUARY_DATABASE_SHARDS": settings.database_shards.get_secret_value(),
        "PROMPTUARY_DATABASE_PLACES": settings.database_places or "",
        "PROMPTUARY_DATABASE_SECONDS": "10",
        "PROMPTUARY_NAMESPACE": settings.namespace,
        **({"PROMPTUARY_ELASTICSEARCH_URL": searching.get_secret_value()} if searching is not None else {}),
    }
    command = [str(PROMPTUARY), "index", "move", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def test_the_pools_of_all_databases_are_told(two: Two) -> None:
    before = {use.name: use for use in two.database.pools()}
    assert set(before) == {"hot", "read", "write", "b:hot", "b:read", "b:write"}
    assert before["b:hot"].limit == before["hot"].limit > 1
    waiting = [
        asyncio.create_task(database.fetch(select(func.pg_sleep(bindparam("seconds"))), {"seconds": 0.5}))
        for database in (two.database, two.database.of(TWO), two.database.of(TWO))
    ]
    async with asyncio.timeout(10):
        while {(use.name, use.in_use) for use in two.database.pools() if use.in_use} != {("hot", 1), ("b:hot", 2)}:
            await asyncio.sleep(0.01)
        await asyncio.gather(*waiting)
    after = {use.name: (use.in_use, use.idle) for use in two.database.pools()}
    assert (after["hot"], after["b:hot"]) == ((0, 1), (0, 2))
