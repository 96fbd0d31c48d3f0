"""Reads that many wait for at once, asked of PostgreSQL together: a statement costs it more than the rows it finds.

Who comes while none of the kind is asked for is asked for alone, at once. Who comes while a statement of the kind is on
its way waits until it is back; then one statement asks for all who wait. A statement that is late holds up nobody:
another goes beside it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import TimeoutError as PoolTimeout

from registry.adapters.sql.column_types import Reading
from registry.adapters.sql.engine import NamedStatement
from registry.adapters.sql.postgres_errors import server_errors

Rows = Sequence[Any]
Fetch = Callable[[Reading, Mapping[str, Any]], Awaitable[Rows]]

_LANES = 2
"""How many statements of a kind are on their way at most."""
_LATE = 0.25
"""Seconds after which a statement is late. Before, a second one would only share the work: each would ask for less."""
_AT_ONCE = 32
"""For how many names one statement asks, so that it stays a short one."""

_Values = Mapping[str, Any]
_Key = tuple[NamedStatement, tuple[tuple[str, Any], ...]]


@dataclass(slots=True)
class _Line:
    """Who asks for the same but for the name: when the statements on their way were sent, and who waits."""

    key: _Key
    statement: NamedStatement
    values: _Values
    sent: list[float] = field(default_factory=list)
    waiting: list[tuple[str, asyncio.Future[Rows]]] = field(default_factory=list)
    watched: bool = False

    def is_open(self, now: float) -> bool:
        """Whether a statement may go: all that are on their way are late, and they are not too many."""
        return len(self.sent) < _LANES and all(now - sent >= _LATE for sent in self.sent)

    def next_names(self) -> list[tuple[str, asyncio.Future[Rows]]]:
        """Takes those whose turn it is, without those who have given up."""
        waiting = [(name, future) for name, future in self.waiting if not future.done()]
        taken, self.waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        return taken


class Gathering:
    """Gathers names for one event loop. ``seconds`` is how long somebody waits at most."""

    def __init__(self, fetch: Fetch, seconds: float) -> None:
        self._fetch = fetch
        self._seconds = seconds
        self._lines: dict[_Key, _Line] = {}
        self._serving: set[asyncio.Task[None]] = set()

    async def fetch(self, statement: NamedStatement, name: str, values: _Values) -> Rows:
        """The rows of a name. Raises Unavailable."""
        key = (statement, tuple(values.items()))
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(key, statement, values)
        now = asyncio.get_running_loop().time()
        if not line.is_open(now):
            return await self._wait(line, name)
        line.sent.append(now)
        try:
            return await self._fetch(statement.for_one, {**values, "name": name})
        finally:
            self._back(line, now)

    async def _wait(self, line: _Line, name: str) -> Rows:
        future: asyncio.Future[Rows] = asyncio.get_running_loop().create_future()
        line.waiting.append((name, future))
        self._watch(line)
        with server_errors():
            try:
                async with asyncio.timeout(self._seconds):
                    return await future
            except TimeoutError:
                raise PoolTimeout from None

    def _watch(self, line: _Line) -> None:
        """Sees to it that those who wait are asked for when what is on its way is late."""
        if not line.watched:
            line.watched = True
            asyncio.get_running_loop().call_later(_LATE, self._look, line)

    def _look(self, line: _Line) -> None:
        line.watched = False
        self._serve(line)
        if line.waiting:
            self._watch(line)

    def _back(self, line: _Line, sent: float) -> None:
        line.sent.remove(sent)
        self._serve(line)
        if not line.sent:
            del self._lines[line.key]

    def _serve(self, line: _Line) -> None:
        """Asks for those who wait, if a statement may go."""
        now = asyncio.get_running_loop().time()
        if line.is_open(now) and (asked := line.next_names()):
            line.sent.append(now)
            # It serves others: nothing of the request that is here now, such as its span, goes along.
            serving = asyncio.create_task(self._answer(line, asked), context=Context())
            self._serving.add(serving)
            serving.add_done_callback(self._serving.discard)
            serving.add_done_callback(lambda _: self._back(line, now))

    async def _answer(self, line: _Line, asked: Sequence[tuple[str, asyncio.Future[Rows]]]) -> None:
        names = list({name for name, _ in asked})
        try:
            found: dict[str, list[Any]] = {name: [] for name in names}
            for row in await self._fetch(line.statement.for_several, {**line.values, "names": names}):
                found[row[-1]].append(row)
        except Exception:  # noqa: BLE001  (what is wrong with one, or too much of all together, is told to each alone)
            alone = (self._fetch(line.statement.for_one, {**line.values, "name": name}) for name, _ in asked)
            answers: Sequence[Rows | BaseException] = await asyncio.gather(*alone, return_exceptions=True)
        else:
            answers = [found[name] for name, _ in asked]
        for (_, future), answer in zip(asked, answers, strict=True):
            if future.done():
                continue  # who waited has given up
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)
