"""Repositories are packed while the server runs: when it is time, without loss, and beside readers and writers."""

import asyncio
import subprocess

import pytest

from registry.bootstrap import Registry
from registry.domain.errors import Unavailable
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.selectors import Selector
from registry.services import maintenance
from registry.services.maintenance import FIRST_SECONDS, RETRY_SECONDS, SECONDS_BETWEEN, Maintenance
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
    assert await registry.verifying.verify(REPOSITORY) == []


async def test_a_pack_is_durable_with_its_index_before_loose_objects_go(registry: Registry) -> None:
    assert "pack-metadata" in git(registry, "config", "core.fsync").strip().split(",")


async def test_once_some_minutes_after_the_start_then_daily(look: Maintenance, upkeep: Noted) -> None:
    times = (0, FIRST_SECONDS - 1, FIRST_SECONDS, FIRST_SECONDS + 10, FIRST_SECONDS + SECONDS_BETWEEN)
    done = []
    for now in times:
        await look.look(now)
        done.append(upkeep.taken())
    assert done == [[], [], ["pack"], [], ["pack"]]


async def test_after_many_commits(
    look: Maintenance, upkeep: Noted, pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "COMMITS_BETWEEN", 2)
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
