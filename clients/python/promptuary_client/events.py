"""Following what changes (server-sent events), so that a change is seen before the time to live is over.

Nothing depends on it: while the stream is away, and where the server has none, the time to live does alone.
"""

from __future__ import annotations

import http.client
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import monotonic

from promptuary_client.errors import Denied, NotFound, PromptuaryError, Unauthorized, Untrustworthy, problem_error
from promptuary_client.retries import jittered
from promptuary_client.transport import Connection, Request, Transport

log = logging.getLogger("promptuary_client")

SILENCE_SECONDS = 60.0
"""A stream that says nothing for so long, not even a comment, is taken for dead."""
CONNECT_SECONDS = 10.0
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 5.0
"""A stream that lived for so long was one, even if nothing happened."""
_FIRST_PAUSE = 0.5
REFUSED_PAUSE = 60.0
"""Where the key is refused or there is no stream: that may change, but not in seconds."""
_MAX_LINE = 65_536
_NO_MATTER = frozenset({"ref_projected", "resume"})
"""Events without a name that change no template; any other without a name (``reset``) may have changed all."""

OnChange = Callable[..., None]
"""Called with a template's name (None: any of them), and ``eagerly=`` whether it is known to have changed."""


@dataclass(frozen=True)
class Told:
    """One event of the stream: its id, and the template that it names; ``about_all`` where it may change any."""

    id: str | None
    name: str | None
    about_all: bool = False


class Follower:
    """A daemon thread that follows a repository's events from the first ``start`` until ``close``."""

    def __init__(self, transport: Transport, target: str, on_change: OnChange) -> None:
        self._transport = transport
        self._target = target
        self._on_change = on_change
        self._last_id: str | None = None
        self.forget()

    def forget(self) -> None:
        """After a fork: the thread is the parent's; the next ``start`` makes one here."""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._failures = 0
        self._told: set[str] = set()

    def start(self) -> None:
        """Begins to follow, once."""
        with self._lock:
            if self._thread is None and not self._ended.is_set():
                self._thread = threading.Thread(target=self._run, name="promptuary-events", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Ends the stream and its thread."""
        self._ended.set()
        connection = self._connection
        if connection is not None:
            connection.interrupt()

    def _run(self) -> None:
        while not self._ended.is_set():
            began, lasting = monotonic(), False
            try:
                self._follow()
            except (OSError, ValueError, http.client.HTTPException, PromptuaryError) as error:
                lasting = self._tell(error)
            if monotonic() - began > STEADY_SECONDS:  # there was one; what ends as it begins counts as a failure
                self._failures = 0
            pause = jittered(self._failures, LONGEST_PAUSE, first=_FIRST_PAUSE)
            self._failures = min(self._failures + 1, 10)
            self._ended.wait(REFUSED_PAUSE if lasting else pause)

    def _tell(self, error: Exception) -> bool:
        """Logs why there is no stream, each reason once until there is one again; whether it may last."""
        level, lasting = logging.INFO, True
        if isinstance(error, (Unauthorized, Denied)):
            level, words = logging.WARNING, "The event stream is refused: %s"
        elif isinstance(error, NotFound):
            level, words = logging.WARNING, "There is nothing whose events could be followed: %s"
        elif isinstance(error, Untrustworthy) and error.status == 404:  # an older server, or a proxy that lost it
            words = "The server has no event stream, so the time to live does alone: %s"
        else:
            words, lasting = "The event stream is away, and the time to live does alone until it is back: %s", False
        if words not in self._told and not self._ended.is_set():
            self._told.add(words)
            log.log(level, words, error if isinstance(error, PromptuaryError) else type(error).__name__)
        return lasting

    def _begun(self) -> None:
        """There is a stream."""
        if self._told:
            self._told.clear()
            log.info("The event stream is back")

    def _follow(self) -> None:
        """Follows one stream to its end. Raises PromptuaryError where there is none, OSError where it breaks off."""
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self._last_id:
            headers["Last-Event-ID"] = self._last_id
        request = Request("GET", self._target, headers)
        connection, response = self._transport.stream(request, monotonic() + CONNECT_SECONDS)
        self._connection = connection
        try:
            if response.status != 200:
                headers = {name.lower(): value for name, value in response.getheaders()}
                raise problem_error(response.status, response.read(_MAX_LINE), headers)
            self._begun()
            self._on_change(None)  # what changed while nobody listened
            for told in read_events(_lines(connection, response)):
                if told.name is not None:
                    self._on_change(told.name, eagerly=True)
                elif told.about_all:
                    self._on_change(None)
                if told.id != self._last_id:
                    self._failures = 0  # it tells what is new, however soon a proxy ends it
                self._last_id = told.id or self._last_id
                if self._ended.is_set():
                    break
        finally:
            self._connection = None
            response.close()
            connection.close()


def read_events(lines: Iterator[str]) -> Iterator[Told]:
    """The events in the lines of a stream (without line ends). What cannot be read may have been any change."""
    event_id, data = None, []
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "id":
            event_id = value
        elif field == "data":
            data.append(value)
        elif not line and (data or event_id is not None):
            yield _told(event_id, "\n".join(data))
            event_id, data = None, []


def _told(event_id: str | None, data: str) -> Told:
    if not data:
        return Told(event_id, None)
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return Told(event_id, None, about_all=True)
    name = said.get("name")
    if isinstance(name, str):
        return Told(event_id, name)
    return Told(event_id, None, about_all=said.get("type") not in _NO_MATTER)


def _lines(connection: Connection, response: http.client.HTTPResponse) -> Iterator[str]:
    while True:
        connection.extend(monotonic() + SILENCE_SECONDS)
        line = response.readline(_MAX_LINE)
        if not line:
            return
        yield line.decode("utf-8", "replace").rstrip("\r\n")
