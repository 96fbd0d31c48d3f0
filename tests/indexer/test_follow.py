"""While the server runs, whatever moves a ref on disk is projected, with or without a hook."""

import asyncio
import contextlib
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from indexer import follow
from registry.bootstrap import Registry, open_registry
from registry.domain.catalogue import TemplateFilter
from registry.domain.errors import Unavailable
from registry.domain.ids import RepositoryName
from registry.ports.git import GitStore
from registry.process_kinds import ProcessKind
from registry.services import late_repositories, maintenance
from registry.settings import Settings
from tests.databases import address_of, migrated_database
from tests.pushing import REPOSITORY, Pusher, text_template

T = "prompts/{}.prompt.yaml"


@pytest.fixture
async def following(tmp_path: Path) -> AsyncIterator[Registry]:
    """A registry that follows; the timer is so slow that only watching can be what is seen."""
    async with open_registry(Settings(data=tmp_path, reconcile_seconds=300)) as registry:
        registry.git.create(REPOSITORY)
        task = asyncio.create_task(follow.run(registry))
        while not registry.indexing.ready():
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)  # the kernel's watches are set up in a thread
        yield registry
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def listed(registry: Registry, repository: RepositoryName, wanted: list[str]) -> bool:
    """Whether the list of templates becomes what is wanted within five seconds."""
    for _ in range(250):
        page = await registry.templates.list_templates(repository, TemplateFilter())
        if [entry.name for entry in page.items] == wanted:
            return True
        await asyncio.sleep(0.02)
    return False


def move(registry: Registry, repository: RepositoryName, *arguments: str) -> None:
    subprocess.run(["git", "-C", registry.git.path(repository), *arguments], check=True, capture_output=True)


async def test_a_ref_moved_without_a_hook_is_seen(following: Registry) -> None:
    commit = Pusher(following).commit({T.format("a"): text_template()})
    move(following, REPOSITORY, "update-ref", "refs/heads/main", commit)
    assert await listed(following, REPOSITORY, ["a"])


async def test_packed_refs_are_seen(following: Registry) -> None:
    first = Pusher(following).commit({T.format("a"): text_template()})
    move(following, REPOSITORY, "update-ref", "refs/heads/main", first)
    assert await listed(following, REPOSITORY, ["a"])
    move(following, REPOSITORY, "pack-refs", "--all")
    second = Pusher(following).commit({T.format("b"): text_template("b {{ name }}")}, parent=first)
    move(following, REPOSITORY, "update-ref", "refs/heads/main", second)
    assert await listed(following, REPOSITORY, ["a", "b"])


async def test_a_repository_made_later_is_followed_too(following: Registry) -> None:
    other = RepositoryName("other")
    following.git.create(other)
    await asyncio.sleep(0.3)
    commit = Pusher(following, other).commit({T.format("a"): text_template()})
    move(following, other, "update-ref", "refs/heads/main", commit)
    assert await listed(following, other, ["a"])


async def test_the_timer_alone_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def deaf(_folder: Path, _names: object) -> AsyncIterator[set[RepositoryName]]:
        raise OSError(28, "inotify watch limit reached")
        yield set()

    monkeypatch.setattr(follow, "watch_refs", deaf)
    async with open_registry(Settings(data=tmp_path, reconcile_seconds=0.1)) as registry:
        registry.git.create(REPOSITORY)
        task = asyncio.create_task(follow.run(registry))
        commit = Pusher(registry).commit({T.format("a"): text_template()})
        move(registry, REPOSITORY, "update-ref", "refs/heads/main", commit)
        assert await listed(registry, REPOSITORY, ["a"])
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_what_could_not_be_projected_for_now_is_projected_soon_after_without_another_hint(
    following: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_repositories, "LATE_SECONDS", 0.3)
    refused = asyncio.Event()

    async def away(_batch: object) -> None:
        refused.set()
        raise Unavailable("The catalogue is away.")

    with monkeypatch.context() as patched:
        patched.setattr(following.indexing._projection, "apply", away)
        commit = Pusher(following).commit({T.format("a"): text_template()})
        move(following, REPOSITORY, "update-ref", "refs/heads/main", commit)
        await asyncio.wait_for(refused.wait(), 5)
    assert await listed(following, REPOSITORY, ["a"])


async def test_while_one_is_late_no_other_is_compared_again_and_again(
    following: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_repositories, "LATE_SECONDS", 0.01)
    opened: Counter[RepositoryName] = Counter()
    other = RepositoryName("other")
    following.git.create(other)
    await Pusher(following).land({T.format("a"): text_template()})

    readable = following.git.open

    def half_readable(repository: RepositoryName, **how: Path | None) -> GitStore:
        opened[repository] += 1
        if repository == REPOSITORY:
            raise Unavailable("The disk is away.")
        return readable(repository, **how)

    monkeypatch.setattr(following.git, "open", half_readable)
    with pytest.raises(Unavailable):
        await following.indexing.poke(REPOSITORY)
    while opened[REPOSITORY] < 20:
        await asyncio.sleep(0.01)
    assert opened[other] < 5, "that it was made may be noticed late"


@pytest.fixture(params=[ProcessKind.SERVE, ProcessKind.GIT])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[ProcessKind, Settings]]:
    """A kind of process with repositories of its own, and its settings."""
    settings = Settings(data=tmp_path, reconcile_seconds=300)
    if request.param is ProcessKind.SERVE:
        yield request.param, settings
        return
    with migrated_database() as name:
        yield request.param, settings.model_copy(update={"database_url": SecretStr(address_of(name))})


async def test_repositories_are_maintained_beside(
    kept: tuple[ProcessKind, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "FIRST_SECONDS", 0.0)
    kind, settings = kept
    async with open_registry(settings) as registry:
        registry.git.create(REPOSITORY)
        await Pusher(registry).land({T.format("a"): text_template()})
    async with open_registry(settings, kind) as registry:
        task = asyncio.create_task(follow.run(registry))
        packs = registry.git.path(REPOSITORY) / "objects/pack"
        for _ in range(250):
            if list(packs.glob("*.pack")):
                break
            await asyncio.sleep(0.02)
        assert list(packs.glob("*.pack"))
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_what_hinders_a_look_is_told_once_until_one_succeeds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(follow, "LOST_LOOK_SECONDS", 0.0)
    hindrances = iter(["the disk is full", "it is away", "the disk is full", "it is away", "", "it is away"])

    async def look() -> None:
        if reason := next(hindrances, "it is away"):
            raise Unavailable(reason)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            await follow._look_again_and_again("the tables", look)
    said = [record.message.rpartition(": ")[2] for record in caplog.records if record.levelname == "WARNING"]
    assert said == ["the disk is full", "it is away", "it is away"]
