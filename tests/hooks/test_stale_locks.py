"""A lock left by a killed writer does not stand in the way of pushes; a living writer's is waited for."""

import asyncio
import os
import time
from pathlib import Path

from hooks.stale_locks import STALE_SECONDS, clear_locks

REF = "refs/heads/main"


def lock_of(repository: Path) -> Path:
    lock = repository / f"{REF}.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("")
    return lock


async def test_an_old_lock_is_removed_at_once(tmp_path: Path) -> None:
    lock = lock_of(tmp_path)
    old = time.time() - STALE_SECONDS - 1
    os.utime(lock, (old, old))
    await asyncio.wait_for(clear_locks(tmp_path, [REF, "refs/heads/none"]), 1)
    assert not lock.exists()


async def test_a_fresh_lock_is_waited_for_and_left_alone(tmp_path: Path) -> None:
    lock = lock_of(tmp_path)
    waiting = asyncio.create_task(clear_locks(tmp_path, [REF]))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    assert lock.exists()
    lock.unlink()
    await asyncio.wait_for(waiting, 1)


async def test_locks_of_head_and_of_packed_refs_stand_in_the_way_too(tmp_path: Path) -> None:
    old = time.time() - STALE_SECONDS - 1
    locks = [tmp_path / "HEAD.lock", tmp_path / "packed-refs.lock"]
    for lock in locks:
        lock.write_text("")
        os.utime(lock, (old, old))
    await asyncio.wait_for(clear_locks(tmp_path, [REF]), 1)
    assert not any(lock.exists() for lock in locks)
