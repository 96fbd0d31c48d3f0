"""What two trees differ in, remembered: gate and numbering ask for the same of each commit that comes in."""

from threading import Lock

from cachetools import LRUCache

from registry.domain.refs import TreeChange

CHANGES_KEPT = 5_000

_Trees = tuple[bytes | None, bytes]


class Comparisons:
    """The answers that were asked for last, for all threads and all repositories: a tree's id says what is in it."""

    def __init__(self) -> None:
        self._kept: LRUCache[_Trees, list[TreeChange]] = LRUCache(CHANGES_KEPT, getsizeof=lambda kept: len(kept) + 1)
        self._lock = Lock()

    def find(self, old: bytes | None, new: bytes) -> list[TreeChange] | None:
        """What two trees (ids of 20 bytes; None is the empty one) differ in, where that is known."""
        with self._lock:
            found = self._kept.get((old, new))
        return list(found) if found is not None else None

    def keep(self, old: bytes | None, new: bytes, changes: list[TreeChange]) -> None:
        """Remembers it, if it is not too much."""
        if len(changes) < CHANGES_KEPT:
            with self._lock:
                self._kept[old, new] = list(changes)
