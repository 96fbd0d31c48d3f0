"""Signals between processes over PostgreSQL's LISTEN and NOTIFY (``registry.ports.signals.Signals``)."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg

from registry.adapters.sql.dialect import FED, PROJECTED
from registry.background import running
from registry.domain.ids import RepositoryName
from registry.ports.signals import Told

log = logging.getLogger(__name__)

HINTS = "promptuary_hints"

CALL_SECONDS = 2.0
ALIVE_SECONDS = 1.0
"""How often the connection is tried: a server that vanished closes nothing."""
RETRY_SECONDS = (0.1, 0.2, 0.5, 1.0)
QUEUE_LENGTH = 1_000

_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_Queue = asyncio.Queue[RepositoryName | None]


class PostgresSignals:
    """One connection a process for all who listen; while it is away nothing is told, and after that None."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection[Any] | None = None
        self._calls = asyncio.Lock()
        self._queues: dict[str, set[_Queue]] = {HINTS: set(), PROJECTED: set(), FED: set()}

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """Keeps the connection while the context is open, and makes it anew where it breaks."""
        async with running(self._keep()):
            yield

    async def hint(self, repository: RepositoryName) -> None:
        """Asks the leading indexer to look at a repository; lost where the connection is away."""
        if self._connection is None:
            return
        try:
            await self._call(self._connection, "SELECT pg_notify($1, $2)", HINTS, repository)
        except _AWAY as error:
            log.debug("a hint got lost: %s", error)

    def hints(self) -> AbstractAsyncContextManager[Told]:
        """What is hinted at until the context is left."""
        return self._listening(HINTS)

    def projections(self) -> AbstractAsyncContextManager[Told]:
        """The repositories of which a batch was written, until the context is left."""
        return self._listening(PROJECTED)

    def feeds(self) -> AbstractAsyncContextManager[Told]:
        """The repositories of which something reached a search index, until the context is left."""
        return self._listening(FED)

    @asynccontextmanager
    async def _listening(self, channel: str) -> AsyncIterator[Told]:
        queue: _Queue = asyncio.Queue(QUEUE_LENGTH)
        queue.put_nowait(None)
        self._queues[channel].add(queue)
        try:
            yield _Told(queue)
        finally:
            self._queues[channel].discard(queue)

    async def _call(self, connection: "asyncpg.Connection[Any]", statement: str, *values: str) -> None:
        async with self._calls, asyncio.timeout(CALL_SECONDS):
            await connection.execute(statement, *values)

    async def _keep(self) -> None:
        failures = 0
        while True:
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    connection = await asyncpg.connect(self._url, command_timeout=CALL_SECONDS)
                try:
                    failures = 0
                    await self._listen(connection)
                finally:
                    self._connection = None
                    connection.terminate()
            except Exception as error:  # noqa: BLE001 - whatever a broken connection does, another one is made
                if failures == 0:
                    log.warning("signals between processes are away, timers go on: %s", type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)])
                failures += 1

    async def _listen(self, connection: "asyncpg.Connection[Any]") -> None:
        """Listens until the connection breaks. Raises what says so."""
        async with asyncio.timeout(CALL_SECONDS):
            for channel in self._queues:
                await connection.add_listener(channel, self._told)
        self._connection = connection
        for queues in self._queues.values():
            _put(queues, None)
        while True:
            await asyncio.sleep(ALIVE_SECONDS)
            await self._call(connection, "SELECT 1")

    def _told(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        repository, _, _commit = str(payload).partition(" ")
        _put(self._queues[channel], RepositoryName(repository))


def _put(queues: set[_Queue], told: RepositoryName | None) -> None:
    for queue in queues:
        if queue.full():
            while not queue.empty():
                queue.get_nowait()
            told = None
        queue.put_nowait(told)


class _Told:
    """An iterator over a queue. No generator: a wait for the next that is given up must not end it."""

    def __init__(self, queue: _Queue) -> None:
        self._queue = queue

    def __aiter__(self) -> AsyncIterator[RepositoryName | None]:
        return self

    async def __anext__(self) -> RepositoryName | None:
        return await self._queue.get()
