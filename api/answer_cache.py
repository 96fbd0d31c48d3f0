"""Ready answers of the hot reads, bounded in bytes, valid for as long as their repository has not changed."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from api.answers import FROM_CACHE, SUPERSEDED, Answer
from registry.background import running
from registry.domain.errors import Unavailable
from registry.domain.events import Event, EventsMissed
from registry.domain.ids import RepositoryName
from registry.ports.events import EventBus

Key = tuple[bytes, bytes, bytes]
"""Raw path, raw query string, Accept header: what a read's answer depends on besides the repository's state."""

Make = Callable[[], Awaitable[Answer]]
"""Makes an answer anew."""

Stamp = Callable[[RepositoryName], Awaitable[Hashable]]
"""Says something that changes whenever the repository's projection does."""

PATIENCE_SECONDS = 0.5
"""How long somebody waits for the stamp before the catalogue is taken for being away."""

AWAY_SECONDS = 0.5
"""How often the stamp is asked for while the catalogue is away; no answer waits for it then."""

BACKSTOP_SECONDS = 1.0
"""No answer is given that is older than this without asking for the repository's stamp: events may get lost."""

OVERHEAD_BYTES = 700
"""What an entry costs besides its body and key."""


class _State:
    """One repository: its generation counts the changes, and what was answered in an older one is forgotten."""

    __slots__ = ("away_until", "checking", "fresh_until", "generation", "name", "stamp", "stamped")

    def __init__(self, name: RepositoryName) -> None:
        self.name = name
        self.generation = 0
        self.stamp: Hashable = None
        self.stamped = -1
        self.fresh_until = 0.0
        self.away_until: float | None = None
        """Until when it is not asked for the stamp, because the catalogue is away; None where that is there."""
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

    def __init__(self, *, max_bytes: int, stamp: Stamp, passes_on: bool = False) -> None:
        """``passes_on`` where somebody in front asks another process before a superseded answer is given."""
        self.superseded = SUPERSEDED if passes_on else FROM_CACHE
        """The mark of what was made before a change that is known."""
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

    async def fetch(self, repository: RepositoryName, key: Key, make: Make, *, instead: Make | None = None) -> Answer:
        """The answer, made anew where needed; of many who ask for the same one only the first makes it.

        What ``make`` raises, everybody who waited gets; only answers with status 200 are kept. Without the catalogue
        the last answer is given, marked, if the repository is not known to have changed since; else what ``instead``
        makes, which does not ask the catalogue; else the last answer all the same.
        """
        state = self._states.get(repository)
        if state is None:
            state = self._states[repository] = _State(repository)
        ways: list[Make] = [partial(self._share, state, key, make)]
        if instead is not None:
            ways.append(instead)
        if state.fresh_until < time.monotonic():
            if not await self._refresh(state):
                if last := self._last(key, state.generation):
                    return last
                ways = ways[-1:]  # nobody waits for what is away
            elif found := self.find(key):
                return found
        return await self._first(ways, key, self.superseded if instead is not None else FROM_CACHE)

    async def _first(self, ways: Sequence[Make], key: Key, mark: bytes) -> Answer:
        """What the first way makes that can; else the last answer, marked. Raises Unavailable where there is none."""
        problem = Unavailable()
        for make in ways:
            try:
                return await make()
            except Unavailable as error:
                problem = error
        if last := self._last(key, mark=mark):
            return last
        raise problem

    def _last(self, key: Key, generation: int | None = None, mark: bytes = FROM_CACHE) -> Answer | None:
        """The answer that was given last, marked; only that of a generation where one is given."""
        entry = self._entries.get(key)
        if entry is None or generation not in {None, entry.generation}:
            return None
        self._entries.move_to_end(key)
        # What was known in this generation is as good as is known, whoever else could be asked.
        return entry.answer.marked(FROM_CACHE if entry.generation == entry.state.generation else mark)

    async def _share(self, state: _State, key: Key, make: Make) -> Answer:
        # Who asks after a change must not join somebody who asked before it, hence the generation.
        flight_key = (key, state.generation)
        flight = self._flights.get(flight_key)
        if flight is None:
            flight = asyncio.create_task(self._make(state, key, make))
            self._flights[flight_key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(flight_key, None))
        return await asyncio.shield(flight)

    async def stamp(self, repository: RepositoryName) -> Hashable:
        """The repository's stamp, asked for after every change that was told, and otherwise once a second.

        Without the catalogue it is the last that is known. Raises Unavailable where none is, or where a change was
        told since.
        """
        state = self._states.setdefault(repository, _State(repository))
        if not state.is_stamped() and not await self._refresh(state):
            if state.stamped != state.generation:
                raise Unavailable
            return state.stamp
        # A check that began before a change was told may not have seen it.
        return state.stamp if state.is_stamped() else await self._stamp(repository)

    def is_away(self, repository: RepositoryName) -> bool:
        """Whether the catalogue was away when it was asked for the repository's stamp last."""
        state = self._states.get(repository)
        return state is not None and state.away_until is not None

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

    async def _refresh(self, state: _State) -> bool:
        """Whether the stamp could be compared. While the catalogue is away that is tried beside, nobody waits."""
        if state.away_until is None:
            checking = self._begin_check(state)
            await asyncio.wait({checking}, timeout=PATIENCE_SECONDS)
            if not checking.done():
                state.away_until = time.monotonic() + AWAY_SECONDS
            elif not isinstance(checking.exception(), Unavailable):
                checking.result()
        elif state.away_until < time.monotonic():
            self._begin_check(state)
        return state.away_until is None

    def _begin_check(self, state: _State) -> "asyncio.Task[None]":
        if state.checking is None:
            state.checking = asyncio.create_task(self._check(state))
            state.checking.add_done_callback(lambda done: self._checked(state, done))
        return state.checking

    @staticmethod
    def _checked(state: _State, done: "asyncio.Task[None]") -> None:
        state.checking = None
        if not done.cancelled() and isinstance(done.exception(), Unavailable):
            state.away_until = time.monotonic() + AWAY_SECONDS

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
        state.away_until = None
        state.fresh_until = started + BACKSTOP_SECONDS

    async def _make(self, state: _State, key: Key, make: Make) -> Answer:
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
