"""The client of asyncio programs: the same memory, the same requests, and no call that blocks the loop."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from promptuary_client.binding import read_values
from promptuary_client.bundle import write_private
from promptuary_client.cache import Key
from promptuary_client.engine import GRACE_SECONDS, Engine, make_key
from promptuary_client.environment import from_environment
from promptuary_client.errors import PromptuaryError
from promptuary_client.options import ClientOptions, Options
from promptuary_client.provider_bodies import find_body
from promptuary_client.rendering import Rendered, can_render, render_here, require_engine
from promptuary_client.template import Json
from promptuary_client.values import Fallback, Label, LabelMoved, Prompt, Version

if TYPE_CHECKING:
    from typing_extensions import Unpack  # type checkers bring it; nothing is imported

_T = TypeVar("_T")


class AsyncClient:
    """As ``Client``, for asyncio. What is in memory is answered at once; requests run in threads of the client.

    A call that is cancelled ends at once; its request ends by its own deadline. Any number of loops may share one
    client.
    """

    def __init__(self, url: str, key: str, **options: Unpack[ClientOptions]) -> None:
        self._engine = Engine(url, key, Options(**options))
        self._entries = self._engine.reads.entries
        self._close = weakref.finalize(self, self._engine.close)

    @classmethod
    def from_environment(cls, **options: Unpack[ClientOptions]) -> AsyncClient:
        """As ``Client.from_environment``."""
        said: dict[str, Any] = {**from_environment(), **options}
        return cls(**said)

    def __repr__(self) -> str:
        return f"<AsyncClient {self._engine!r}>"

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Writes the bundle, and ends threads and connections."""
        await asyncio.get_running_loop().run_in_executor(None, self._close)

    async def get(
        self,
        name: str,
        *,
        label: str | None = None,
        version: int | None = None,
        ref: str | None = None,
        default: Fallback | None = None,
    ) -> Prompt:
        """As ``Client.get``."""
        entry = self._entries.get((name, label, version, ref))
        if entry is not None and entry.prompt is not None and entry.fresh_until > monotonic():
            entry.used = True
            return entry.prompt
        return await self._get(make_key(name, label, version, ref), default)

    async def render(
        self,
        name: str,
        variables: Mapping[str, Json] | None = None,
        *,
        label: str | None = None,
        version: int | None = None,
        ref: str | None = None,
        strict: bool = False,
        local: bool = False,
        default: Fallback | None = None,
    ) -> Rendered:
        """As ``Client.render``. Rendering here takes the loop meanwhile: some 20 µs, at most 20 ms for one text."""
        key, values = make_key(name, label, version, ref), read_values(variables or {})
        require_engine(default, local=local)

        def make(prompt: Prompt) -> Rendered:
            return render_here(prompt, values, strict=strict)

        if local:
            return make(await self._get(key, default))
        ask = partial(self._engine.session.render, key, values, strict=strict)
        return await self._made(key, default, ask, make)

    async def request_body(
        self,
        name: str,
        variables: Mapping[str, Json] | None = None,
        *,
        provider: str,
        label: str | None = None,
        version: int | None = None,
        ref: str | None = None,
        strict: bool = False,
        local: bool = False,
        default: Fallback | None = None,
    ) -> dict[str, Json]:
        """As ``Client.request_body``."""
        key, values, make_body = make_key(name, label, version, ref), read_values(variables or {}), find_body(provider)
        require_engine(default, local=local)

        def make(prompt: Prompt) -> dict[str, Json]:
            return make_body(prompt, render_here(prompt, values, strict=strict))

        if local:
            return make(await self._get(key, default))
        ask = partial(self._engine.session.request_body, key, values, strict=strict, provider=provider)
        return await self._made(key, default, ask, make)

    async def put(
        self,
        name: str,
        content: str | bytes | Mapping[str, Json],
        *,
        etag: str | None = None,
        message: str | None = None,
        branch: str | None = None,
    ) -> Version:
        """As ``Client.put``."""
        session = self._engine.session
        written = await self._write(lambda: session.put(name, content, etag=etag, message=message, branch=branch))
        self._engine.reads.changed_here(name)
        return written

    async def label(self, name: str, label: str) -> Label:
        """As ``Client.label``."""
        session = self._engine.session
        return await self._read(lambda: session.label(name, label))

    async def move_label(self, name: str, label: str, version: int, *, message: str | None = None) -> LabelMoved:
        """As ``Client.move_label``."""
        moved = await self._write(lambda: self._engine.session.move_label(name, label, version, message))
        self._engine.reads.changed_here(name)
        return moved

    async def roll_back(self, name: str, label: str, *, reason: str, to: int | None = None) -> LabelMoved:
        """As ``Client.roll_back``."""
        moved = await self._write(lambda: self._engine.session.roll_back(name, label, reason, to))
        self._engine.reads.changed_here(name)
        return moved

    async def save_bundle(self, path: str | Path, *, label: str | None = None) -> None:
        """As ``Client.save_bundle``."""
        await self._write(lambda: write_private(Path(path), self._engine.session.bundle(label)))

    async def _get(self, key: Key, default: Fallback | None) -> Prompt:
        reads = self._engine.reads
        self._engine.start_following()
        try:
            found = reads.known(key)
            if found is not None:
                return found
            reads.require_worth(key, default)
            return await self._result(reads.ask(key), self._engine.session.timeout)
        except PromptuaryError as failure:
            return reads.otherwise(key, failure, default, lambda prompt: prompt)

    async def _made(
        self, key: Key, default: Fallback | None, ask: Callable[[], _T], make: Callable[[Prompt], _T]
    ) -> _T:
        """What the server makes of a template; where it is away, what is made here of the one that stands in."""
        reads, kept = self._engine.reads, can_render()
        try:
            reads.require_worth(key, default, kept=kept)
            return await self._read(ask)
        except PromptuaryError as failure:
            return reads.otherwise(key, failure, default, make, kept=kept)

    async def _read(self, work: Callable[[], _T]) -> _T:
        return await self._result(self._engine.submit(work), self._engine.session.timeout)

    async def _write(self, work: Callable[[], _T]) -> _T:
        return await self._result(self._engine.submit(work), self._engine.session.write_timeout)

    async def _result(self, future: Future[_T], seconds: float) -> _T:
        # Not wrapped: others may wait for the same request, which must not end with the first who gives up.
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        future.add_done_callback(lambda _: _wake(loop, done))
        try:
            await asyncio.wait_for(done, seconds + GRACE_SECONDS)
        except asyncio.TimeoutError:  # the built-in one only since 3.11
            raise self._engine.late() from None
        return future.result()


def _wake(loop: asyncio.AbstractEventLoop, done: asyncio.Future[None]) -> None:
    """From a thread: the result is there."""
    with suppress(RuntimeError):  # the loop was closed meanwhile, and nobody waits
        loop.call_soon_threadsafe(_end, done)


def _end(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)
