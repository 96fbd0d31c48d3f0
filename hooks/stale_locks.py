"""Ref locks that a killed writer left in the way of a push: Git itself never removes them."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable
from pathlib import Path

log = logging.getLogger(__name__)

STALE_SECONDS = 5.0
"""Writers hold a lock for milliseconds; one that has stood for so long belongs to nobody who lives."""


async def clear_locks(repository: Path, refs: Iterable[str]) -> None:
    """Waits until no lock stands in the way of these refs (full names, judged well formed); too old ones are removed.

    Git locks HEAD too where it names the branch, and the packed refs where a ref is deleted.
    """
    for ref in (*refs, "HEAD", "packed-refs"):
        lock = repository / f"{ref}.lock"
        while (age := _age(lock)) is not None:
            if age > STALE_SECONDS:
                log.warning("removed the lock %s, which a killed process left", lock)
                with contextlib.suppress(OSError):
                    lock.unlink()
                break
            await asyncio.sleep(0.02)


def _age(lock: Path) -> float | None:
    """Seconds since the lock was taken; None where there is none. One from the future counts as old."""
    try:
        age = time.time() - lock.stat().st_mtime
    except OSError:
        return None
    return age if age >= 0 else STALE_SECONDS + 1
