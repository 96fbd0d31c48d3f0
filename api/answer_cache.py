"""Ready answers of the hot reads, bounded in bytes, valid for as long as their repository has not changed."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager

from api.answers import Answer
from api.background import running
from registry.domain.events import Event, EventsMissed
from registry.domain.ids import RepositoryName
from registry.ports.events import EventBus

Key = tuple[bytes, bytes, bytes]
"""Raw path, raw query string, Accept header: what a read's answer depends on besides the repository's state."""

Stamp = Callable[[RepositoryName], Awaitable[Hashable]]
"""Says something that changes whenever the repository's projection does."""

BACKSTOP_SECONDS = 1.0
"""No answer is given that is older than this without asking for the repository's stamp: events may get lost."""

OVERHEAD_BYTES = 700
"""What an entry costs besides its body and key."""


class _State:
    """One repository: its generation counts the changes, and what was answered in an older one is forgotten."""

    __slots__ = ("checking", "fresh_until", "generation", "name", "stamp", "stamped")

    def __init__(self, name: RepositoryName) -> None:
        self.name = name
        self.generation = 0
        self.stamp: Hashable = None
        self.stamped = -1
        self.fresh_until = 0.0
        self.checking: asyncio.Task[None] | None = None

    def is_stamped(self) -> bool:
        """Whether the stamp was asked for since the last change that was told, and not long ago."""
        return self.stamped == self.generation and self.fresh_until >= time.monotonic()


class _Entry:
    __slots__ = ("answer", "generation", "size", "state")

    def __init__(self, answer: Answer, state: _State, generation: int, size: int) -> None:
        self.answer = answer
        self.state = state
        self.generation = generation
        self.size = size


class AnswerCache:
    """Least recently used answers go first. All methods are for one event loop."""

    def __init__(self, *, max_bytes: int, stamp: Stamp) -> None:
        self._max_bytes = max_bytes
        self._stamp = stamp
        self._bytes = 0
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._states: dict[RepositoryName, _State] = {}
        self._flights: dict[tuple[Key, int], asyncio.Task[Answer]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """The bytes that the entries take, about."""
        return self._bytes

    def find(self, key: Key) -> Answer | None:
        """The answer, if it is certainly as good as new: nothing is awaited."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        state = entry.state
        if entry.generation != state.generation or state.fresh_until < time.monotonic():
            return None
        self._entries.move_to_end(key)
        return entry.answer

    async def fetch(self, repository: RepositoryName, key: Key, make: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer, made anew where needed; of many who ask for the same one only the first makes it.

        What ``make`` raises, everybody who waited gets; only answers with status 200 are kept.
        """
        state = self._states.setdefault(repository, _State(repository))
        if state.fresh_until < time.monotonic():
            await self._compare(state)
            if found := self.find(key):
                return found
        # Who asks after a change must not join somebody who asked before it, hence the generation.
        flight_key = (key, state.generation)
        flight = self._flights.get(flight_key)
        if flight is None:
            flight = asyncio.create_task(self._make(state, key, make))
            self._flights[flight_key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(flight_key, None))
        return await asyncio.shield(flight)

    async def stamp(self, repository: RepositoryName) -> Hashable:
        """The repository's stamp, asked for after every change that was told, and otherwise once a second."""
        state = self._states.setdefault(repository, _State(repository))
        if not state.is_stamped():
            await self._compare(state)
        # A check that began before a change was told may not have seen it.
        return state.stamp if state.is_stamped() else await self._stamp(repository)

    def bump(self, repository: RepositoryName) -> None:
        """The repository changed: nothing that was answered before holds any longer."""
        state = self._states.get(repository)
        if state is not None:
            state.generation += 1

    @asynccontextmanager
    async def following(self, events: EventBus) -> AsyncIterator[None]:
        """While the context is open every event bumps its repository."""
        async with events.subscribe() as stream, running(self._follow(stream)):
            yield

    async def _follow(self, stream: AsyncIterator[Event | EventsMissed]) -> None:
        async for event in stream:
            for repository in list(self._states) if isinstance(event, EventsMissed) else [event.repository]:
                self.bump(repository)

    async def _compare(self, state: _State) -> None:
        if state.checking is None:
            state.checking = asyncio.create_task(self._check(state))
            state.checking.add_done_callback(lambda _: setattr(state, "checking", None))
        await asyncio.shield(state.checking)

    async def _check(self, state: _State) -> None:
        started = time.monotonic()
        before = state.generation
        stamp = await self._stamp(state.name)
        untold = state.generation == before
        if stamp != state.stamp:
            state.stamp = stamp
            state.generation += 1
        if untold:
            state.stamped = state.generation
        state.fresh_until = started + BACKSTOP_SECONDS

    async def _make(self, state: _State, key: Key, make: Callable[[], Awaitable[Answer]]) -> Answer:
        generation = state.generation
        answer = await make()
        if answer.status == 200:
            self._keep(key, _Entry(answer, state, generation, len(answer.body) + sum(map(len, key)) + OVERHEAD_BYTES))
        return answer

    def _keep(self, key: Key, entry: _Entry) -> None:
        old = self._entries.pop(key, None)
        if old is not None:
            self._bytes -= old.size
        if entry.size > self._max_bytes:
            return
        self._entries[key] = entry
        self._bytes += entry.size
        while self._bytes > self._max_bytes:
            _, dropped = self._entries.popitem(last=False)
            self._bytes -= dropped.size
