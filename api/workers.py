"""Several processes on one port: a parent that only keeps them, and starts another where one ended.

They share the listening socket, so that a connection which waits to be accepted is lost with none of them.
"""

import os
import signal
import socket
import sys
import threading
import time
from contextlib import closing
from multiprocessing import connection, get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from api.listening import address_of, bind
from api.logs import say, set_up_logs
from api.server import run_server
from registry.domain.errors import PromptuaryError, Unavailable
from registry.roles import Role
from registry.settings import Settings

UNUSABLE = 2
RESTART_SECONDS = 1.0
"""How long after its start a worker that ended is started again, at the earliest."""

LOOK_SECONDS = 0.5

_context = get_context("spawn")


def run_workers(settings: Settings, role: Role, count: int) -> None:
    """Serves with so many processes until a signal. Raises Unavailable where they cannot be started."""
    set_up_logs(settings)
    with closing(bind(settings.host, settings.port)) as listener:
        workers = _Workers(settings, role, listener, count)
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, lambda *_: workers.stop())
        say(f"\nPromptuary's API on {address_of(listener, settings.host)}, {count} processes. Ctrl-C stops it.\n")
        workers.keep()
    say("Stopped.")


class _Workers:
    def __init__(self, settings: Settings, role: Role, listener: socket.socket, count: int) -> None:
        self._settings = settings
        self._role = role
        self._listener = listener
        self._stopping = False
        # Ends with this process, however it ends: then the workers end, too.
        self._theirs, self._ours = _context.Pipe(duplex=False)
        self._running = [self._start() for _ in range(count)]

    def stop(self) -> None:
        """Asks the workers to end; asked again, they end at once."""
        self._stopping = True
        for worker, _ in self._running:
            worker.terminate()

    def keep(self) -> None:
        """Keeps the workers until they were asked to stop and have ended. Raises Unavailable where none can start."""
        while True:
            connection.wait([worker.sentinel for worker, _ in self._running], LOOK_SECONDS)
            if self._stopping and not any(worker.is_alive() for worker, _ in self._running):
                return
            if not self._stopping:
                self._running = [self._kept(worker, started) for worker, started in self._running]

    def _kept(self, worker: SpawnProcess, started: float) -> tuple[SpawnProcess, float]:
        if worker.is_alive():
            return worker, started
        if worker.exitcode == UNUSABLE:
            self.stop()
            raise Unavailable("The workers cannot start; the lines above say why.")
        say(f"Worker {worker.pid} ended with {worker.exitcode}; another one takes its place.")
        time.sleep(max(0.0, started + RESTART_SECONDS - time.monotonic()))
        return self._start()

    def _start(self) -> tuple[SpawnProcess, float]:
        arguments = (self._settings, self._role, self._listener, self._theirs)
        worker = _context.Process(target=_work, args=arguments, name="promptuary worker")
        worker.start()
        return worker, time.monotonic()


def _work(settings: Settings, role: Role, listener: socket.socket, parent: Connection) -> None:
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        run_server(settings, role, listener)
    except PromptuaryError as error:
        sys.stderr.write(f"promptuary: {error.message}\n")
        sys.exit(UNUSABLE)


def _end_with(parent: Connection) -> None:
    """Ends this process, gracefully, once its parent is gone."""
    connection.wait([parent])
    os.kill(os.getpid(), signal.SIGTERM)
