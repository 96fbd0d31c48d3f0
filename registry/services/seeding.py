"""Giving a fresh server its first repository: the sample, pushed commit by commit through the real gate."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from registry.domain.access import Actor
from registry.domain.errors import Refused, Unavailable
from registry.domain.ids import ZERO_COMMIT, CommitId, RefName, RepositoryName, UserName
from registry.domain.refs import RefUpdate, Signature
from registry.domain.rights import EVERY_RIGHT
from registry.ports.clock import Clock
from registry.ports.git import GitStore, Repositories
from registry.services.gate import Gate
from registry.services.indexing import Indexing
from registry.services.repositories import DEFAULT
from registry.services.sample import SampleCommit, sample_commits

SEEDER = Actor(UserName("promptuary"), "Promptuary", "promptuary@localhost", EVERY_RIGHT)


class Seeding:
    """Makes the repository ``default`` on a server that has none, with or without the sample in it.

    A marker in the data folder stands from before the repository is made until its last commit: a start after a kill
    goes on where the history ends.
    """

    def __init__(self, *, git: Repositories, gate: Gate, indexing: Indexing, clock: Clock, data: Path) -> None:
        self._git = git
        self._gate = gate
        self._indexing = indexing
        self._clock = clock
        self._marker = data / "seeding"

    def needed(self) -> bool:
        """Whether there is no repository yet, or seeding was cut off."""
        return self._marker.exists() or not self._git.names()

    async def seed(self, *, sample: bool, progress: Callable[[int, int], None]) -> None:
        """Makes the repository; with ``sample``, its whole history. Raises Unavailable."""
        try:
            self._marker.touch()
        except OSError as error:
            raise Unavailable(f"The data folder cannot be written: {error.strerror}.") from error
        if DEFAULT not in self._git.names():
            self._git.create(DEFAULT)
        if sample:
            await self._push_sample(progress)
            await self._indexing.fed()
        self._marker.unlink(missing_ok=True)

    async def _push_sample(self, progress: Callable[[int, int], None]) -> None:
        branch = self._git.default_branch(DEFAULT)
        commits = await asyncio.to_thread(sample_commits)
        with self._git.open(DEFAULT) as store:
            tip = store.resolve(branch)
            there = len(store.first_parents(tip) or []) if tip else 0
            for number, commit in enumerate(commits[there:], start=there + 1):
                tip = await self._push(store, DEFAULT, branch, tip, commit)
                progress(number, len(commits))

    async def _push(
        self, store: GitStore, repository: RepositoryName, branch: RefName, tip: CommitId | None, sample: SampleCommit
    ) -> CommitId:
        author = Signature(sample.author_name, sample.author_email, self._clock.now() - sample.age)
        commit = store.write_commit(tip, sample.changes, author, author, sample.message)
        update = RefUpdate(branch, tip or ZERO_COMMIT, commit)
        verdict = await self._gate.judge_commit(repository, store, update, SEEDER)
        if not verdict.accepted:
            raise Refused(f"The sample's commit {sample.message!r} was refused.", diagnostics=verdict.diagnostics)
        await asyncio.to_thread(store.move, update)
        await self._indexing.poke(repository)
        return commit
