"""Reading the body of a Git request: the only reader of ``receive``, inflating as it goes, within limits."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from starlette.types import Receive

_PIECE = 1 << 16
_GZIP = 31  # zlib's word for "a gzip header, 32 kB window"


class BodyError(Exception):
    """The body cannot be used; ``status`` is what the client gets."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Disconnected(Exception):
    """The client went away before it had sent everything."""


class RequestBody:
    """A request body in pieces. Nothing else may call ``receive``: two readers deadlock a push."""

    def __init__(self, receive: Receive, *, gzipped: bool, max_bytes: int, idle_seconds: float) -> None:
        self._receive = receive
        self._gzipped = gzipped
        self._max_bytes = max_bytes
        self._idle_seconds = idle_seconds
        self.complete = False

    async def pieces(self) -> AsyncIterator[bytes]:
        """The inflated body.

        Raises Disconnected where the client goes away or sends nothing for ``idle_seconds``, BodyError where the
        body is no gzip although it says so, or is longer than ``max_bytes`` when inflated.
        """
        seen = 0
        inflater = zlib.decompressobj(_GZIP) if self._gzipped else None
        async for raw in self._raw():
            for piece in _inflate(inflater, raw) if inflater else (raw,):
                seen += len(piece)
                if seen > self._max_bytes:
                    raise BodyError(413, f"The request is larger than the {self._max_bytes} bytes that are taken.")
                yield piece
        if inflater is not None and not inflater.eof:
            raise BodyError(400, "The compressed request ends too early.")

    async def _raw(self) -> AsyncIterator[bytes]:
        while not self.complete:
            try:
                async with asyncio.timeout(self._idle_seconds):  # wait_for of Python 3.11 can lose a cancellation
                    message = await self._receive()
            except TimeoutError as error:
                raise Disconnected from error
            if message["type"] == "http.disconnect":
                raise Disconnected
            self.complete = not message.get("more_body", False)
            if body := message.get("body", b""):
                yield body

    async def drain(self) -> None:
        """Reads on and forgets, so that a client that sends to the end before it listens gets its answer."""
        left = 4 * self._max_bytes
        async for raw in self._raw():
            left -= len(raw)
            if left < 0:
                raise Disconnected

    async def gone(self) -> None:
        """Returns when the client has gone away. Only after the body is complete."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


def _inflate(inflater: Any, data: bytes) -> Iterator[bytes]:
    """What the data inflate to, piece by piece: a bomb is noticed long before it is in memory."""
    while True:
        try:
            piece = inflater.decompress(data, _PIECE)
        except zlib.error as error:
            raise BodyError(400, "The request says that it is gzip, but it is not.") from error
        if piece:
            yield piece
        data = inflater.unconsumed_tail
        if inflater.eof or (not data and len(piece) < _PIECE):
            return
