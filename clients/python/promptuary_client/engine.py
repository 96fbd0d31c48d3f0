"""What both clients stand on: one set of connections, threads and memory, which a fork starts anew."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from promptuary_client.address import Secret, parse_server
from promptuary_client.bundle import Bundle
from promptuary_client.cache import Key
from promptuary_client.errors import BadRequest, PromptuaryError, Unavailable
from promptuary_client.events import Follower
from promptuary_client.options import Options
from promptuary_client.reading import Reads
from promptuary_client.session import Session, require_strings
from promptuary_client.transport import Transport
from promptuary_client.workers import Workers

_T = TypeVar("_T")
GRACE_SECONDS = 0.25
"""How much longer a caller waits than a request may take, so that the request itself says what went wrong."""

MAX_THREADS = 16
"""Requests on their way at once; more wait for their turn, within their own time."""


class Engine:
    """The parts of a client, put together."""

    def __init__(self, url: str, key: str, options: Options) -> None:
        self.options = options
        self.transport = Transport(parse_server(url), Secret(key), options.ssl_context)
        self.session = Session(
            self.transport,
            options.repository,
            timeout=options.timeout,
            write_timeout=options.write_timeout,
            retries=options.retries,
        )
        self.workers = Workers(MAX_THREADS, "promptuary")
        self.bundle: Bundle | None = None
        if options.bundle is not None:
            self.bundle = Bundle(Path(options.bundle), options.repository, options.cache_bytes)
        self.reads = Reads(
            self.session.fetch, self.workers, ttl=options.ttl, cache_bytes=options.cache_bytes, bundle=self.bundle
        )
        self.follower: Follower | None = None
        if options.events:
            target = self.transport.server.target(options.repository, "events")
            self.follower = Follower(self.transport, target, self.reads.expire)
        _engines.add(self)

    def __repr__(self) -> str:
        return f"{self.transport.server} repository={self.options.repository}"

    def submit(self, work: Callable[[], _T]) -> Future[_T]:
        """The result of something that asks the server, to come."""
        return self.workers.submit(lambda: self._noted(work))

    def late(self) -> Unavailable:
        """What to raise where a result did not come in time, whatever hangs in its thread."""
        failure = Unavailable("The server did not answer in time")
        self.reads.lost(failure)
        return failure

    def start_following(self) -> None:
        """Begins to follow events where that was asked for."""
        if self.follower is not None:
            self.follower.start()

    def _noted(self, work: Callable[[], _T]) -> _T:
        try:
            result = work()
        except PromptuaryError as failure:
            self.reads.failed(failure)
            raise
        self.reads.reached()
        return result

    def forget(self) -> None:
        """After a fork, in the child: what belongs to the parent is left to it; what was read is kept, as stale."""
        self.transport.forget()
        self.workers.forget()
        if self.bundle is not None:
            self.bundle.forget()
        if self.follower is not None:
            self.follower.forget()
        self.reads.forget()

    def close(self) -> None:
        """Writes the bundle, ends threads and connections."""
        if self.follower is not None:
            self.follower.close()
        if self.bundle is not None:
            self.bundle.flush()
        self.reads.close()
        self.workers.stop()
        self.transport.close()


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()


def _after_fork() -> None:
    for engine in list(_engines):
        engine.forget()


if hasattr(os, "register_at_fork"):  # there is no fork on Windows
    os.register_at_fork(after_in_child=_after_fork)


def make_key(name: str, label: str | None, version: int | None, ref: str | None) -> Key:
    """What is asked for. Raises BadRequest for selectors that are none or do not go together, TypeError for others."""
    require_strings(name=name, label=label, ref=ref)
    if version is not None and (label is not None or ref is not None):
        raise BadRequest("version= stands alone: leave out label= and ref=")
    if version is not None and (type(version) is not int or version < 1):
        raise BadRequest(f"version= is a number from 1, not {version!r}")
    return Key(name, label, version, ref)
