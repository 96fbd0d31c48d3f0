"""Many clients of the distribution ``promptuary-client``, in processes of their own, that wait for a label to move."""

import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it is no package of this distribution
    from promptuary_client import Client

CLIENT = Path(__file__).parents[1] / "clients/python"
PAUSE = 0.001
"""Seconds between two looks of a process at what its clients have in memory."""
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose move is waited for."""

    url: str
    key: str
    name: str
    label: str


class Watchers:
    """The processes; each has some of the clients."""

    def __init__(self, lines: list[Connection]) -> None:
        self._lines = lines

    def expect(self, version: int) -> None:
        """Lets every client look for a version from now on."""
        for line in self._lines:
            line.send(version)

    def seen(self) -> list[float]:
        """When each client gave it (``time.monotonic``). Raises RuntimeError where one does not."""
        told: list[float] = []
        for line in self._lines:
            if not line.poll(PATIENCE + 5):
                raise RuntimeError("a process of clients does not answer")
            missing, seen = line.recv()
            if missing:
                raise RuntimeError(f"{missing} clients did not see the move")
            told += seen
        return told


@contextmanager
def watching(wanted: Wanted, *, clients: int, processes: int) -> Iterator[Watchers]:
    """The clients, once each of them has read the template and follows its events."""
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        lines = []
        for number in range(processes):
            ours, theirs = context.Pipe()
            share = clients // processes + (number < clients % processes)
            process = context.Process(target=_watch, args=(wanted, share, theirs), daemon=True)
            process.start()
            stack.callback(process.join, 10)
            stack.callback(ours.close)  # which ends it
            lines.append(ours)
        watchers = Watchers(lines)
        watchers.seen()
        yield watchers


def _watch(wanted: Wanted, clients: int, line: Connection) -> None:
    sys.path.insert(0, str(CLIENT))  # a distribution of its own, which is not installed here
    from promptuary_client import Client

    with ExitStack() as stack:
        made = [stack.enter_context(Client(wanted.url, wanted.key, events=True, ttl=3_600)) for _ in range(clients)]
        for client in made:
            client.get(wanted.name, label=wanted.label)
        time.sleep(1)  # until each stream has begun
        line.send((0, []))
        try:
            while True:
                line.send(_look(made, wanted, line.recv()))
        except (EOFError, OSError):
            return


def _look(clients: list["Client"], wanted: Wanted, version: int) -> tuple[int, list[float]]:
    """How many did not see the version, and when the others did."""
    waiting, seen = set(range(len(clients))), list[float]()
    until = time.monotonic() + PATIENCE
    while waiting:
        for number in list(waiting):
            if clients[number].get(wanted.name, label=wanted.label).version == version:
                seen.append(time.monotonic())
                waiting.discard(number)
        if time.monotonic() > until:
            break
        time.sleep(PAUSE)
    return len(waiting), seen
