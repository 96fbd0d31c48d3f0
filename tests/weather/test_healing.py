"""What was lost, emptied, or put back to an older state: the reconciler, which runs by itself, makes it whole again."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import redis.asyncio

from indexer import follow
from registry.background import running
from registry.bootstrap import Registry, open_registry
from registry.domain.catalogue import PROJECTION_SCHEMA
from registry.domain.errors import Unauthenticated, Unavailable
from registry.domain.ids import CommitId
from registry.domain.roles import Scope
from registry.domain.search import Query
from registry.domain.selectors import Selector
from registry.services import snapshots
from registry.settings import Settings
from tests.backing import elasticsearch_url, postgres_url, redis_url
from tests.databases import address_of, empty, fetch_sql, migrated_database
from tests.pushing import REPOSITORY, Pusher, text_template
from tests.services.test_indexing import (  # noqa: F401 - they run here on the server tier
    test_a_rebuild_beside_a_writing_server_loses_nothing,
    test_rebuild_gives_the_same_projection,
    test_two_rebuilds_at_once_and_one_that_is_killed,
)

T = "prompts/{}.prompt.yaml"
HEALING_SECONDS = 25.0
"""What is lost is looked for every five seconds, and everything compared every thirty; the machine may be busy."""


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The address of a database that the tests use one after the other."""
    with migrated_database() as name:
        yield address_of(name)


@pytest.fixture
async def registry(tmp_path: Path, database: str) -> AsyncIterator[Registry]:
    """A registry on PostgreSQL, Elasticsearch and Redis, with nothing in it but an empty repository."""
    assert postgres_url()
    empty(database)
    settings = Settings(
        data=tmp_path / "data",
        render_workers=1,
        database_url=database,
        elasticsearch_url=elasticsearch_url(),
        redis_url=redis_url(),
        namespace=f"heal-{uuid4().hex[:8]}",
    ).patient()
    async with open_registry(settings) as opened:
        opened.git.create(REPOSITORY)
        yield opened
    async with httpx.AsyncClient(base_url=elasticsearch_url()) as client:
        await _delete_indexes(client, settings.namespace)


@pytest.fixture
def pusher(registry: Registry) -> Pusher:
    return Pusher(registry)


async def _delete_indexes(client: httpx.AsyncClient, namespace: str) -> int:
    """Deletes the indexes of a namespace: how many there were."""
    named = (await client.get(f"/_cat/indices/{namespace}*?format=json&expand_wildcards=all")).json()
    for each in named:
        assert (await client.delete(f"/{each['index']}")).status_code == 200
    return len(named)


@asynccontextmanager
async def heals(registry: Registry) -> AsyncIterator[None]:
    """A server's own loop runs beside, with the usual timers, and makes whole again what the block damages."""
    running = asyncio.create_task(follow.run(registry))
    try:
        while not registry.indexing.ready():
            await asyncio.sleep(0.05)
        yield
        until = time.monotonic() + HEALING_SECONDS
        while not await _is_whole(registry):
            assert time.monotonic() < until, await registry.verifying.verify(REPOSITORY)
            await asyncio.sleep(0.2)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _is_whole(registry: Registry) -> bool:
    page = await registry.search.search(Query(REPOSITORY, "refund"))
    found = [hit.name for hit in page.hits], page.degraded
    return found == (["a"], False) and await registry.verifying.verify(REPOSITORY) == []


async def some_history(pusher: Pusher) -> None:
    await pusher.land({T.format("a"): text_template("refund {{ name }}"), T.format("b"): text_template("b {{ name }}")})
    await pusher.land({T.format("b"): text_template("second {{ name }}")})


async def test_an_elasticsearch_that_lost_its_index(registry: Registry, pusher: Pusher) -> None:
    await some_history(pusher)
    async with heals(registry), httpx.AsyncClient(base_url=elasticsearch_url()) as client:
        assert await _delete_indexes(client, registry.settings.namespace)
        page = await registry.search.search(Query(REPOSITORY, "refund b"))
        assert page.degraded
        assert {hit.name for hit in page.hits}


async def test_an_empty_postgresql(
    registry: Registry, pusher: Pusher, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "LOOK_SECONDS", 0.05)
    await some_history(pusher)
    key = (await registry.accounts.ensure_administrator()).read_text().strip()
    assert registry.snapshots is not None
    assert registry.git_reads is not None
    await registry.snapshots.catch_up(REPOSITORY)
    async with running(registry.snapshots.run()), heals(registry):
        empty(database)
        with pytest.raises(Unavailable, match="still being read from Git"):
            await registry.templates.read(REPOSITORY, "a", Selector())
        async with asyncio.timeout(HEALING_SECONDS):
            while await registry.indexing.checkpoint(REPOSITORY) is None:
                await asyncio.sleep(0.05)
                assert (await registry.git_reads.read(REPOSITORY, "b", Selector())).version == 2
            while (new := registry.accounts.key_path.read_text().strip()) == key:
                await asyncio.sleep(0.1)
    assert (await registry.identification.authenticate(new)).scope is Scope.ADMIN
    with pytest.raises(Unauthenticated, match="Make one with: promptuary key create"):
        await registry.identification.authenticate(key)
    assert not await registry.accounts.restore_administrator(), "there is one"


async def test_a_flushed_redis(registry: Registry, pusher: Pusher) -> None:
    await some_history(pusher)
    assert (await registry.templates.read(REPOSITORY, "a", Selector())).version == 1
    async with heals(registry), redis.asyncio.from_url(redis_url()) as client:
        async for key in client.scan_iter(f"{registry.settings.namespace}*"):
            await client.delete(key)
        assert (await registry.templates.read(REPOSITORY, "a", Selector())).version == 1


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE builds SET schema = 1",
        f"UPDATE builds SET commit = '{'f' * 40}'",
        "UPDATE repositories SET live_build = NULL",
        "DELETE FROM outbox",
    ],
)
async def test_a_checkpoint_that_does_not_fit(registry: Registry, pusher: Pusher, database: str, damage: str) -> None:
    await some_history(pusher)
    async with heals(registry):
        await pusher.land({T.format("c"): text_template("c {{ name }}")})  # the catalogue's own full text is fed later
        assert fetch_sql(f"{damage} RETURNING 1", address=database), "nothing was damaged"
        async with asyncio.timeout(HEALING_SECONDS):
            while not await _is_projected(registry, pusher.tip()):
                await asyncio.sleep(0.1)


async def _is_projected(registry: Registry, tip: CommitId | None) -> bool:
    reached = await registry.indexing.checkpoint(REPOSITORY)
    return reached is not None and (reached.commit, reached.schema) == (tip, PROJECTION_SCHEMA)


async def test_a_repository_that_was_restored_from_an_older_backup(registry: Registry, pusher: Pusher) -> None:
    await pusher.land({T.format("a"): text_template("refund {{ name }}"), T.format("b"): text_template("b {{ name }}")})
    bare = registry.git.path(REPOSITORY)
    backup = shutil.copytree(bare, bare.parents[1] / "last-week.git")
    for number in range(3):
        await pusher.land({T.format("b"): text_template(f"lost {number} {{{{ name }}}}")})
    async with heals(registry):
        shutil.rmtree(bare)
        backup.rename(bare)
    assert (await registry.templates.read(REPOSITORY, "b", Selector())).version == 1
    async with heals(registry):
        await Pusher(registry).land({T.format("b"): text_template("another second {{ name }}")})
    assert "another second" in (await registry.templates.read(REPOSITORY, "b", Selector(version=2))).source
