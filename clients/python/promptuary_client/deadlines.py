"""Sockets that keep a deadline for a whole exchange, not for each read: a server may not dribble for ever."""

from __future__ import annotations

import io
import socket
from time import monotonic
from typing import Any


class TimedSocket:
    """What http.client needs of a socket; every call ends by ``deadline`` (monotonic seconds) with TimeoutError."""

    def __init__(self, plain: socket.socket, deadline: float) -> None:
        self.plain = plain
        self.deadline = deadline

    def arm(self) -> None:
        """Gives the next call on the socket what is left. Raises TimeoutError where nothing is."""
        left = self.deadline - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.plain.settimeout(left)

    def sendall(self, data: Any) -> None:
        """As a socket's; http.client hands over bytes, or an iterable's pieces."""
        self.arm()
        self.plain.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """A reader of the answer. It keeps the connection open by itself, as a socket's own files do."""
        return io.BufferedReader(_TimedReader(self))

    def close(self) -> None:
        """Ends the connection as soon as its reader is closed, too."""
        self.plain.close()


class _TimedReader(io.RawIOBase):
    def __init__(self, timed: TimedSocket) -> None:
        super().__init__()
        self._timed = timed
        self._raw = timed.plain.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int | None:
        self._timed.arm()
        return self._raw.readinto(into)

    def close(self) -> None:
        self._raw.close()
        super().close()
