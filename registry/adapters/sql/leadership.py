"""Leadership by a PostgreSQL advisory lock (``registry.ports.leadership.Leadership``)."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import asyncpg

from registry.background import running

log = logging.getLogger(__name__)

LOCK = 0x70726F6D_74756172  # "promptuar": one lock a database
CALL_SECONDS = 1.0
LOOK_SECONDS = 0.25
"""How often a process that waits tries the lock."""
BEAT_SECONDS = 0.5
SESSION_MILLISECONDS = 2_500
"""A session that is silent for longer is ended by PostgreSQL: that of a process that was stopped, or whose machine is
gone. (A killed process's ends at once.)"""

_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_Connection: TypeAlias = "asyncpg.Connection[Any]"


class PostgresLeadership:
    """Holds the lock on a connection of its own, so that it ends with the process, however that ends."""

    def __init__(self, url: str) -> None:
        self._url = url

    @asynccontextmanager
    async def lead(self) -> AsyncIterator[asyncio.Event]:
        """Waits until this process leads, and leads until the context is left; the event is set where that is lost."""
        connection = await self._acquire()
        lost = asyncio.Event()
        try:
            async with running(_beat(connection, lost)):
                yield lost
        finally:
            await _end(connection)

    async def _acquire(self) -> _Connection:
        told = False
        while True:
            try:
                connection = await self._connect()
            except _AWAY as error:
                if not told:
                    log.warning("no leader can be chosen while PostgreSQL is away: %s", type(error).__name__)
                told = True
                await asyncio.sleep(LOOK_SECONDS)
                continue
            try:
                while not await _try_lock(connection):  # noqa: ASYNC110 - the lock is PostgreSQL's
                    await asyncio.sleep(LOOK_SECONDS)
            except _AWAY:
                await _end(connection)
            except BaseException:
                await _end(connection)
                raise
            else:
                return connection

    async def _connect(self) -> _Connection:
        settings = {"application_name": "promptuary leader", "idle_session_timeout": str(SESSION_MILLISECONDS)}
        async with asyncio.timeout(CALL_SECONDS):
            return await asyncpg.connect(self._url, server_settings=settings, command_timeout=CALL_SECONDS)


async def _try_lock(connection: _Connection) -> bool:
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK))


async def _beat(connection: _Connection, lost: asyncio.Event) -> None:
    """Sets the event once the session, and the lock with it, is gone or cannot be reached."""
    try:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await connection.execute("SELECT 1")
    except Exception as error:  # noqa: BLE001 - whatever a broken connection does, the lock is not held for certain
        log.warning("leadership is lost: %s", type(error).__name__)
        lost.set()


async def _end(connection: _Connection) -> None:
    """Ends the session, so that another process can lead at once."""
    try:
        await connection.close(timeout=CALL_SECONDS)
    except Exception:  # noqa: BLE001 - as above
        connection.terminate()
