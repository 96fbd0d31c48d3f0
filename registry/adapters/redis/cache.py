"""A cache that all processes share (``registry.ports.cache.Cache``), behind one of this process.

Keys carry a time to live; the memory that all of them may take is Redis's own ``maxmemory`` with an LRU policy.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import cast

from redis.exceptions import RedisError

from registry.adapters.redis.server import RedisServer
from registry.domain.errors import Unavailable
from registry.domain.ids import RepositoryName
from registry.ports.cache import Cache

VALUE_BYTES = 4_194_304
"""The largest value that is kept: what may take longer to send than a deadline allows is not."""

KEYS_AT_ONCE = 100
WAITING_BYTES = 16_777_216
"""Values that wait to be put, at most; where Redis is slower than they come, the newest are not kept."""

PUTTING_SECONDS = 1.0
"""How long putting may take: no request waits for it."""

FORGETTING_SECONDS = 60.0
"""How long forgetting all of it may take."""

LEASE_SECONDS = 10.0
"""After so long another process may make what one began to make: it may be gone."""

PATIENCE_SECONDS = 3.0
"""How long somebody waits for what another process makes before it makes it itself."""

LOOK_SECONDS = 0.05
FRONT_SECONDS = 3600.0
"""How long this process keeps what it found."""

_ALONE = b"alone"
"""Stands in the place of a lease where the value is too large to be kept: everybody makes it himself."""

_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end"


class RedisCache:
    """``front`` is asked first and holds what this process has seen. For one event loop.

    Redis is asked for many keys at once: those that are wanted while one answer is awaited go into the next question.
    (A GET of its own takes 150 µs of this process for each, ten times what it takes among others.)
    """

    def __init__(self, server: RedisServer, *, front: Cache, edition: str) -> None:
        """``edition`` names the program's version: another one may make something else of the same content."""
        self._server = server
        self._edition = edition
        self._front = front
        self._asked: dict[str, asyncio.Future[bytes | None]] = {}
        self._asking: asyncio.Task[None] | None = None
        self._waiting: dict[str, tuple[bytes, float]] = {}
        self._waiting_bytes = 0
        self._putting: asyncio.Task[None] | None = None
        self._found = 0
        self._missed = 0

    def counts(self) -> Mapping[str, tuple[int, int]]:
        """How often each layer had what was asked, and how often it had not; the front first."""
        return {**self._front.counts(), "redis": (self._found, self._missed)}

    async def find(self, key: str) -> bytes | None:
        """What was put, by any process; None where it is not there, or not found in time."""
        found = await self._front.find(key)
        return found if found is not None else await self._find(key)

    async def put(self, key: str, value: bytes, *, seconds: float) -> None:
        """Keeps a value; nobody waits for Redis."""
        await self._front.put(key, value, seconds=seconds)
        if len(value) > VALUE_BYTES or key in self._waiting or self._waiting_bytes + len(value) > WAITING_BYTES:
            return
        self._waiting[key] = (value, seconds)
        self._waiting_bytes += len(value)
        if self._putting is None or self._putting.done():
            self._putting = asyncio.create_task(self._put_waiting())

    async def forget_former(self, repository: RepositoryName) -> None:
        """Forgets everything, for all processes: keys do not say whose they are. Raises Unavailable."""
        await self._front.forget_former(repository)
        async with self._server.guard(FORGETTING_SECONDS) as redis:
            names = redis.scan_iter(match=self._server.name("cache", "*"), count=KEYS_AT_ONCE * 10)
            async for name in names:
                await redis.delete(name)

    async def fetch(self, key: str, make: Callable[[], Awaitable[bytes]], *, seconds: float) -> bytes:
        """The value, made where it is not there; of many who ask at once, in any process, one makes it."""
        return await self._front.fetch(key, partial(self._share, key, make, seconds), seconds=seconds)

    async def close(self) -> None:
        """Puts what waits to be put, where that does not take long."""
        if self._putting is not None:
            await asyncio.wait({self._putting}, timeout=PUTTING_SECONDS)
        for task in filter(None, (self._asking, self._putting)):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _find(self, key: str) -> bytes | None:
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = asyncio.get_running_loop().create_future()
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask())
        return await asyncio.shield(asked)

    async def _ask(self) -> None:
        while self._asked:
            some = dict(list(self._asked.items())[:KEYS_AT_ONCE])
            for key in some:
                del self._asked[key]
            found: Sequence[bytes | None] = [None] * len(some)
            try:
                with suppress(Unavailable):
                    async with self._server.guard() as redis:
                        found = cast("list[bytes | None]", await redis.mget([self._name(key) for key in some]))
            finally:
                for (key, asked), value in zip(some.items(), found, strict=True):
                    self._found += value is not None
                    self._missed += value is None
                    if value is not None:
                        await self._front.put(key, value, seconds=FRONT_SECONDS)
                    if not asked.done():
                        asked.set_result(value)

    async def _put_waiting(self) -> None:
        while self._waiting:
            some = dict(list(self._waiting.items())[:KEYS_AT_ONCE])
            try:
                await self._put_now(some)
            except Unavailable:
                some = self._waiting.copy()  # none of it is worth waiting for Redis to come back
            for key in some:
                value, _ = self._waiting.pop(key)
                self._waiting_bytes -= len(value)

    async def _put_now(self, values: dict[str, tuple[bytes, float]]) -> None:
        """Raises Unavailable."""
        async with self._server.guard(PUTTING_SECONDS) as redis, redis.pipeline(transaction=False) as pipeline:
            for key, (value, seconds) in values.items():
                pipeline.set(self._name(key), value, px=max(1, int(seconds * 1000)))
            for answer in await pipeline.execute(raise_on_error=False):
                if isinstance(answer, RedisError):
                    raise answer  # as Redis said it, without the command

    async def _share(self, key: str, make: Callable[[], Awaitable[bytes]], seconds: float) -> bytes:
        """The value of another process, else made here."""
        token = secrets.token_bytes(8)
        until = time.monotonic() + PATIENCE_SECONDS
        while (found := await self._find(key)) is None and time.monotonic() < until:
            holder = await self._lease(key, token)
            if holder == token:
                return await self._make_for_all(key, make, seconds, token)
            if holder is None or holder == _ALONE:
                break
            await asyncio.sleep(LOOK_SECONDS)
        return found if found is not None else await make()

    async def _make_for_all(
        self, key: str, make: Callable[[], Awaitable[bytes]], seconds: float, token: bytes
    ) -> bytes:
        try:
            found = await self._find(key)  # the one before may have put it just before it gave the lease back
            if found is not None:
                return found
            value = await make()
            with suppress(Unavailable):
                if len(value) > VALUE_BYTES:
                    await self._make_alone(key, seconds)
                else:
                    await self._put_now({key: (value, seconds)})
            return value
        finally:
            await self._release(key, token)

    async def _lease(self, key: str, token: bytes) -> bytes | None:
        """Who makes the value: us, somebody else, or (None) nobody knows."""
        try:
            async with self._server.guard() as redis:
                lease, milliseconds = self._lease_name(key), int(LEASE_SECONDS * 1000)
                held = cast("bytes | None", await redis.set(lease, token, nx=True, get=True, px=milliseconds))
        except Unavailable:
            return None
        return token if held is None else held

    async def _make_alone(self, key: str, seconds: float) -> None:
        async with self._server.guard() as redis:
            await redis.set(self._lease_name(key), _ALONE, px=max(1, int(seconds * 1000)))

    async def _release(self, key: str, token: bytes) -> None:
        with suppress(Unavailable):
            async with self._server.guard() as redis:
                await redis.eval(_RELEASE, 1, self._lease_name(key), token)

    def _name(self, key: str) -> str:
        return self._server.name("cache", f"{self._edition}:{key}")

    def _lease_name(self, key: str) -> str:
        return self._server.name("lease", f"{self._edition}:{key}")
