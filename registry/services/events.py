"""Streams of what happens in a repository: resumable, without gap and without repetition.

Streams are fed from the log, which loses nothing; the bus only says when to look at it. What was read is kept for all
subscribers of a repository together, so that a thousand idle ones cost a thousand waiting tasks and nothing more.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from registry.domain.errors import PromptuaryError
from registry.domain.events import (
    END_OF_COMMIT,
    EventFilter,
    EventsMissed,
    PlacedEvent,
    Position,
    RefProjected,
    RepositoryRebuilt,
    read_position,
)
from registry.domain.ids import RepositoryName
from registry.ports.events import EventBus, EventLog
from registry.services import event_feed
from registry.services.event_feed import Feed, Notice, Told, told_of

log = logging.getLogger(__name__)

AT_ONCE = 100
"""Events that a subscriber takes in one go; then others have their turn."""

LOOK_SECONDS = 2.0
"""How often the log is looked at where nothing was told: another process may have projected."""


class Subscription:
    """One subscriber's way through a feed. ``position`` is where it has come to, also past what it does not want.

    Who does not see everything is not shown how much else there is: in his positions the events of a commit are
    numbered as he sees them, and none is told for what he does not see.
    """

    def __init__(self, feed: Feed, wanted: EventFilter, start: Position) -> None:
        self.position = start
        self.ended = False
        self._feed = feed
        self._wanted = wanted
        self._next = feed.total
        self._resets = feed.resets
        self._replayed = start
        self._missed: list[Told] = []
        self._seen = Position(0, 0)
        self._skipped = Position(0, 0)

    async def replay(self, source: EventLog, after: Position | None) -> None:
        """Takes what has happened since ``after``, None being a place that nobody knows, before what happens now."""
        if after is not None and str(after) == str(self.position):
            return
        numbered = after
        if after is not None and not self._wanted.sight.is_whole and after.number != END_OF_COMMIT:
            self._skipped, after = after, Position(after.ordinal, 0, after.commit)
        found = await self._since(source, after) if after is not None else None
        if after is None or found is None:
            self._missed = [Told(self.position, Notice.RESET)]
            return
        seen = self._seen_of(found)
        if len(seen) > event_feed.REPLAYED_AT_MOST:
            self._missed = [Told(self.position, Notice.RESET)]
            return
        self._missed = told_of(seen)
        self._replayed = found[-1].position if found else after
        self.position = numbered or after

    async def _since(self, source: EventLog, after: Position) -> list[PlacedEvent] | None:
        """What happened since; where not everything is seen a long way is read on, as what is hidden does not count."""
        found = await source.since(self._feed.repository, after, event_feed.REPLAYED_AT_MOST)
        if found is None and not self._wanted.sight.is_whole:
            found = await source.since(self._feed.repository, after, event_feed.READ_AT_MOST)
        return found

    def _seen_of(self, found: list[PlacedEvent]) -> list[PlacedEvent]:
        if self._wanted.sight.is_whole:
            return found
        seen = EventFilter(sight=self._wanted.sight)
        return [each for each in found if seen.passes(each.event)]

    async def take(self, seconds: float) -> list[Told]:
        """The next events, in order; none where nothing came for so long, or the stream has ended."""
        until = time.monotonic() + seconds
        while True:
            if self._feed.closed:
                self.ended = True
                return []
            if (told := self._told()) is None:
                left = until - time.monotonic()
                if left <= 0:
                    return []
                await asyncio.wait({self._feed.changed}, timeout=left)
            elif told:
                return told
            else:
                await asyncio.sleep(0)

    def _told(self) -> list[Told] | None:
        """The next events that are wanted, maybe none of some; None where there are no more."""
        feed = self._feed
        if self._missed:
            taken, self._missed = self._missed[:AT_ONCE], self._missed[AT_ONCE:]
            return self._wanted_of(taken)
        if self._resets != feed.resets:
            return self._begin_anew()
        if self._next < feed.first:
            self.ended = True
            return [Told(self.position, Notice.RESUME)]
        if self._next == feed.total:
            return None
        at = self._next - feed.first
        taken = feed.recent[at : at + AT_ONCE]
        self._next += len(taken)
        return self._wanted_of([each for each in taken if self._is_new(each)])

    def _is_new(self, told: Told) -> bool:
        """Whether it was not replayed; what is in no log never was."""
        return told.position > self._replayed or isinstance(told.what, RepositoryRebuilt)

    def _wanted_of(self, taken: list[Told]) -> list[Told]:
        if not self._wanted.sight.is_whole:
            return [told for each in taken if (told := self._as_seen(each)) is not None]
        if taken:
            self.position = taken[-1].position
        return [each for each in taken if isinstance(each.what, Notice) or self._wanted.passes(each.what)]

    def _as_seen(self, each: Told) -> Told | None:
        """What somebody who does not see everything is told of an event, if anything."""
        if isinstance(each.what, Notice):
            return each
        if not self._wanted.passes(each.what):
            return None
        at = each.position
        number = self._seen.number + 1 if self._seen.ordinal == at.ordinal else 1
        self._seen = Position(at.ordinal, number, at.commit)
        if self._seen <= self._skipped:
            return None
        self.position = self._seen
        return Told(self._seen, self._wanted.shown(each.what))

    def _begin_anew(self) -> list[Told]:
        feed = self._feed
        self._resets, self._next = feed.resets, feed.total
        self.position = self._replayed = feed.reached
        return [Told(self.position, Notice.RESET)]


class EventStreams:
    """Hands out subscriptions while ``follow`` runs; for one event loop."""

    def __init__(self, *, events: EventLog, bus: EventBus) -> None:
        self._log = events
        self._bus = bus
        self._feeds: dict[RepositoryName, Feed] = {}
        self.closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once the server is stopping."""

    @asynccontextmanager
    async def subscribe(
        self, repository: RepositoryName, wanted: EventFilter, *, after: str | None = None
    ) -> AsyncIterator[Subscription]:
        """What happens from now on, or from the position that ``after`` is the text of. Raises Unavailable.

        Whoever comes from a position that nobody knows, or has missed too much, is told to read everything again.
        """
        feed = self._feeds.setdefault(repository, Feed(repository, self._log))
        feed.closed = self.closing.done()
        feed.subscribers += 1
        try:
            await feed.start()
            subscription = Subscription(feed, wanted, feed.reached)
            if after is not None:
                await subscription.replay(self._log, read_position(after))
            yield subscription
        finally:
            feed.subscribers -= 1
            if not feed.subscribers and self._feeds.get(repository) is feed:
                del self._feeds[repository]

    async def follow(self) -> None:
        """Tells subscribers what happens, until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._look_around())

    @property
    def subscribers(self) -> int:
        """How many streams are open."""
        return sum(feed.subscribers for feed in self._feeds.values())

    def close(self) -> None:
        """Ends every subscription, those to come as well: the server is stopping."""
        if not self.closing.done():
            self.closing.set_result(None)
        for feed in self._feeds.values():
            feed.closed = True
            feed.wake()

    async def _listen(self) -> None:
        async with self._bus.subscribe() as stream:
            async for event in stream:
                if isinstance(event, EventsMissed):
                    await self._look_everywhere()
                # A batch is told event by event, and ends with one of these.
                if isinstance(event, RefProjected | RepositoryRebuilt) and event.repository in self._feeds:
                    rebuilt = event if isinstance(event, RepositoryRebuilt) else None
                    await _look(self._feeds[event.repository], rebuilt)

    async def _look_around(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look_everywhere()

    async def _look_everywhere(self) -> None:
        for feed in list(self._feeds.values()):
            await _look(feed)


async def _look(feed: Feed, rebuilt: RepositoryRebuilt | None = None) -> None:
    try:
        await feed.look(rebuilt)
    except PromptuaryError as error:
        log.warning("events of %s are late: %s", feed.repository, error.message)
