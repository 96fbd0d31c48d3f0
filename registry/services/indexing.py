"""Keeping the read model equal to Git. Every hook, watch event and message is a hint; this compares and catches up."""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from registry.domain.catalogue import Checkpoint, ProjectionBatch
from registry.domain.errors import Conflict, PromptuaryError, RefMoved, Unavailable
from registry.domain.ids import CommitId, RefName, RepositoryName
from registry.domain.versions import VersionState
from registry.ports.events import EventBus
from registry.ports.git import GitStore, Repositories
from registry.ports.projection import Projection
from registry.services.checking import Checker
from registry.services.feeding import Feeding
from registry.services.index_status import IndexStatus, ProjectionReport, status_of
from registry.services.late_repositories import LateRepositories
from registry.services.meters import Meters, Work
from registry.services.news import Journal, news
from registry.services.projecting import BatchBuilder, Parsed, Walk
from registry.services.states import Projected, States
from registry.services.tree_changes import chain_after

log = logging.getLogger(__name__)

FEEDING_TRIES = 6
"""How often a rebuild feeds the search index until all is there: a server beside it may feed the same meanwhile."""

Progress = Callable[[int, int], None]
"""Called with commits done and commits in all."""


def no_progress(_done: int, _total: int) -> None:
    """Shows nothing."""


class Indexing:
    """Projects the default branch of every repository into catalogue and search index."""

    def __init__(
        self,
        *,
        git: Repositories,
        projection: Projection,
        states: States,
        feeding: Feeding,
        checker: Checker,
        events: EventBus,
        journal: Journal,
        meters: Meters | None = None,
    ) -> None:
        self._git = git
        self._projection = projection
        self._states = states
        self._feeding = feeding
        self._checker = checker
        self._events = events
        self._journal = journal
        self._meters = meters or Meters()
        self._locks: defaultdict[RepositoryName, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._unfed: list[bool] = []  # of what was put into the outbox, whether an index begins with it
        self._seen: dict[RepositoryName, dict[RefName, CommitId]] = {}
        self._parsed = Parsed()
        self._ready = False
        self._late = LateRepositories()

    def ready(self) -> bool:
        """Whether everything that was there at the start has been projected."""
        return self._ready

    async def poke(self, repository: RepositoryName) -> ProjectionReport:
        """Projects up to the present tip of the default branch into the catalogue. Idempotent.

        The search index is fed meanwhile; ``fed`` waits for that.
        """
        started = time.perf_counter()
        async with self._locks[repository]:
            try:
                batches = await self._catch_up(repository, no_progress)
            except Unavailable:
                self._late.add(repository)
                raise
            self._late.discard(repository)
            spent = (time.perf_counter() - started) * 1000
            self._journal.note(batches, spent)
        if self._unfed:
            self._feeding.start(anew=any(self._unfed))
            self._unfed.clear()
        return ProjectionReport(batches[-1].commit if batches else None, spent)

    async def fed(self) -> None:
        """Waits until the search index has what was projected, but not for long where a rebuild keeps it busy."""
        await self._feeding.wait()

    async def reconcile(self) -> None:
        """Compares every repository's refs with what has been projected and catches up."""
        caught_up = await self._compare(self._git.names())
        fed = await self._feeding.catch_up(self._git.names())
        self._ready = self._ready or (fed and caught_up)

    async def rest(self, seconds: float) -> None:
        """Until it is time to reconcile: soon, where that never got through; else what is late is tried till then."""
        until = time.monotonic() + seconds
        while late := await self._late.due(until - time.monotonic()):
            if not self._ready:
                return
            await self._compare(late)

    async def _compare(self, repositories: Sequence[RepositoryName]) -> bool:
        """Compares some, and catches up; whether all of them were."""
        return all([await self._catches_up(repository) for repository in repositories])

    async def _catches_up(self, repository: RepositoryName) -> bool:
        level = logging.INFO if repository in self._late else logging.WARNING
        self._late.discard(repository)
        try:
            await self._doubt(repository)
            await self.poke(repository)
        except PromptuaryError as error:
            if isinstance(error, Unavailable):
                self._late.add(repository)
            log.log(level, "projection of %s failed, will be tried again: %s", repository, error.message)
        except Exception:
            log.exception("projection of %s failed, will be tried again", repository)
        else:
            return True
        return False

    async def keep_fed(self) -> None:
        """Feeds what is late, and has made anew what got lost elsewhere. Does nothing where all is here.

        That goes for the catalogue, too: somebody may have emptied it.
        """
        if not (self._feeding.reaches_out and self._ready):
            return
        for repository in self._git.names():
            with suppress(PromptuaryError):  # tried again by whoever feeds, or reconciles
                if not self._locks[repository].locked() and await self._doubt(repository, refs_too=False):
                    await self.poke(repository)
        await self._feeding.catch_up(self._git.names())

    async def _doubt(self, repository: RepositoryName, *, refs_too: bool = True) -> bool:
        """Forgets what is held of a repository where somebody else changed the catalogue: whether that was so."""
        async with self._locks[repository]:
            differs = await self._states.compare(repository)
            if differs or refs_too:
                self._seen.pop(repository, None)
            return differs

    async def rebuild(self, repository: RepositoryName, progress: Progress = no_progress) -> ProjectionReport:
        """Makes catalogue and search index of a repository anew from Git alone; reads go on meanwhile."""
        started = time.perf_counter()
        async with self._locks[repository]:
            self._states.forget(repository)
            with self._git.open(repository) as store:
                batches = await self._replay(repository, store, progress)
            # What another process (a server beside this command) projected during the last batch has to be there too.
            self._seen.pop(repository, None)
            batches += await self._catch_up(repository, no_progress)
        await self._feeding.drain(tries=FEEDING_TRIES)
        commit = batches[-1].commit if batches else None
        return ProjectionReport(commit, (time.perf_counter() - started) * 1000)

    async def checkpoint(self, repository: RepositoryName) -> Checkpoint | None:
        """How far the repository has been projected; None where it never was. Changes whenever a read could."""
        return await self._projection.checkpoint(repository)

    async def status(self, repository: RepositoryName | None = None) -> list[IndexStatus]:
        """How far each repository is projected."""
        depth = await self._feeding.depth()
        names = [repository] if repository else self._git.names()
        return [await status_of(self._git, self._projection, name, depth) for name in names]

    async def waiting(self) -> int:
        """How many templates the search index has not got yet. Raises Unavailable."""
        return await self._feeding.depth()

    async def close(self) -> None:
        """Lets the feeding of the search index end, but not for long; what is left waits in the outbox."""
        await self._feeding.close()

    async def _catch_up(self, repository: RepositoryName, progress: Progress) -> list[ProjectionBatch]:
        """Projects what is missing; tries again where another process projected meanwhile."""
        for _ in range(5):
            try:
                with self._git.open(repository) as store:
                    return await self._follow(repository, store, progress)
            except Conflict:
                self._states.forget(repository)
                self._seen.pop(repository, None)
        raise RefMoved(f"The projection of {repository} keeps being moved by another process; try again.")

    async def _follow(self, repository: RepositoryName, store: GitStore, progress: Progress) -> list[ProjectionBatch]:
        refs = store.refs()
        seen = self._seen.get(repository)
        if refs == seen:
            return []
        default = self._git.default_branch(repository)
        others_moved = seen is None or {**seen, default: refs.get(default)} != refs
        await self._projection.put_refs(repository, refs if others_moved else None)
        batches = await self._follow_branch(repository, store, refs.get(default), progress)
        self._seen[repository] = refs
        return batches

    async def _follow_branch(
        self, repository: RepositoryName, store: GitStore, tip: CommitId | None, progress: Progress
    ) -> list[ProjectionBatch]:
        if tip is None:
            return []
        # The held state is the checkpoint's unless another process has projected; then ``apply`` raises Conflict.
        state = await self._states.nearest(repository)
        if state.commit == tip:
            return []
        chain = chain_after(store, tip, state.commit)
        if state.commit is None or chain is None:
            return await self._replay(repository, store, progress)
        return await self._project(repository, store, state, chain, progress)

    async def _replay(self, repository: RepositoryName, store: GitStore, progress: Progress) -> list[ProjectionBatch]:
        """The full replay: from the root, beside the live rows, which it replaces with its last batch."""
        tip = store.resolve(self._git.default_branch(repository))
        if tip is None:
            await self._projection.drop(repository)
            return []
        chain = store.first_parents(tip) or []
        return await self._project(repository, store, Projected(None, 0, VersionState()), chain, progress, replay=True)

    def _grown(self, repository: RepositoryName, store: GitStore, chain: Sequence[CommitId]) -> Sequence[CommitId]:
        """A replay's chain with what has landed since it began, so that it never replaces newer rows by older ones."""
        tip = store.resolve(self._git.default_branch(repository))
        return [*chain, *(chain_after(store, tip, chain[-1]) or [])] if tip is not None else chain

    async def _land(self, builder: BatchBuilder, walk: Walk, before: Sequence[asyncio.Task[Any]]) -> ProjectionBatch:
        """Judges what was walked and writes it, after what was walked before."""
        batch = await builder.judge(walk)
        for each in before:
            await each
        if await self._projection.apply(batch):
            self._unfed.append(batch.replay or batch.expected is None)
        self._meters.projected_commits += len(batch.commits)
        self._meters.projected_versions += len(batch.versions)
        if batch.final:
            await self._events.publish(news(batch))
        return batch

    async def _project(
        self,
        repository: RepositoryName,
        store: GitStore,
        state: Projected,
        chain: Sequence[CommitId],
        progress: Progress,
        *,
        replay: bool = False,
    ) -> list[ProjectionBatch]:
        """Writes batch after batch; returns the last two, for what a pusher is told."""
        with self._meters.timed(Work.PROJECTION, repository=repository) as timing:
            batches = await self._project_batches(repository, store, state, chain, progress, replay=replay)
            timing.outcome = "projected"
        return batches

    async def _project_batches(
        self,
        repository: RepositoryName,
        store: GitStore,
        state: Projected,
        chain: Sequence[CommitId],
        progress: Progress,
        *,
        replay: bool,
    ) -> list[ProjectionBatch]:
        ref = self._git.default_branch(repository)
        builder = BatchBuilder(repository=repository, ref=ref, checker=self._checker, store=store, parsed=self._parsed)
        landing: list[asyncio.Task[ProjectionBatch]] = []
        done = 0
        try:
            while done < len(chain):
                walk = await builder.walk(state, chain[done:])
                done += len(walk.batch.commits)
                if replay and done == len(chain):
                    chain = self._grown(repository, store, chain)
                walk = walk.marked(replay=replay, final=not replay or done == len(chain))
                if len(landing) > 1:
                    await landing[0]
                # While one batch is written, the next is judged, and the one after that numbered.
                landing = [*landing[-1:], asyncio.create_task(self._land(builder, walk, landing[-1:]))]
                progress(done, len(chain))
            batches = [await each for each in landing]
        except BaseException:
            await asyncio.gather(*landing, return_exceptions=True)
            # The state has gone further than what was written: read it anew next time.
            self._states.forget(repository)
            raise
        self._states.hold(repository, state)
        return batches
