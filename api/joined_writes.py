"""What is written to a connection in one go of the event loop leaves in one call of the system.

An answer is written as its head and its body. Sent apart, a process that is killed in between leaves a client, or the
proxy in front, with a head whose body never comes; sent together, the proxy can still ask another replica.
"""

import asyncio
from typing import Any

from api.security_headers import HeaderBlock

LARGE = 65_536
MANY = 64
"""From so many bytes, or pieces, on the transport decides: it says when the other side does not keep up."""

_CONTINUE = b"HTTP/1.1 100 "
"""Begins what is said before an answer."""


class JoinedWrites:
    """A transport that holds what is written until the callbacks now ready have run; all else is the transport's."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []
        self.headers: HeaderBlock | None = None
        """What is put into the next head that is written: whoever begins an answer sets it."""
        self.written = 0
        """How many bytes were written so far."""
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Holds the data until the end of this go."""
        if self.headers is not None and not data.startswith(_CONTINUE):
            data, self.headers = self.headers.put_into(data), None
        self.written += len(data)
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        if len(data) > LARGE or len(self._held) > MANY:
            self._flush()

    def close(self) -> None:
        """Sends what is held and closes."""
        self._flush()
        self._transport.close()

    def write_eof(self) -> None:
        """Sends what is held, and says that nothing more comes."""
        self._flush()
        self._transport.write_eof()

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, []
            self._transport.writelines(held)
