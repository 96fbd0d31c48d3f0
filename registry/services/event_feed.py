"""What has happened in a repository since somebody subscribed to it, read from the log once for all who did."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from registry.domain.events import BEGINNING, Event, PlacedEvent, Position, RepositoryRebuilt
from registry.domain.ids import RepositoryName
from registry.ports.events import EventLog

REPLAYED_AT_MOST = 10_000
"""Whoever has missed more events reads everything again instead."""

READ_AT_MOST = 100_000
"""So far is read for who sees some folders alone: only what is seen counts as missed, and the rest is most of it."""

RECENT = 1_000
"""So many events, and those of the last change, are kept for subscribers that take them slowly."""


class Notice(StrEnum):
    """What is said about the stream itself. After RESUME it has ended."""

    RESET = "reset"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that a subscriber is told; whoever has it may resume from its position."""

    position: Position
    what: Event | Notice


class Feed:
    """What has happened in one repository since somebody subscribed to it."""

    def __init__(self, repository: RepositoryName, source: EventLog) -> None:
        self.repository = repository
        self.subscribers = 0
        self.recent: list[Told] = []
        self.total = 0
        self.resets = 0
        self.closed = False
        self.changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._head: Position | None = None
        self._log = source
        self._looking = asyncio.Lock()

    @property
    def first(self) -> int:
        """The number of the oldest event that is kept; they count from 0."""
        return self.total - len(self.recent)

    @property
    def reached(self) -> Position:
        """The position behind everything that has been read from the log."""
        return self._head or BEGINNING

    async def start(self) -> None:
        """Finds out what has happened already, where that is not known yet."""
        async with self._looking:
            if self._head is None:
                self._head = await self._log.head(self.repository)

    async def look(self, rebuilt: RepositoryRebuilt | None = None) -> None:
        """Reads on in the log; where it cannot be read on, every subscriber is told to begin anew."""
        async with self._looking:
            if self._head is None:
                return
            found = await self._log.since(self.repository, self._head, REPLAYED_AT_MOST)
            if found is None:
                self._head = await self._log.head(self.repository)
                self.recent.clear()
                self.resets += 1
                self.wake()
                return
            told = told_of(found)
            if rebuilt is not None:
                told.append(Told(told[-1].position if told else self._head, rebuilt))
            if told:
                self._add(told)

    def _add(self, told: list[Told]) -> None:
        del self.recent[: max(0, len(self.recent) - RECENT)]
        self.recent += told
        self.total += len(told)
        self._head = told[-1].position
        self.wake()

    def wake(self) -> None:
        """Lets every subscriber look."""
        self.changed.set_result(None)
        self.changed = asyncio.get_running_loop().create_future()


def told_of(found: list[PlacedEvent]) -> list[Told]:
    """The events of a log as they are told."""
    return [Told(each.position, each.event) for each in found]
