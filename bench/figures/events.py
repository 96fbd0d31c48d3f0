"""A label move until each of a hundred connected clients has been told, beside the answer to the move itself."""

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.bench import Bench, shown
from bench.label_moves import stage
from bench.machine import memory_mib
from bench.product import Product, api
from bench.rows import Row, at_most, middle

CLIENTS = 100
IDLE = 1_000
MOVES = 20
"""Moves of a run."""


def measure(bench: Bench) -> list[Row]:
    """What the slowest hundredth of the clients sees, and what a thousand clients that only listen take."""
    size = shown(bench.sizes.small)
    with stage(bench) as here:
        with _listening(here.product, CLIENTS) as listeners:
            delays = here.measure(listeners, runs=bench.runs, moves=MOVES)
        before = memory_mib(here.product.process.pid)[0]
        with _listening(here.product, IDLE):
            grown = memory_mib(here.product.process.pid)[0] - before
    return [
        Row(
            figure=f"label move → seen by {CLIENTS} clients, p99",
            size=size,
            unit="ms",
            product_runs=delays.p99,
            floor_runs=delays.answers,
            floor_words="the answer to the move",
            must=at_most(100, "ms"),
            aim=at_most(50, "ms"),
            note=f"p50 {middle(delays.p50):.1f} ms",
        ),
        Row(
            figure=f"memory of {IDLE} clients that listen",
            size=size,
            unit="MiB",
            product_runs=[grown],
            must=at_most(100, "MiB"),
            aim=at_most(50, "MiB"),
        ),
    ]


class _Listeners:
    """Open streams, read in a thread of their own, which notes when each of them was told of a label."""

    def __init__(self, streams: list[socket.socket]) -> None:
        self._selector = selectors.DefaultSelector()
        for number, stream in enumerate(streams):
            stream.setblocking(False)
            self._selector.register(stream, selectors.EVENT_READ, number)
        self._count = len(streams)
        self._seen: dict[int, float] = {}
        self._all = threading.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def expect(self, _version: int) -> None:
        """Forgets what was seen: any move counts, as there is one at a time."""
        self._seen.clear()
        self._all.clear()

    def seen(self) -> list[float]:
        """When each of them was told, once all were. Raises RuntimeError after 30 s."""
        if not self._all.wait(30):
            raise RuntimeError(f"only {len(self._seen)} of {self._count} clients were told of a move")
        return list(self._seen.values())

    def close(self) -> None:
        self._ended = True
        self._thread.join()
        self._selector.close()

    def _read(self) -> None:
        while not self._ended:
            for key, _ in self._selector.select(0.1):
                received = key.fileobj.recv(65_536)  # type: ignore[union-attr]  # sockets were registered
                if b"event: label_moved" in received:
                    self._seen[key.data] = time.monotonic()
            if len(self._seen) == self._count:
                self._all.set()


@contextmanager
def _listening(product: Product, count: int) -> Iterator[_Listeners]:
    request = f"GET {api('events')} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {product.key}\r\n\r\n".encode()
    streams: list[socket.socket] = []
    try:
        for _ in range(count):
            stream = socket.create_connection(("127.0.0.1", product.port), timeout=30)
            streams.append(stream)
            stream.sendall(request)
        for stream in streams:
            received = b""
            while b"\nid: " not in received:
                received += stream.recv(65_536)
        listeners = _Listeners(streams)
        try:
            yield listeners
        finally:
            listeners.close()
    finally:
        for stream in streams:
            stream.close()
