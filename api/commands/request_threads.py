"""Threads for several requests at a time."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


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
