"""Threads for several requests at a time, and for one that nobody may wait for too long."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def request_threads(most: int) -> Iterator[ThreadPoolExecutor]:
    """Up to so many threads. However the context is left, nothing waits for what is under way, and nothing else begins.

    So whoever presses Ctrl-C does not wait for a server that is silent.
    """
    pool = ThreadPoolExecutor(most)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def within(seconds: float, work: Callable[[], T]) -> T | None:
    """What the work gives, which raises nothing; None where it takes longer: a server may trickle, and is let go."""
    came: list[T] = []
    working = Thread(target=lambda: came.append(work()), daemon=True)
    working.start()
    working.join(seconds)
    return came[0] if came else None
