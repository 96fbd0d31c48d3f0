"""Feeding search indexes in the background: at once after a batch, and again and again where it failed."""

import asyncio
import itertools
import logging
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from typing import Any

from registry.domain.errors import PromptuaryError, Unavailable
from registry.domain.ids import RepositoryName
from registry.services.search_feed import Feed

log = logging.getLogger(__name__)

FEEDING_SECONDS = 2.0
"""How long somebody who wants to find what he wrote waits for a search index."""

LATER_SECONDS = 2.0
"""After how long what nobody waits for is fed: many batches together."""

RETRY_SECONDS = 1.0
RETRY_AT_MOST_SECONDS = 5.0
"""After how long feeding is tried again where it failed; it doubles up to the second."""


class Feeding:
    """Keeps every search index fed; none waits for another.

    Each of ``whole`` is fed with everything, the catalogue's own first, then a search engine. ``urgent`` is what
    somebody who wrote waits for, where that is less: all else is fed somewhat later then. While the engine is late, the
    catalogue's own is what is searched, and waited for.
    """

    def __init__(self, whole: Sequence[Feed], urgent: Feed | None = None) -> None:
        self._whole = [_Runner(feed) for feed in whole]
        self._urgent = _Runner(urgent) if urgent is not None else None
        self._runners = [*self._whole, *([self._urgent] if self._urgent is not None else [])]

    def _asked(self) -> "_Runner":
        """What somebody waits for now."""
        own, engine = self._whole[0], self._whole[-1]
        return own if self._urgent is None or self._urgent.late or engine.late else self._urgent

    def start(self, *, anew: bool = False) -> None:
        """Begins to feed what was put into the outbox; all of it at once where an index has to be made anew."""
        for runner in self._runners:
            if not runner.feed.is_ours:
                continue
            if anew or runner is self._asked():
                runner.start()
            else:
                runner.start_later()

    async def wait(self) -> None:
        """Until what was started at once is done, for a while; an index that is known to be late is not waited for.

        One that another process feeds is waited for whoever asked for it.
        """
        asked = self._asked()
        if not (asked.feed.is_ours or asked.late):
            asked.start()
        await _wait(self._runners)
        instead = self._asked()
        if instead is not asked and not instead.late:  # the engine has turned out to be so
            instead.start()
            await _wait([instead])

    async def drain(self, tries: int = 1) -> None:
        """Feeds every index with everything. Raises Unavailable where one is away, when the others are done.

        With more ``tries``, where one still is away after so many, a second apart or more.
        """
        results = await asyncio.gather(*(runner.drain(tries) for runner in self._whole), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def catch_up(self, repositories: Iterable[RepositoryName]) -> bool:
        """Feeds every index, and has those made anew that lack something. Whether the first has everything.

        Those that another process feeds are left to it. The first is the catalogue's own: with a search engine that is
        away the registry serves all the same.
        """
        names = list(repositories)
        done = await asyncio.gather(*(runner.catch_up(names) for runner in self._whole))
        return done[0]

    @property
    def reaches_out(self) -> bool:
        """Whether one of the indexes lies elsewhere, where it can get lost while this process runs."""
        return len(self._whole) > 1

    async def depth(self) -> int:
        """How many templates wait to be fed into any index."""
        return sum([await runner.feed.depth() for runner in self._whole])

    async def close(self) -> None:
        """Lets feeding end, but not for long; what is left waits in the outbox."""
        for runner in self._runners:
            runner.hasten()
        await _wait([runner for runner in self._runners if runner.feed.is_ours])
        for runner in self._runners:
            await runner.close()


class _Runner:
    """Feeds one index, one at a time."""

    def __init__(self, feed: Feed) -> None:
        self.feed = feed
        self.late = False
        self.tasks: set[asyncio.Task[bool]] = set()
        """What was started at once, and has not ended."""
        self._others: set[asyncio.Task[bool]] = set()
        self._turn = asyncio.Lock()
        self._queued = False
        self._sleeps = False
        self._retry: asyncio.Task[None] | None = None

    def start(self) -> None:
        if not self._queued:  # else somebody waits for his turn already, and will feed this too
            self._queued = True
            _keep(self.tasks, self._run())

    def start_later(self) -> None:
        if not self._sleeps:
            self._sleeps = True
            _keep(self._others, self._run_later())

    def hasten(self) -> None:
        if self._sleeps:
            self.start()

    async def drain(self, tries: int = 1) -> None:
        for pause in _pauses(tries):
            try:
                return await self._drain()
            except Unavailable as error:
                log.info("feeding the search index is tried again: %s", error.message)
            await asyncio.sleep(pause)
        return await self._drain()

    async def _drain(self) -> None:
        async with self._turn:
            self._queued = False
            await self.feed.drain()
            self.late = False

    async def catch_up(self, repositories: Sequence[RepositoryName]) -> bool:
        if not self.feed.is_ours:
            return True
        if not await self._run():
            return False
        try:
            healing = [await self.feed.heal(repository) for repository in repositories]
        except PromptuaryError as error:
            self._tell_late(error)
            self._try_again()
            return False
        return await self._run() if any(healing) else True

    async def _run_later(self) -> bool:
        await asyncio.sleep(LATER_SECONDS)
        self._sleeps = False  # what is put into the outbox from now on may come too late for this run
        return await self._run()

    async def _run(self) -> bool:
        """Whether the index has everything; what failed stays in the outbox, and is tried again soon."""
        try:
            await self.drain()
        except PromptuaryError as error:
            self._tell_late(error)
            self._try_again()
            return False
        return True

    def _tell_late(self, error: PromptuaryError) -> None:
        """A line for each time that it begins to be late."""
        log.log(logging.INFO if self.late else logging.WARNING, "the search index is late: %s", error.message)
        self.late = True

    def _try_again(self) -> None:
        if self._retry is None or self._retry.done():
            self._retry = asyncio.create_task(self._retrying())

    async def _retrying(self) -> None:
        for pause in _pauses():
            await asyncio.sleep(pause)
            try:
                await self.drain()
            except PromptuaryError as error:
                log.info("the search index is still late: %s", error.message)
            else:
                log.info("the search index has what it missed")
                return

    async def close(self) -> None:
        tasks = [*self.tasks, *self._others, *([self._retry] if self._retry is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _keep(tasks: set[asyncio.Task[bool]], running: Coroutine[Any, Any, bool]) -> None:
    """Runs something beside, as one of some tasks until it ends."""
    task = asyncio.create_task(running)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


def _pauses(tries: int | None = None) -> Iterator[float]:
    """The pauses between so many tries, or without end."""
    pause = RETRY_SECONDS
    for _ in itertools.count() if tries is None else range(tries - 1):
        yield pause
        pause = min(2 * pause, RETRY_AT_MOST_SECONDS)


async def _wait(runners: Sequence[_Runner]) -> None:
    tasks = [task for runner in runners if not runner.late for task in runner.tasks]
    if not tasks:
        return
    _, pending = await asyncio.wait(tasks, timeout=FEEDING_SECONDS)
    for runner in runners:
        runner.late = runner.late or bool(runner.tasks & pending)
