"""Turns of writes on a disk that fails."""

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from registry.adapters.git import LocalRepositories
from registry.adapters.git.comparisons import Comparisons
from registry.adapters.git.store import Pygit2Store
from registry.adapters.local.clock import SystemClock
from registry.bootstrap import Registry
from registry.domain.errors import Unavailable
from registry.domain.ids import RepositoryName
from registry.services import writes
from registry.services.news import Journal
from registry.services.writes import Committed, Writes
from tests.pushing import AUTHOR, MAIN, REPOSITORY, Pusher, text_template


class FailingDisk:
    """Tells a failure once, like Linux: for whoever asks again everything that can be written has been."""

    def __init__(self) -> None:
        self.asked = 0

    def syncfs(self, _descriptor: int) -> None:
        self.asked += 1
        if self.asked == 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


class OnDisk(LocalRepositories):
    """The repositories, on a disk of the test's."""

    def __init__(self, root: Path, syncfs: Callable[[int], None]) -> None:
        super().__init__(root, hook_command="/nowhere/promptuary")
        self._on = syncfs

    def open(self, name: RepositoryName, *, quarantine: Path | None = None) -> Pygit2Store:
        return Pygit2Store(self.path(name), comparisons=Comparisons(), quarantine=quarantine, syncfs=self._on)


async def test_a_flush_that_fails_fails_the_whole_turn(registry: Registry, pusher: Pusher) -> None:
    before = await pusher.land({"prompts/first.prompt.yaml": text_template()})
    disk = FailingDisk()
    git = OnDisk(registry.settings.repositories, disk.syncfs)
    queues = Writes(
        git=git,
        gate=registry.gate,
        indexing=registry.indexing,
        journal=Journal(),
        moves=registry.ref_audit,
        clock=SystemClock(),
    )

    async def write(name: str) -> Committed:
        files = {f"prompts/{name}.prompt.yaml": text_template().encode()}
        return await queues.submit(REPOSITORY, MAIN, lambda _base: files, actor=AUTHOR, message="write")

    failed = await asyncio.gather(write("a"), write("b"), return_exceptions=True)
    assert [str(each) for each in failed if isinstance(each, Unavailable)] == [
        "Cannot flush the new objects to the disk: the disk reports an error: check it, then run git fsck."
    ] * 2
    assert pusher.tip() == before
    assert disk.asked == 1, "asked again, the disk says that all is well"
    both = await asyncio.gather(write("c"), write("d"))
    assert [done.changed for done in both] == [True, True]
    assert pusher.tip() == both[1].commit
    await queues.close()


async def test_who_writes_on_at_once_joins_the_others(
    registry: Registry, pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pusher.land({"prompts/first.prompt.yaml": text_template()})
    monkeypatch.setattr(writes, "JOIN_SECONDS", 20.0)
    turns: list[int] = []
    commit = registry.writes._commit

    async def counted(*given: Any) -> Any:
        turns.append(len(given[-1]))
        return await commit(*given)

    monkeypatch.setattr(Writes, "_commit", lambda _self, *given: counted(*given))

    async def write(name: str) -> None:
        files = {f"prompts/{name}.prompt.yaml": text_template().encode()}
        await registry.writes.submit(REPOSITORY, MAIN, lambda _base: files, actor=AUTHOR, message="write")

    async def write_on(writer: int) -> None:
        for number in range(4):
            await write(f"by/w{writer}n{number}")
            await asyncio.sleep(0.01 * writer)

    await asyncio.gather(*(write_on(writer) for writer in range(6)))
    assert turns == [6] * 4
    monkeypatch.setattr(writes, "JOIN_SECONDS", 0.05)
    await write("later")
    assert turns[4:] == [1], "one who comes alone is kept for a moment only"
    monkeypatch.setattr(writes, "JOIN_SECONDS", 1_000.0)
    await write("later-still")
    assert turns[5:] == [1], "after a turn of one nobody is waited for"


async def test_a_full_turn_waits_for_nobody(
    registry: Registry, pusher: Pusher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pusher.land({"prompts/first.prompt.yaml": text_template()})
    monkeypatch.setattr(writes, "JOIN_SECONDS", 1_000.0)
    monkeypatch.setattr(writes, "WRITES_IN_A_TURN", 4)
    files = [{f"prompts/n{number}.prompt.yaml": text_template().encode()} for number in range(12)]
    submitting = (
        registry.writes.submit(REPOSITORY, MAIN, lambda _base, f=each: f, actor=AUTHOR, message="write")
        for each in files
    )
    assert all(done.changed for done in await asyncio.gather(*submitting))
