"""One request and its answer over HTTP/1.1, on connections that are kept for the next one."""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from time import monotonic

from promptuary_client.address import Secret, Server
from promptuary_client.deadlines import TimedSocket
from promptuary_client.errors import Unavailable

MAX_BODY = 64 * 1_048_576
"""Bytes of one answer; a longer one is not read."""
MAX_IDLE = 8
"""Connections kept for later requests."""
MAX_HOPS = 3
_PIECE = 65_536
_GZIP = 16 + zlib.MAX_WBITS
USER_AGENT = "promptuary-client/0.1"


@dataclass(frozen=True)
class Request:
    """``target`` is path and query. ``follow`` lets it go where the server redirects it, within the same origin."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    follow: bool = False


@dataclass(frozen=True)
class Answer:
    """Status, headers (lower-case names) and body; ``redirected`` where another address than the asked one gave it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    redirected: bool = False


class Connection:
    """An open connection, whose every use ends by a deadline."""

    def __init__(self, server: Server, context: ssl.SSLContext | None, deadline: float) -> None:
        left = max(deadline - monotonic(), 0.001)
        if server.scheme == "https":
            made: http.client.HTTPConnection = http.client.HTTPSConnection(
                server.host, server.port, timeout=left, context=context
            )
        else:
            made = http.client.HTTPConnection(server.host, server.port, timeout=left)
        made.connect()
        made.auto_open = 0  # it would open one without a deadline
        assert made.sock is not None
        self._timed = TimedSocket(made.sock, deadline)
        self._http = made
        self._http.sock = self._timed

    def send(self, request: Request, key: Secret) -> http.client.HTTPResponse:
        """Sends a request and reads the head of its answer."""
        headers = {**request.headers, "Authorization": f"Bearer {key.value}", "User-Agent": USER_AGENT}
        self._http.request(request.method, request.target, body=request.body, headers=headers)
        return self._http.getresponse()

    def extend(self, deadline: float) -> None:
        """Gives what follows another deadline."""
        self._timed.deadline = deadline

    def is_quiet(self) -> bool:
        """Whether the server has neither closed it nor sent what nobody asked for."""
        try:
            readable, _, _ = select.select([self._timed.plain], [], [], 0)
        except (OSError, ValueError):
            return False
        return not readable

    def close(self) -> None:
        """Ends it."""
        self._http.close()

    def interrupt(self) -> None:
        """Ends it from another thread, which wakes the one that reads."""
        try:
            self._timed.plain.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


class Transport:
    """Requests to one server with one key. Any number of threads may use it."""

    def __init__(self, server: Server, key: Secret, context: ssl.SSLContext | None = None) -> None:
        self.server = server
        self._key = key
        self._context = context
        self._closed = False
        self._idle: list[Connection] = []
        self.forget()

    def forget(self) -> None:
        """Starts anew without any connection: after a fork they are the parent's, for whom they stay open."""
        self._lock = threading.Lock()
        waiting, self._idle = self._idle, []
        for connection in waiting:
            connection.close()

    def exchange(self, request: Request, deadline: float) -> Answer:
        """Sends and reads to the end by ``deadline`` (monotonic seconds). Raises Unavailable."""
        for hop in range(MAX_HOPS + 1):
            answer = self._once(request, deadline)
            if not request.follow or answer.status not in {307, 308} or "location" not in answer.headers:
                return replace(answer, redirected=hop > 0)
            target = self.server.follow(request.target, answer.headers["location"])
            if target is None:
                raise Unavailable("The server redirects to another origin, which is not followed: it would get the key")
            request = replace(request, target=target)
        raise Unavailable(f"The server redirects more than {MAX_HOPS} times")

    def stream(self, request: Request, deadline: float) -> tuple[Connection, http.client.HTTPResponse]:
        """Sends and reads the head of an answer that goes on. The caller closes the connection. Raises Unavailable."""
        connection = self._connect(deadline)
        try:
            return connection, connection.send(request, self._key)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise _lost(error) from None
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Ends the connections that wait."""
        with self._lock:
            self._closed = True  # requests on their way end their own
            waiting, self._idle = self._idle, []
        for connection in waiting:
            connection.close()

    def _once(self, request: Request, deadline: float) -> Answer:
        kept = self._take(deadline)
        if kept is not None:
            try:
                return self._use(kept, request)
            except (http.client.RemoteDisconnected, ConnectionError):
                # The server may have closed it while it waited. Not so a write: it may have been done.
                if not (request.follow or "Idempotency-Key" in request.headers):
                    raise Unavailable("The server closed the connection before it answered") from None
            except (OSError, http.client.HTTPException) as error:
                raise _lost(error) from None
        fresh = self._connect(deadline)
        try:
            return self._use(fresh, request)
        except (OSError, http.client.HTTPException) as error:
            raise _lost(error) from None

    def _use(self, connection: Connection, request: Request) -> Answer:
        done = False
        try:
            with connection.send(request, self._key) as response:
                body = _read_body(response)
                done = not response.will_close
                headers = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, headers, body)
        finally:
            if done:
                self._give_back(connection)
            else:
                connection.close()

    def _connect(self, deadline: float) -> Connection:
        try:
            return Connection(self.server, self._context, deadline)
        except (OSError, http.client.HTTPException) as error:
            lost = _lost(error)
            lost.unsent = True
            raise lost from None

    def _take(self, deadline: float) -> Connection | None:
        while True:
            with self._lock:
                kept = self._idle.pop() if self._idle else None
            if kept is None or kept.is_quiet():
                if kept is not None:
                    kept.extend(deadline)
                return kept
            kept.close()

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            if len(self._idle) < MAX_IDLE and not self._closed:
                self._idle.append(connection)
                return
        connection.close()


def _read_body(response: http.client.HTTPResponse) -> bytes:
    """All of it, unpacked where it is gzip."""
    coding = response.headers.get("content-encoding", "identity").lower()
    if coding not in {"identity", "gzip"}:
        raise http.client.UnknownTransferEncoding(coding)
    unpack = zlib.decompressobj(_GZIP) if coding == "gzip" else None
    pieces, size = [], 0
    while piece := response.read(_PIECE):
        if unpack is not None:
            piece = _unpacked(unpack, piece, MAX_BODY + 1 - size)
        pieces.append(piece)
        size += len(piece)
        if size > MAX_BODY:
            raise Unavailable(f"The server's answer is longer than {MAX_BODY} bytes")
    if response.length or (unpack is not None and not unpack.eof):  # some Pythons take what broke off for a whole one
        raise http.client.IncompleteRead(b"")
    return b"".join(pieces)


def _unpacked(unpack: zlib._Decompress, piece: bytes, most: int) -> bytes:
    try:
        return unpack.decompress(piece, most)
    except zlib.error:
        raise http.client.HTTPException from None


def _lost(error: Exception) -> Unavailable:
    """The words of an operating system's error; of a broken answer its kind alone, for it may say anything."""
    if isinstance(error, (TimeoutError, socket.timeout)):
        return Unavailable("The server did not answer in time")
    if isinstance(error, OSError):
        return Unavailable(f"The server cannot be reached: {error.strerror or type(error).__name__}")
    return Unavailable(f"The server's answer broke off or cannot be read ({type(error).__name__})")
