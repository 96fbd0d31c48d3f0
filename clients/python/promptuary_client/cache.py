"""What has been read, in memory: bounded by bytes, and read without a lock."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import NamedTuple

from promptuary_client.errors import NotFound
from promptuary_client.values import Prompt


class Key(NamedTuple):
    """What was asked for: a template, and which state of it."""

    name: str
    label: str | None = None
    version: int | None = None
    ref: str | None = None


class Entry:
    """An answer that is kept: a prompt, or that there is none (``absent``).

    Until ``fresh_until`` (monotonic seconds) it is answered without the network; after that it is answered and
    refreshed. ``must_ask`` says that this program changed it meanwhile: then the server is asked first.
    """

    __slots__ = ("absent", "fresh_until", "must_ask", "prompt", "retry_at", "used", "weight")

    def __init__(self, prompt: Prompt | None, absent: NotFound | None, *, fresh_until: float, weight: int) -> None:
        self.prompt = prompt
        self.absent = absent
        self.fresh_until = fresh_until
        self.retry_at = 0.0
        self.must_ask = False
        self.used = False
        self.weight = weight

    def concerns(self, key: Key, name: str) -> bool:
        """Whether a change of the template ``name`` can change this entry, which stands under ``key``."""
        known = self.prompt
        return key.name == name or (known is not None and (known.name == name or name in known.partials))


class Cache:
    """Entries by what was asked for, about ``max_bytes`` of them; what was not used goes first."""

    def __init__(self, max_bytes: int) -> None:
        self.entries: dict[tuple[str, str | None, int | None, str | None], Entry] = {}
        """For reading by anybody: single look-ups in a dict need no lock."""
        self._max_bytes = max_bytes
        self._bytes = 0
        self.forget_lock()

    def forget_lock(self) -> None:
        """After a fork the lock may be held by a thread that is no more."""
        self._lock = threading.Lock()

    def put(self, key: Key, entry: Entry) -> None:
        """Keeps an entry in place of an older one, and lets others go where they take too much."""
        with self._lock:
            old = self.entries.pop(key, None)
            self._bytes += entry.weight - (old.weight if old is not None else 0)
            self.entries[key] = entry
            while self._bytes > self._max_bytes and len(self.entries) > 1:
                self._look_at_oldest(key)

    def drop(self, key: Key) -> None:
        """Forgets an entry."""
        with self._lock:
            old = self.entries.pop(key, None)
            self._bytes -= old.weight if old is not None else 0

    def concerning(self, name: str | None) -> Iterator[tuple[Key, Entry]]:
        """The entries that a change of a template can change; all of them for None."""
        for key, entry in list(self.entries.items()):
            if name is None or entry.concerns(Key(*key), name):
                yield Key(*key), entry

    def _look_at_oldest(self, newest: Key) -> None:
        """Lets the oldest go, or gives it another round where it was used since it was last looked at."""
        key = next(iter(self.entries))
        entry = self.entries.pop(key)
        if entry.used or key == newest:
            entry.used = False
            self.entries[key] = entry
        else:
            self._bytes -= entry.weight
