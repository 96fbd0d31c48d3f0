"""Repositories are packed while the server runs: when it is time, without loss, and beside readers and writers."""

import asyncio
import logging
import subprocess
from pathlib import Path

import pytest

from registry.bootstrap import Registry, open_registry
from registry.domain.errors import Unavailable
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.selectors import Selector
from registry.services.maintenance import FIRST_SECONDS, RETRY_SECONDS, Maintenance, Schedule
from registry.settings import Settings
from tests.pushing import REPOSITORY, Pusher, text_template

T = "prompts/{}.prompt.yaml"
A = TemplateName("a")


def git(registry: Registry, *arguments: str) -> str:
    command = ["git", "-C", str(registry.git.path(REPOSITORY)), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def loose(registry: Registry) -> int:
    return int(git(registry, "count-objects").split()[0])


class Noted:
    """Notes what is asked for; what ``fails`` raises."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails = False

    def extend_commit_graph(self, _name: RepositoryName) -> None:
        self.asked.append("graph")

    def maintain(self, _name: RepositoryName) -> None:
        self.asked.append("pack")
        if self.fails:
            raise Unavailable("The disk is full.")

    def taken(self) -> list[str]:
        asked, self.asked = self.asked, []
        return asked


@pytest.fixture
def upkeep() -> Noted:
    return Noted()


@pytest.fixture
def look(registry: Registry, upkeep: Noted) -> Maintenance:
    projection = registry.indexing._projection
    return Maintenance(git=registry.git, upkeep=upkeep, projection=projection)


async def test_loose_objects_become_packed_and_reads_go_on(registry: Registry, pusher: Pusher) -> None:
    unreachable = pusher.commit({T.format("a"): text_template("never pushed {{ name }}")})
    for number in range(20):
        await pusher.land({T.format("a"): text_template(f"{number} {{{{ name }}}}")})
    assert loose(registry) > 60
    await registry.maintenance.look(0)
    looking = asyncio.create_task(registry.maintenance.look(FIRST_SECONDS))
    reads = 0
    while not looking.done() or not reads:
        read = await registry.templates.read(REPOSITORY, A, Selector(ref="main"))
        assert "19" in read.source
        reads += 1
        if reads == 3:
            await pusher.land({T.format("b"): text_template("meanwhile {{ name }}")})
        await asyncio.sleep(0)
    await looking
    assert loose(registry) < 15
    assert git(registry, "fsck", "--strict", "--no-dangling") == ""
    assert git(registry, "cat-file", "-t", unreachable).strip() == "commit"
    assert git(registry, "commit-graph", "verify") == ""
    assert git(registry, "multi-pack-index", "verify", "--no-progress") == ""
    assert_made_fast(registry)
    assert await registry.verifying.verify(REPOSITORY) == []


def assert_made_fast(registry: Registry) -> None:
    """One index over all packs, and a commit graph that knows changed paths; Git's own checks pass without either."""
    objects = registry.git.path(REPOSITORY) / "objects"
    assert (objects / "pack/multi-pack-index").is_file()
    graphs = objects / "info/commit-graphs"
    chain = (graphs / "commit-graph-chain").read_text().split()
    assert chain
    for each in chain:
        assert b"BDAT" in chunks_of((graphs / f"graph-{each}.graph").read_bytes()), "no filters of changed paths"


def chunks_of(graph: bytes) -> set[bytes]:
    """The names of a commit graph file's parts: after eight bytes a table, twelve bytes for each."""
    return {graph[place : place + 4] for place in range(8, 8 + graph[6] * 12, 12)}


async def test_a_pack_is_durable_with_its_index_before_loose_objects_go(registry: Registry) -> None:
    assert "pack-metadata" in git(registry, "config", "core.fsync").strip().split(",")


SECONDS_BETWEEN = Schedule().seconds


async def test_once_some_minutes_after_the_start_then_daily(look: Maintenance, upkeep: Noted) -> None:
    times = (0, FIRST_SECONDS - 1, FIRST_SECONDS, FIRST_SECONDS + 10, FIRST_SECONDS + SECONDS_BETWEEN)
    done = []
    for now in times:
        await look.look(now)
        done.append(upkeep.taken())
    assert done == [[], [], ["pack"], [], ["pack"]]


async def test_never_where_that_is_set(look: Maintenance, upkeep: Noted, pusher: Pusher) -> None:
    look._schedule = Schedule(seconds=0, commits=1)
    await look.look(0)
    await pusher.land({T.format("a"): text_template("1 {{ name }}")})
    await look.look(FIRST_SECONDS * 1000)
    assert upkeep.taken() == ["graph"], "the commit graph grows all the same"


async def test_the_schedule_is_set(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data", maintenance_hours=2, maintenance_commits=7)
    async with open_registry(settings) as opened:
        assert opened.maintenance._schedule == Schedule(seconds=7200, commits=7)


async def test_after_many_commits(look: Maintenance, upkeep: Noted, pusher: Pusher) -> None:
    look._schedule = Schedule(commits=2)
    await look.look(0)
    await look.look(FIRST_SECONDS)
    assert upkeep.taken() == ["pack"]
    await pusher.land({T.format("a"): text_template("1 {{ name }}")})
    await look.look(FIRST_SECONDS + 10)
    await look.look(FIRST_SECONDS + 20)
    assert upkeep.taken() == ["graph"]
    await pusher.land({T.format("a"): text_template("2 {{ name }}")})
    await look.look(FIRST_SECONDS + 30)
    assert upkeep.taken() == ["pack"]


async def test_what_fails_is_logged_and_tried_again_later(
    look: Maintenance, upkeep: Noted, caplog: pytest.LogCaptureFixture
) -> None:
    upkeep.fails = True
    await look.look(0)
    await look.look(FIRST_SECONDS)
    assert "The disk is full." in caplog.text
    await look.look(FIRST_SECONDS + 10)
    assert upkeep.taken() == ["pack"]
    upkeep.fails = False
    await look.look(FIRST_SECONDS + RETRY_SECONDS)
    await look.look(FIRST_SECONDS + RETRY_SECONDS + 10)
    assert upkeep.taken() == ["pack"]


async def test_what_fails_during_a_purge_is_no_warning(
    registry: Registry, look: Maintenance, upkeep: Noted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (registry.git.path(REPOSITORY) / "promptuary-purge").write_text('{"said": {}}')
    upkeep.fails = True
    await look.look(0)
    await look.look(FIRST_SECONDS)
    told = [each.levelname for each in caplog.records if "maintenance of" in each.message]
    assert told == ["INFO"]


async def test_packing_again_and_again_while_many_read_and_write(registry: Registry, pusher: Pusher) -> None:
    """Packs come and go under open handles, with the index over all of them; nothing is missed, nothing lost."""
    await pusher.land({T.format("a"): text_template("0 {{ name }}")})
    ended = asyncio.Event()
    packed = 0

    async def pack() -> None:
        nonlocal packed
        while not ended.is_set():
            await asyncio.to_thread(registry.git.maintain, REPOSITORY)  # type: ignore[attr-defined]
            packed += 1

    async def read() -> None:
        while not ended.is_set():
            found = await registry.templates.read(REPOSITORY, A, Selector(ref="main"))
            assert "{{ name }}" in found.source
            with registry.git.open(REPOSITORY) as store:
                tip = store.resolve("main")
                assert tip is not None
                await asyncio.to_thread(store.log, tip, T.format("a"), 5)
                assert [content for _, content in store.read([e.id for e in store.entries(tip, "prompts/")])]

    working = [asyncio.create_task(each()) for each in (pack, read, read)]
    for number in range(30):
        await pusher.land(
            {T.format("a"): text_template(f"{number} {{{{ name }}}}"), T.format(f"n{number}"): text_template()}
        )
    ended.set()
    await asyncio.gather(*working)
    assert packed >= 3
    await asyncio.to_thread(registry.git.maintain, REPOSITORY)  # type: ignore[attr-defined]
    assert git(registry, "fsck", "--strict", "--no-dangling") == ""
    assert git(registry, "multi-pack-index", "verify", "--no-progress") == ""
    assert int(git(registry, "rev-list", "--count", "main")) == 31
    assert await registry.verifying.verify(REPOSITORY) == []


async def test_a_collection_by_hand_leaves_young_objects(registry: Registry, pusher: Pusher) -> None:
    assert git(registry, "config", "gc.pruneExpire").strip() == "2.weeks.ago"
    unreachable = pusher.commit({T.format("a"): text_template("never pushed {{ name }}")})
    await pusher.land({T.format("a"): text_template("1 {{ name }}")})
    git(registry, "-c", "gc.pruneExpire=2.weeks.ago", "gc", "-q")
    assert git(registry, "cat-file", "-t", unreachable).strip() == "commit"
