"""Where another process projects: numbering goes on here, and writing means waiting for what that process writes.

``Indexing`` over this is what the Git node has: it numbers the commits itself, because the gate asks for the include
graph and the numbers of the tip, and knows a batch to be readable once the catalogue has come so far.
"""

import asyncio
import time
from contextlib import suppress

from registry.domain.catalogue import Checkpoint, ProjectionBatch
from registry.domain.errors import Unavailable
from registry.domain.ids import CommitId, RefName, RepositoryName
from registry.domain.versions import VersionState
from registry.ports.projection import Projection, WaitingEntries
from registry.ports.signals import Signals, Told

WAIT_SECONDS = 10.0
"""How long a batch is waited for: longer than another indexer takes to lead."""

REPLAY_SECONDS = 900.0
"""The same for a whole replay, which is what an empty catalogue needs."""

REMIND_SECONDS = 0.25
"""How often a hint is repeated, and the catalogue looked at, while nothing is told."""

FED_SECONDS = 1.0
"""How long somebody waits for an index that was fed in time until now."""

FED_LOOK_SECONDS = 0.1
"""How often the outbox is looked at meanwhile, while nothing is told."""


class FollowedProjection:
    """A projection that is read here and written elsewhere."""

    def __init__(self, *, projection: Projection, signals: Signals) -> None:
        self._projection = projection
        self._signals = signals
        self._before: dict[RepositoryName, Checkpoint | None] = {}

    async def checkpoint(self, repository: RepositoryName) -> Checkpoint | None:
        """How far the default branch has been projected; None where it never was."""
        return await self._projection.checkpoint(repository)

    async def apply(self, batch: ProjectionBatch) -> bool:
        """Waits until the catalogue has the batch or more; True: the search index gets it meanwhile.

        Raises Unavailable where no indexer writes it in time.
        """
        if not batch.final:
            return False
        async with self._signals.projections() as told:
            await anext(told)  # as it begins, it tells that something may have been missed
            waiting = _Waiting(REPLAY_SECONDS if batch.replay else WAIT_SECONDS)
            reached = await self._projection.checkpoint(batch.repository)
            before = self._before.pop(batch.repository, reached)
            while not _has(reached, batch, before):
                if waiting.is_over():
                    raise Unavailable(_late(batch, reached))
                if waiting.reminds():
                    await self._signals.hint(batch.repository)
                await _next(told, batch.repository)
                reached = await self._projection.checkpoint(batch.repository)
        return True

    async def load_state(self, repository: RepositoryName) -> VersionState:
        """What numbering needs to go on from the checkpoint of the live rows."""
        return await self._projection.load_state(repository)

    async def put_refs(self, repository: RepositoryName, _refs: dict[RefName, CommitId] | None) -> None:
        """Hints to the indexer, which records them, and numbers and judges at the same time as this process does."""
        self._before.pop(repository, None)
        with suppress(Unavailable):  # a branch that moved has moved, whether or not the catalogue is there
            self._before[repository] = await self._projection.checkpoint(repository)
        await self._signals.hint(repository)

    async def rules(self, repository: RepositoryName) -> object:
        """The parsed ``.registry.yaml`` of the checkpoint as the last batch gave it, or None."""
        return await self._projection.rules(repository)

    async def drop(self, _repository: RepositoryName) -> None:
        """Nothing: the indexer forgets it."""


class FollowedFeed:
    """The search index is fed elsewhere: draining means waiting until nothing waits, for a while.

    Without ``texts``, those that templates had are not waited for.
    """

    is_ours = False

    def __init__(self, *, outbox: WaitingEntries, signals: Signals, texts: bool = True) -> None:
        self._outbox = outbox
        self._signals = signals
        self._texts = texts
        self._late = False

    async def drain(self) -> int:
        """Waits until the outbox is empty, a second at most; feeds nothing itself.

        Raises Unavailable where it is not. From then on it only looks, until the outbox was seen empty.
        """
        until = time.monotonic() + (0.0 if self._late else FED_SECONDS)
        async with self._signals.feeds() as told:
            await anext(told)  # as it begins, it tells that something may have been missed
            while await self._outbox.waits(texts=self._texts):
                if time.monotonic() >= until:
                    self._late = True
                    raise Unavailable(
                        f"{await self.depth()} templates wait to be fed by the indexer (promptuary indexer)."
                    )
                await _any(told)
        self._late = False
        return 0

    async def depth(self) -> int:
        """How many templates wait to be fed."""
        return await self._outbox.depth(texts=self._texts)

    async def heal(self, _repository: RepositoryName) -> bool:
        """Nothing: whoever feeds sees to it."""
        return False


class _Waiting:
    """How long something has been waited for, and whether it is time to hint again."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._remind_at = time.monotonic() + REMIND_SECONDS

    def is_over(self) -> bool:
        return time.monotonic() > self._until

    def reminds(self) -> bool:
        now = time.monotonic()
        due = now >= self._remind_at
        if due:
            self._remind_at = now + REMIND_SECONDS
        return due


def _has(reached: Checkpoint | None, batch: ProjectionBatch, before: Checkpoint | None) -> bool:
    """Whether the catalogue has the batch. A replay's may follow a rewritten history, whose ordinals say nothing."""
    if reached is None:
        return False
    if reached.commit == batch.commit:
        return True
    return reached.ordinal >= batch.ordinal and (not batch.replay or reached != before)


async def _next(told: Told, repository: RepositoryName) -> None:
    """Until something of the repository may have been projected, or it is time to look again."""
    with suppress(TimeoutError):
        async with asyncio.timeout(REMIND_SECONDS):
            while await anext(told) not in {repository, None}:
                pass


async def _any(told: Told) -> None:
    """Until something was fed, or it is time to look again."""
    with suppress(TimeoutError):
        async with asyncio.timeout(FED_LOOK_SECONDS):
            await anext(told)


def _late(batch: ProjectionBatch, reached: Checkpoint | None) -> str:
    upto = f"up to {reached.commit[:10]}" if reached is not None else "not at all"
    return (
        f"{batch.repository} has been projected {upto}, {batch.commit[:10]} comes later: is an indexer running "
        "(promptuary indexer)? Try again in a moment."
    )
