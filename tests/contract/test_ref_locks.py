"""Locks on a ref that stand in the way of a write: of one that was killed, and of others that live."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from registry.adapters.git import LocalRepositories, ref_moves
from registry.domain.errors import RefMoved, Unavailable
from registry.domain.ids import ZERO_COMMIT, CommitId, RefName, RepositoryName
from registry.domain.refs import RefUpdate, Signature
from registry.ports.git import GitStore

NAME = RepositoryName("prompts")
MAIN = RefName("refs/heads/main")
HANNAH = Signature("Hannah", "hannah@example.org", datetime(2026, 3, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Main:
    """A repository whose main is at ``first``; ``move`` moves it to ``second``."""

    store: GitStore
    path: Path
    first: CommitId
    second: CommitId

    @property
    def lock(self) -> Path:
        return self.path / "refs/heads/main.lock"

    def move(self) -> None:
        self.store.move(RefUpdate(MAIN, self.first, self.second))


@pytest.fixture
def main(tmp_path: Path) -> Iterator[Main]:
    repositories = LocalRepositories(tmp_path / "repositories", hook_command="/nowhere/promptuary")
    repositories.create(NAME)
    with repositories.open(NAME) as store:
        first = store.write_commit(None, {"a": b"1"}, HANNAH, HANNAH, "first")
        second = store.write_commit(first, {"a": b"2"}, HANNAH, HANNAH, "second")
        store.move(RefUpdate(MAIN, ZERO_COMMIT, first))
        yield Main(store, repositories.path(NAME), first, second)


def test_a_lock_left_by_a_killed_writer_is_broken_once_it_is_old(main: Main) -> None:
    main.lock.write_text("")
    assert ref_moves.sweep_locks(main.path, 60) == []
    began = time.time()
    os.utime(main.lock, (began - 2, began - 2))
    main.move()
    assert time.time() - began > 2, "it was waited for until nobody who lives could still want it"
    main.lock.write_text("")
    assert ref_moves.sweep_locks(main.path, -1) == [main.lock]


def test_a_killed_writers_lock_that_stays_is_no_conflict(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ref_moves, "_WAIT_SECONDS", 0.1)
    monkeypatch.setattr(ref_moves, "_STALE_SECONDS", 0.1)
    main.lock.write_text("")
    os.utime(main.lock, (time.time() + 60, time.time() + 60))  # the clock was put back
    with pytest.raises(Unavailable, match=r"nothing was changed\. Send it again"):
        main.move()
    assert (main.store.resolve("main"), main.lock.exists()) == (main.first, True)


def test_locks_that_others_keep_taking_are_a_conflict(main: Main, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ref_moves, "_WAIT_SECONDS", 0.3)
    other = main.path / "another"
    main.lock.write_text("")
    stopping = threading.Event()

    def take_turns() -> None:
        while not stopping.wait(0.02):
            other.write_text("")
            other.replace(main.lock)

    thread = threading.Thread(target=take_turns)
    thread.start()
    try:
        with pytest.raises(RefMoved, match="written by somebody else"):
            main.move()
    finally:
        stopping.set()
        thread.join()
    assert main.store.resolve("main") == main.first
