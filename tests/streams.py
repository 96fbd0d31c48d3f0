"""A client of server-sent events for tests: reads a stream in a thread, as EventSource reads it."""

import http.client
import json
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple
from urllib.parse import quote

from tests.running import REPOSITORY, Running


class Received(NamedTuple):
    """One event: its id, its name and the JSON of its data."""

    id: str
    event: str
    data: dict[str, Any]


class Stream:
    """What one connection has received; ``last_id`` also moves by ids without data, as the standard wants it."""

    def __init__(self, server: Running, query: str, last_id: str | None) -> None:
        self.last_id = last_id
        self.ended = threading.Event()
        self._found: queue.Queue[Received] = queue.Queue()
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        sent = {"Authorization": f"Bearer {server.key}"} | ({"Last-Event-ID": last_id} if last_id is not None else {})
        self._connection.request("GET", f"/api/v1/repositories/{REPOSITORY}/events?{query}", headers=sent)
        self.answer = self._connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        self._socket = self.answer.fp.raw._sock  # type: ignore[union-attr]
        self._opened = threading.Event()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        assert self._opened.wait(10), "the stream says nothing"

    def take(self, count: int, seconds: float = 10) -> list[Received]:
        """The next events; all of them have to come."""
        return [self._found.get(timeout=seconds) for _ in range(count)]

    def none_for(self, seconds: float) -> bool:
        """Whether nothing comes for so long."""
        try:
            self._found.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reading.join()
        self._connection.close()

    def _read(self) -> None:
        try:
            fields: dict[str, str] = {}
            while line := self.answer.readline():
                text = line.decode().rstrip("\n")
                if text:
                    name, _, value = text.partition(":")
                    fields[name] = value.removeprefix(" ")
                    continue
                self.last_id = fields.get("id", self.last_id)
                if "data" in fields:
                    self._found.put(Received(fields["id"], fields["event"], json.loads(fields["data"])))
                fields = {}
                self._opened.set()
        except (OSError, ValueError, http.client.HTTPException):
            pass
        finally:
            self.ended.set()


@contextmanager
def streaming(server: Running, last_id: str | None = None, **query: str) -> Iterator[Stream]:
    """A stream while the context is open."""
    stream = Stream(server, "&".join(f"{name}={quote(value)}" for name, value in query.items()), last_id)
    try:
        yield stream
    finally:
        stream.close()
