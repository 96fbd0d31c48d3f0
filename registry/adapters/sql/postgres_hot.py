"""The hot reads on PostgreSQL: one prepared statement over asyncpg, with nothing in between.

Over SQLAlchemy the same read begins a transaction, runs and ends it, three ways to the server and back, and takes this
process four times as long. asyncpg's own pool resets a session after each use, and waits for a server that hangs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any

import asyncpg
from sqlalchemy.dialects.postgresql.asyncpg import dialect
from sqlalchemy.exc import TimeoutError as PoolTimeout

from registry.adapters.sql.column_types import Reading
from registry.adapters.sql.postgres_errors import is_lost
from registry.domain.dependencies import PoolUse

_DIALECT = dialect()  # type: ignore[no-untyped-call]  # it has no types
_STATEMENTS = 64


class HotRow(asyncpg.Record):
    """A row whose columns have their names, as SQLAlchemy's have."""

    def __getattr__(self, name: str) -> Any:
        """A column's value."""
        return self[name]


class HotConnections:
    """Connections that are made when they are needed, kept, and thrown away at the first sign of trouble."""

    def __init__(self, connect: Callable[..., Awaitable[Any]], size: int) -> None:
        self._connect = connect
        self._size = size
        self._in_use = 0
        self._turns = asyncio.Semaphore(size)
        self._idle: list[Any] = []

    async def fetch(self, statement: Reading, values: Mapping[str, Any], seconds: float) -> Any:
        """The rows; asked for once more where a kept connection turned out to be dead. Raises the driver's errors."""
        sql, given = prepared(statement, values)
        waiting = True
        try:
            async with asyncio.timeout(seconds), self._turns:
                waiting = False
                self._in_use += 1
                try:
                    return await self._fetch_by_some(sql, given)
                finally:
                    self._in_use -= 1
        except TimeoutError:
            if waiting:
                raise PoolTimeout from None
            raise

    async def _fetch_by_some(self, sql: str, given: list[Any]) -> Any:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_closed():
                continue
            try:
                return await self._fetch(connection, sql, given)
            except Exception as error:
                if not is_lost(error):
                    raise
        return await self._fetch(await self._connect(record_class=HotRow), sql, given)

    def use(self) -> PoolUse:
        """How they are used at the moment."""
        return PoolUse("hot", self._in_use, len(self._idle), self._size)

    async def _fetch(self, connection: Any, sql: str, given: list[Any]) -> Any:
        try:
            rows = await connection.fetch(sql, *given)
        except BaseException:
            # Of a statement that was given up, or a server that hangs, nobody waits for the end: the server's own
            # deadline stops it.
            connection.terminate()
            raise
        self._idle.append(connection)
        return rows

    async def close(self) -> None:
        """Closes the connections."""
        while self._idle:
            await self._idle.pop().close()


def prepared(statement: Reading, values: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The SQL of a statement of the program, and what is given to it, in order. Raises KeyError for what is missing."""
    sql, names, fixed = _compiled(statement)
    return sql, [values[name] if name in values else fixed[name] for name in names]


@lru_cache(maxsize=_STATEMENTS)
def _compiled(statement: Reading) -> tuple[str, tuple[str, ...], Mapping[str, Any]]:
    """The SQL, the names of the parameters in order, and the values that the statement has itself."""
    compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    own = {name: value for name, value in compiled.params.items() if value is not None}
    return str(compiled), tuple(compiled.positiontup or ()), own
