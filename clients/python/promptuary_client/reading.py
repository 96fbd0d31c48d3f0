"""Reading by way of memory: fresh, stale while it is refreshed, from the server, from the bundle, from a default."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from copy import copy
from dataclasses import dataclass, replace
from time import monotonic
from typing import TypeVar

from promptuary_client.bundle import Bundle
from promptuary_client.cache import Cache, Entry, Key
from promptuary_client.errors import (
    BadRequest,
    NotFound,
    PromptuaryError,
    RenderFailed,
    Unavailable,
    Untrustworthy,
    VariablesInvalid,
)
from promptuary_client.notices import Notices
from promptuary_client.retries import jittered
from promptuary_client.values import SERVER, Fallback, Prompt, default_prompt
from promptuary_client.workers import Workers

_T = TypeVar("_T")
LONGEST_BACK_OFF = 10.0
"""Seconds for which a server that was away is not asked for what can be answered otherwise."""
_ABSENT_BYTES = 1024
_WEIGHT = 3
"""Bytes in memory for each byte of an answer, measured on the sample: most is the parsed document."""
_TRIAL_SECONDS = 10.0
"""For which one caller tries a server that was away, while others take what there is instead."""
_AWAY = "The server is away, as it was a moment ago"
_REFRESHERS = 2

Fetch = Callable[[Key, str], "Fetched"]
"""Asks the server for a key with the ETag that is known (or an empty one), within its own deadline."""


@dataclass(frozen=True)
class Fetched:
    """``prompt`` is None where the one that is known still holds; ``size`` is that of the answer in bytes."""

    prompt: Prompt | None
    size: int = 0


class _Flight:
    """A request on its way. ``outdated`` says that something changed after it began."""

    def __init__(self, future: Future[Prompt]) -> None:
        self.future = future
        self.outdated = False


class Reads:
    """The prompts that a program reads. Any number of threads may use it."""

    def __init__(
        self, fetch: Fetch, workers: Workers, *, ttl: float, cache_bytes: int, bundle: Bundle | None = None
    ) -> None:
        self._fetch = fetch
        self._workers = workers
        self._refreshers = Workers(_REFRESHERS, "promptuary-refresh")
        self._ttl = ttl
        self._bundle = bundle
        self._cache = Cache(cache_bytes)
        self._away_until = 0.0
        self._failures = 0
        self._trying = False
        self.entries = self._cache.entries
        self.forget()

    def forget(self) -> None:
        """After a fork: no threads, no requests on their way, and nothing is fresh, for nobody watched it."""
        self._lock = threading.Lock()
        self._notices = Notices()
        self._flights: dict[Key, _Flight] = {}
        self._cache.forget_lock()
        self._refreshers.forget()
        self.expire(None)

    def known(self, key: Key) -> Prompt | None:
        """What memory answers; a stale answer is refreshed meanwhile. None where the server has to be asked.

        Raises NotFound where the server said so within the time to live.
        """
        entry = self.entries.get(key)
        if entry is None or entry.must_ask:
            return None
        entry.used = True
        now = monotonic()
        if entry.absent is not None:
            if now >= entry.fresh_until:
                return None
            raise copy(entry.absent)  # a raised exception is changed by whoever raises it
        if now >= max(entry.fresh_until, entry.retry_at, self._away_until):
            self._begin(key, self._refreshers)
        return entry.prompt

    def ask(self, key: Key) -> Future[Prompt]:
        """The server's answer to come; who asks for the same meanwhile gets the same."""
        return self._begin(key, self._workers)

    def require_worth(self, key: Key, default: Fallback | None, *, kept: bool = True) -> None:
        """Raises Unavailable where the server is away, as far as is known, and there is another answer (``otherwise``).

        After its pause one caller tries it: it may hang, and then not all need to wait for that. Raises TypeError for a
        default that is none, before it is needed.
        """
        if default is not None:
            default_prompt(key.name, default)
        if not self._failures or self._fallback(key, default, kept=kept) is None:
            return
        with self._lock:
            if monotonic() < self._away_until:
                raise Unavailable(_AWAY)
            self._away_until = monotonic() + _TRIAL_SECONDS
            self._trying = True

    def otherwise(
        self, key: Key, failure: PromptuaryError, default: Fallback | None, make: Callable[[Prompt], _T], *,
        kept: bool = True,
    ) -> _T:  # fmt: skip
        """What ``make`` makes of the prompt that stands in where the server gave nothing. Raises the failure else.

        That is the one in memory, that of the bundle, the default; without ``kept`` the default alone.
        """
        if isinstance(failure, (BadRequest, VariablesInvalid, RenderFailed)):  # the caller's own
            raise failure
        found = self._fallback(key, default, kept=kept and not isinstance(failure, NotFound))
        if found is None:
            raise failure
        prompt, place = found
        made = make(prompt)
        why = "" if kept else ", since without the extra render nothing else can be rendered here"
        self._notices.failed(key.name, failure, f"was answered from {place}{why}")
        return made

    def expire(self, name: str | None, *, eagerly: bool = False) -> None:
        """What concerns a template (None: everything) is stale from now on; ``eagerly`` it is asked for at once."""
        with self._lock:
            for key, flight in self._flights.items():
                flight.outdated = flight.outdated or name is None or key.name == name
        for key, entry in self._cache.concerning(name):
            entry.fresh_until = 0.0
            if entry.absent is not None:
                self._cache.drop(key)
            elif eagerly:
                entry.retry_at = 0.0
                self._begin(key, self._refreshers)

    def changed_here(self, name: str) -> None:
        """This program changed the template: its next read asks the server first."""
        with self._lock:
            for flight in self._flights.values():  # of any name: it may include this one
                flight.outdated = True
        for _, entry in self._cache.concerning(name):
            entry.must_ask = True
        self.expire(name)

    def failed(self, failure: PromptuaryError) -> None:
        """A request has failed, in a thread of its own; what the server says of it is an answer, too."""
        if self._bundle is not None:
            self._bundle.load()  # here, where it holds nobody up
        if isinstance(failure, Unavailable):
            self.lost(failure)
        elif failure.status is not None:
            self.reached()

    def reached(self) -> None:
        """The server has answered."""
        self._failures, self._away_until, self._trying = 0, 0.0, False
        self._notices.reached()

    def lost(self, failure: Unavailable) -> None:
        """The server has not answered: for a while it is not asked for what can be answered otherwise."""
        if isinstance(failure, Untrustworthy) or (monotonic() < self._away_until and not self._trying):
            return
        self._trying = False
        pause = _back_off(self._failures)
        self._failures = min(self._failures + 1, 10)
        self._away_until = monotonic() + max(pause, min(failure.retry_after or 0.0, LONGEST_BACK_OFF))

    def close(self) -> None:
        """Lets the threads end."""
        self._refreshers.stop()

    def _require_near(self) -> None:
        if monotonic() < self._away_until:
            raise Unavailable(_AWAY)

    def _begin(self, key: Key, workers: Workers) -> Future[Prompt]:
        with self._lock:
            flight = self._flights.get(key)
            if flight is None or flight.outdated:
                promised: Future[Prompt] = Future()
                flight = self._flights[key] = _Flight(promised)
                workers.submit(lambda: self._run(key, flight, background=workers is self._refreshers))
            return flight.future

    def _run(self, key: Key, flight: _Flight, *, background: bool) -> None:
        try:
            if background:
                self._require_near()  # it waited its turn, and another may have found out meanwhile
            result = self._read(key, flight)
        except BaseException as error:  # noqa: BLE001  (whoever waits for the result gets it)
            self._landed(key, flight)
            flight.future.set_exception(error)
        else:
            self._landed(key, flight)
            flight.future.set_result(result)

    def _landed(self, key: Key, flight: _Flight) -> None:
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]

    def _read(self, key: Key, flight: _Flight) -> Prompt:
        entry = self.entries.get(key)
        known = entry.prompt if entry is not None else None
        try:
            fetched = self._fetch(key, known.etag if known is not None else "")
        except NotFound as absent:
            self.failed(absent)
            self._store(key, flight, Entry(None, absent, fresh_until=0.0, weight=_ABSENT_BYTES))
            if self._bundle is not None:
                self._bundle.drop(key)
            raise
        except PromptuaryError as failure:
            self.failed(failure)
            if entry is not None:
                entry.retry_at = monotonic() + _back_off(0)
                self._notices.failed(key.name, failure, "could not be refreshed")
            raise
        self.reached()
        prompt = fetched.prompt or known
        assert prompt is not None, "a server that says 304 without having been given an ETag is refused by fetch"
        if prompt.origin != SERVER:  # the server has said that what the bundle has still holds
            prompt = replace(prompt, origin=SERVER)
        weight = fetched.size * _WEIGHT if entry is None or fetched.prompt is not None else entry.weight
        self._store(key, flight, Entry(prompt, None, fresh_until=0.0, weight=weight))
        if self._bundle is not None and fetched.prompt is not None:
            self._bundle.remember(key, prompt)
        return prompt

    def _store(self, key: Key, flight: _Flight, entry: Entry) -> None:
        """Keeps an answer, unless a later one is on its way; stale where something changed after it was asked for."""
        with self._lock:
            current = self.entries.get(key)
            if self._flights.get(key) is not flight:
                return
            if not flight.outdated:
                entry.fresh_until = monotonic() + self._ttl
            elif current is None or current.must_ask:
                return
            self._cache.put(key, entry)  # within the lock: else a change could come between

    def _fallback(self, key: Key, default: Fallback | None, *, kept: bool) -> tuple[Prompt, str] | None:
        """What is ``kept`` in memory, then in the bundle; then the default. And which of them it is, in words."""
        if kept:
            entry = self.entries.get(key)
            if entry is not None and entry.prompt is not None:
                return entry.prompt, "memory"
            found = self._bundle.find(key) if self._bundle is not None else None
            if found is not None:
                weight = (2 * len(found.source) + sum(map(len, found.partials.values()))) * _WEIGHT
                if entry is None:
                    self._cache.put(key, Entry(found, None, fresh_until=0.0, weight=weight))
                return found, "the bundle"
        return None if default is None else (default_prompt(key.name, default), "the default")


def _back_off(failures: int) -> float:
    return 0.5 + jittered(failures, LONGEST_BACK_OFF, first=1.0)
