"""Reads that many wait for at once, asked of PostgreSQL together: a statement costs it more than the rows it finds.

Who comes while few are asked is asked for alone, at once. Who comes while ``_LANES`` statements of the same kind are on
their way waits until one of them is back; then one statement asks for all who wait.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select
from sqlalchemy.exc import TimeoutError as PoolTimeout

from registry.adapters.sql.engine import NamedStatement
from registry.adapters.sql.postgres_errors import server_errors

Rows = Sequence[Any]
Fetch = Callable[[Select[Any], Mapping[str, Any]], Awaitable[Rows]]

_LANES = 2
"""How many statements of a kind are on their way at once: more of them ask for less each, and one that hangs should not
hold up all."""
_AT_ONCE = 32
"""For how many names one statement asks, so that it stays a short one."""

_Values = Mapping[str, Any]
_Key = tuple[NamedStatement, tuple[tuple[str, Any], ...]]


@dataclass(slots=True)
class _Line:
    """Who asks for the same but for the name: how many statements are on their way, and who waits."""

    statement: NamedStatement
    values: _Values
    lanes: int = 0
    waiting: list[tuple[str, asyncio.Future[Rows]]] = field(default_factory=list)

    def next_names(self) -> list[tuple[str, asyncio.Future[Rows]]]:
        """Takes those whose turn it is, without those who have given up."""
        taken, self.waiting = self.waiting[:_AT_ONCE], self.waiting[_AT_ONCE:]
        return [(name, future) for name, future in taken if not future.done()]


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
            line = self._lines[key] = _Line(statement, values)
        if line.lanes == _LANES:
            return await self._wait(line, name)
        line.lanes += 1
        try:
            return await self._fetch(statement.for_one, {**values, "name": name})
        finally:
            if line.waiting:
                # It serves others, for as long as many come: nothing of this request, such as its span, goes along.
                serving = asyncio.create_task(self._serve(key, line), context=Context())
                self._serving.add(serving)
                serving.add_done_callback(self._serving.discard)
            else:
                self._leave(key, line)

    async def _wait(self, line: _Line, name: str) -> Rows:
        future: asyncio.Future[Rows] = asyncio.get_running_loop().create_future()
        line.waiting.append((name, future))
        with server_errors():
            try:
                async with asyncio.timeout(self._seconds):
                    return await future
            except TimeoutError:
                raise PoolTimeout from None

    async def _serve(self, key: _Key, line: _Line) -> None:
        """Asks for all who wait, in the lane of somebody who has left it."""
        try:
            while line.waiting:
                asked = line.next_names()
                if asked:
                    await self._answer(line, asked)
        finally:
            self._leave(key, line)

    def _leave(self, key: _Key, line: _Line) -> None:
        line.lanes -= 1
        if not line.lanes:
            del self._lines[key]

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
