"""Several processes on one port: a parent that only keeps them, and starts another where one ended.

They share the listening socket, so that a connection which waits to be accepted is lost with none of them.
"""

import itertools
import os
import signal
import socket
import sys
import threading
import time
from contextlib import closing, suppress
from ctypes import c_bool
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory

from api.listening import address_of, bind
from api.logs import say, set_up_logs
from api.metric_shares import MetricShare
from api.server import Kept, run_server
from api.tls import certificate_of
from registry.domain.errors import PromptuaryError, Unavailable
from registry.process_kinds import ProcessKind
from registry.settings import Settings

UNUSABLE = 2
RESTART_SECONDS = 1.0
"""How long after its start a worker that ended is started again, at the earliest."""

LOOK_SECONDS = 0.5

_context = get_context("spawn")


def run_workers(settings: Settings, process: ProcessKind, count: int) -> None:
    """Serves with so many processes until a signal. Raises Unavailable where they cannot be started.

    Once one of them has served, another that cannot start is tried again: those that serve go on meanwhile.
    """
    set_up_logs(settings)
    with (
        closing(bind(settings.host, settings.port)) as listener,
        _shared_folder() as folder,
    ):
        workers = _Workers(settings, process, listener, count, Path(folder))
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, lambda *_: workers.stop())
        if certificate_of(settings) is not None:  # here already, because each worker would say what is wrong with it
            signal.signal(signal.SIGHUP, lambda *_: workers.reload())
        say(f"\nPromptuary's API on {address_of(listener, settings)}, {count} processes. Ctrl-C stops it.\n")
        workers.keep()
    say("Stopped.")


def _shared_folder() -> "TemporaryDirectory[str]":
    """For what the workers count. Raises Unavailable."""
    try:
        return TemporaryDirectory(prefix="promptuary-metrics-", ignore_cleanup_errors=True)
    except OSError as error:
        raise Unavailable(
            f"The workers need a folder for what they count, and none can be made ({error.strerror}). "
            "Make room, or let TMPDIR name a folder that can be written."
        ) from error


class _Workers:
    def __init__(
        self, settings: Settings, process: ProcessKind, listener: socket.socket, count: int, folder: Path
    ) -> None:
        self._settings = settings
        self._process = process
        self._listener = listener
        self._folder = folder
        self._numbers = itertools.count()
        self._stopping = False
        # Ends with this process, however it ends: then the workers end, too.
        self._theirs, self._ours = _context.Pipe(duplex=False)
        # Without a lock, which a worker that is killed could keep.
        self._has_served = _context.RawValue(c_bool, False)
        self._places = [_Place(*self._start()) for _ in range(count)]

    def stop(self) -> None:
        """Asks the workers to end; asked again, they end at once."""
        self._stopping = True
        for place in self._places:
            place.worker.terminate()

    def reload(self) -> None:
        """Has the workers read their certificate anew."""
        for place in self._places:
            if place.worker.pid is not None and place.worker.is_alive():
                os.kill(place.worker.pid, signal.SIGHUP)

    def keep(self) -> None:
        """Keeps the workers until they were asked to stop and have ended. Raises Unavailable where none can start."""
        while True:
            alive = [place.worker for place in self._places if place.worker.is_alive()]
            if self._stopping and not alive:
                return
            connection.wait([worker.sentinel for worker in alive], LOOK_SECONDS)
            for place in self._places:
                if not self._stopping and not place.worker.is_alive():
                    self._fill(place)

    def _fill(self, place: "_Place") -> None:
        """Starts another worker in the place of one that ended, unless that was started just now."""
        worker = place.worker
        if worker.exitcode == UNUSABLE and not self._has_served.value:
            self.stop()
            raise Unavailable("The workers cannot start; the lines above say why.")
        if not place.is_told:
            say(f"Worker {worker.pid} ended with {worker.exitcode}; another one takes its place.")
            place.is_told = True
            with suppress(OSError):  # then its counts are told as those of a worker that waits
                place.share.end()
        if time.monotonic() < place.started + RESTART_SECONDS:
            return
        place.take(*self._start())
        if self._stopping:  # a signal came meanwhile, when this one was not among those who are told
            place.worker.terminate()

    def _start(self) -> tuple[SpawnProcess, MetricShare]:
        share = MetricShare(self._folder, next(self._numbers))
        arguments = (self._settings, self._process, self._listener, share, self._theirs, self._has_served)
        worker = _context.Process(target=_work, args=arguments, name="promptuary worker")
        worker.start()
        return worker, share


class _Place:
    """One of the workers, and who took its place after it."""

    def __init__(self, worker: SpawnProcess, share: MetricShare) -> None:
        self.take(worker, share)

    def take(self, worker: SpawnProcess, share: MetricShare) -> None:
        """Has a worker that was started at this moment."""
        self.worker = worker
        self.share = share
        self.started = time.monotonic()
        self.is_told = False
        """Whether its end was told."""


def _work(
    settings: Settings,
    process: ProcessKind,
    listener: socket.socket,
    share: MetricShare,
    parent: Connection,
    has_served: c_bool,
) -> None:
    def serving() -> None:
        has_served.value = True

    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        run_server(settings, process, Kept(listener, serving, share))
    except PromptuaryError as error:
        sys.stderr.write(f"promptuary: {error.message}\n")
        sys.exit(UNUSABLE)


def _end_with(parent: Connection) -> None:
    """Ends this process, gracefully, once its parent is gone."""
    connection.wait([parent])
    os.kill(os.getpid(), signal.SIGTERM)
