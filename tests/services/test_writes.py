"""Turns of writes on a disk that fails."""

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path

from registry.adapters.git import LocalRepositories
from registry.adapters.git.store import Pygit2Store
from registry.adapters.local.clock import SystemClock
from registry.bootstrap import Registry
from registry.domain.errors import Unavailable
from registry.domain.ids import RepositoryName
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
        return Pygit2Store(self.path(name), quarantine=quarantine, syncfs=self._on)


async def test_a_flush_that_fails_fails_the_whole_turn(registry: Registry, pusher: Pusher) -> None:
    before = await pusher.land({"prompts/first.prompt.yaml": text_template()})
    disk = FailingDisk()
    git = OnDisk(registry.settings.repositories, disk.syncfs)
    writes = Writes(git=git, gate=registry.gate, indexing=registry.indexing, clock=SystemClock())

    async def write(name: str) -> Committed:
        files = {f"prompts/{name}.prompt.yaml": text_template().encode()}
        return await writes.submit(REPOSITORY, MAIN, lambda _base: files, actor=AUTHOR, message="write")

    failed = await asyncio.gather(write("a"), write("b"), return_exceptions=True)
    assert [str(each) for each in failed if isinstance(each, Unavailable)] == [
        "Cannot flush the new objects to the disk: the disk reports an error: check it, then run git fsck."
    ] * 2
    assert pusher.tip() == before
    assert disk.asked == 1, "asked again, the disk says that all is well"
    both = await asyncio.gather(write("c"), write("d"))
    assert [done.changed for done in both] == [True, True]
    assert pusher.tip() == both[1].commit
    await writes.close()


async def test_while_a_turn_is_made_readable_the_next_is_committed_but_none_after_that(
    registry: Registry, pusher: Pusher
) -> None:
    tips = [await pusher.land({"prompts/first.prompt.yaml": text_template()})]

    def write(name: str) -> asyncio.Task[Committed]:
        files = {f"prompts/{name}.prompt.yaml": text_template().encode()}
        submitting = registry.writes.submit(REPOSITORY, MAIN, lambda _base: files, actor=AUTHOR, message=name)
        return asyncio.create_task(submitting)

    answers = []
    async with asyncio.timeout(30), registry.indexing._locks[REPOSITORY]:  # nothing is projected meanwhile
        for name in ("a", "b"):
            answers.append(write(name))
            while pusher.tip() in tips:
                await asyncio.sleep(0.01)
            tips.append(pusher.tip())
        answers.append(write("c"))
        done, _ = await asyncio.wait(answers, timeout=0.3)
        assert not done, "nothing can be read yet"
    assert [(await answer).commit for answer in answers][:2] == tips[1:]
    checkpoint = await registry.indexing.checkpoint(REPOSITORY)
    assert checkpoint is not None
    assert checkpoint.commit == pusher.tip() != tips[-1], "the third one, too"
