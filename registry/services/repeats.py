"""Writes that a caller sends again because no answer came: they are done once and answered alike.

What a key did stands in the commit that it made, so a repeat is known over a restart of the server too; answers are
also kept in memory for the time between.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from cachetools import LRUCache

from registry.domain.ids import CommitId, RefName, RepositoryName
from registry.domain.request_keys import RequestKey, read_mark
from registry.ports.git import GitStore, Repositories

T = TypeVar("T")

COMMITS_READ = 1_000
"""How far back on a branch a repeat is known after a restart."""

ANSWERS_KEPT = 1_000
BRANCHES_KEPT = 100


@dataclass(frozen=True, slots=True)
class _Marks:
    """The marks of a branch's last commits: the hash of the key to what was asked and the commit that it made."""

    tip: CommitId
    made: Mapping[str, tuple[RequestKey, CommitId]]


@dataclass(frozen=True, slots=True)
class _Answered:
    """An answer that is kept, and what had been purged when it was given."""

    key: RequestKey
    answer: Any
    purged: frozenset[str]


class Repeats:
    """Sees to it that a write with a key is done once."""

    def __init__(self, *, git: Repositories) -> None:
        self._git = git
        self._answers: LRUCache[tuple[RepositoryName, str], _Answered] = LRUCache(ANSWERS_KEPT)
        self._running: dict[tuple[RepositoryName, str], tuple[RequestKey, asyncio.Task[Any]]] = {}
        self._marks: LRUCache[tuple[RepositoryName, RefName], _Marks] = LRUCache(BRANCHES_KEPT)

    async def once(
        self,
        repository: RepositoryName,
        branch: RefName | None,
        key: RequestKey | None,
        first: Callable[[], Awaitable[T]],
        again: Callable[[CommitId], Awaitable[T]],
    ) -> T:
        """Does ``first``, or where the key has made a commit on the branch already tells what that did, by ``again``.

        A repeat that comes while the first is under way waits for it; where that fails it is done itself, because
        nothing was changed. An answer that is kept is given to who has the same rights; for others it is made anew from
        the commit. ``branch`` is None for a write that makes no commit: a restart forgets it. Raises what
        both raise, and KeyReused.
        """
        if key is None:
            return await first()
        place = (repository, key.key)
        while (running := self._running.get(place)) is not None:
            key.require_same(running[0])
            await asyncio.wait([running[1]])
        if (known := self._answers.get(place)) is not None:
            key.require_same(known.key)
            if key.rights == known.key.rights and known.purged == self._purged(repository):
                answer: T = known.answer
                return answer
        task = asyncio.create_task(self._do(place, branch, key, first, again))
        self._running[place] = (key, task)
        task.add_done_callback(_retrieve)
        # A caller that gives up must not let a repeat begin beside what is under way.
        return await asyncio.shield(task)

    async def _do(
        self,
        place: tuple[RepositoryName, str],
        branch: RefName | None,
        key: RequestKey,
        first: Callable[[], Awaitable[T]],
        again: Callable[[CommitId], Awaitable[T]],
    ) -> T:
        try:
            made = await self._find(place[0], branch, key) if branch is not None else None
            answer = await again(made) if made is not None else await first()
            self._answers[place] = _Answered(key, answer, self._purged(place[0]))
            return answer
        finally:
            del self._running[place]

    def _purged(self, repository: RepositoryName) -> frozenset[str]:
        """What was purged so far: an answer from before may hold it, or name a commit that is gone."""
        with self._git.open(repository) as store:
            return store.purged()

    async def _find(self, repository: RepositoryName, branch: RefName, key: RequestKey) -> CommitId | None:
        """The commit that the key made, of the last on the branch. 0.1 ms for each that was not read before."""
        known = self._marks.get((repository, branch))
        marks = await asyncio.to_thread(self._read_on, repository, branch, known)
        if marks is None:
            return None
        self._marks[repository, branch] = marks
        found = marks.made.get(key.key)
        if found is None:
            return None
        key.require_same(found[0])
        return found[1]

    def _read_on(self, repository: RepositoryName, branch: RefName, known: _Marks | None) -> _Marks | None:
        with self._git.open(repository) as store:
            tip = store.refs().get(branch)
            return _read_on(store, tip, known) if tip is not None else None


def _read_on(store: GitStore, tip: CommitId, known: _Marks | None) -> _Marks:
    """The marks up to the tip, from those that are known where they are not far."""
    newer: dict[str, tuple[RequestKey, CommitId]] = {}
    at: CommitId | None = tip
    for _ in range(COMMITS_READ):
        if at is None or (known is not None and at == known.tip):
            break
        commit = store.commit(at)
        mark = read_mark(commit.message)
        if mark is not None:
            newer.setdefault(mark.key, (mark, at))
        at = commit.parents[0] if commit.parents else None
    older = list(known.made.items()) if known is not None and at == known.tip else []
    kept = older[max(0, len(older) + len(newer) - COMMITS_READ) :]
    return _Marks(tip, {**dict(kept), **dict(reversed(newer.items()))})


def _retrieve(task: "asyncio.Task[Any]") -> None:
    """Looks at an answer that its caller may have stopped waiting for, so that asyncio does not complain."""
    if not task.cancelled():
        task.exception()
