"""Threads for what may wait: the caller waits for the result with a bound of its own, whatever hangs in the thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Optional, TypeVar

_T = TypeVar("_T")
_Item = Optional[tuple["Future[Any]", Callable[[], Any]]]


class Workers:
    """At most ``limit`` daemon threads, made as they are needed: they never keep a program from ending.

    (concurrent.futures' own executor does: it joins its threads at the interpreter's end.)
    """

    def __init__(self, limit: int, name: str) -> None:
        self._limit = limit
        self._name = name
        self.forget()

    def forget(self) -> None:
        """Starts anew without threads: after a fork there are none."""
        self._lock = threading.Lock()
        self._idle = threading.Semaphore(0)
        self._queue: SimpleQueue[_Item] = SimpleQueue()
        self._started = 0

    def submit(self, work: Callable[[], _T]) -> Future[_T]:
        """The result of ``work`` to come."""
        future: Future[_T] = Future()
        self._queue.put((future, work))
        if not self._idle.acquire(blocking=False):
            with self._lock:
                if self._started < self._limit:
                    self._started += 1
                    arguments = (self._queue, self._idle)
                    threading.Thread(target=_serve, args=arguments, name=self._name, daemon=True).start()
        return future

    def stop(self) -> None:
        """Lets the threads end after what they do now; what is submitted later starts others."""
        with self._lock:
            for _ in range(self._started):
                self._queue.put(None)
            self._started = 0
            self._queue, self._idle = SimpleQueue(), threading.Semaphore(0)


def _serve(queue: SimpleQueue[_Item], idle: threading.Semaphore) -> None:
    while True:
        item = queue.get()
        if item is None:
            return
        future, work = item
        if future.set_running_or_notify_cancel():
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001  (whoever waits for the result gets it)
                future.set_exception(error)
            else:
                future.set_result(result)
        del item, future, work  # a waiting thread keeps no answer alive
        idle.release()
