"""A label move until each of a hundred connected clients has been told, beside the answer to the move itself."""

import json
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.bench import Bench, shown
from bench.machine import memory_mib, wait_for_quiet
from bench.product import Client, Product, api, serving
from bench.rows import Row, at_most, middle, percentile

CLIENTS = 100
IDLE = 1_000
MOVES = 20
"""Moves of a run."""


def measure(bench: Bench) -> list[Row]:
    """What the slowest hundredth of the clients sees, and what a thousand clients that only listen take."""
    size = bench.sizes.small
    p50: list[float] = []
    p99: list[float] = []
    answers: list[float] = []
    with bench.data.copy(size, bench.sizes.small_versions) as data, serving(data) as product:
        client = product.client()
        name = versatile(client)
        with _listening(product, CLIENTS) as listeners:
            _move(client, name, 1)
            for _ in range(bench.runs):
                wait_for_quiet()
                seen, answered = _moves(client, listeners, name)
                p50.append(percentile(seen, 0.5))
                p99.append(percentile(seen, 0.99))
                answers.append(middle(answered))
        before = memory_mib(product.process.pid)[0]
        with _listening(product, IDLE):
            grown = memory_mib(product.process.pid)[0] - before
    return [
        Row(
            figure=f"label move → seen by {CLIENTS} clients, p99",
            size=shown(size),
            unit="ms",
            product_runs=p99,
            floor_runs=answers,
            floor_words="the answer to the move",
            must=at_most(100, "ms"),
            aim=at_most(50, "ms"),
            note=f"p50 {middle(p50):.1f} ms",
        ),
        Row(
            figure=f"memory of {IDLE} clients that listen",
            size=shown(size),
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

    def forget(self) -> None:
        self._seen.clear()
        self._all.clear()

    def wait(self) -> list[float]:
        """When each of them was told, once all were."""
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
                    self._seen[key.data] = time.perf_counter()
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


def _moves(client: Client, listeners: _Listeners, name: str) -> tuple[list[float], list[float]]:
    """Milliseconds from the request until each client was told, and until the request was answered."""
    seen: list[float] = []
    answered: list[float] = []
    for number in range(MOVES):
        listeners.forget()
        started = time.perf_counter()
        answered.append(_move(client, name, 2 - number % 2))
        seen += [(at - started) * 1000 for at in listeners.wait()]
    return seen, answered


def _move(client: Client, name: str, version: int) -> float:
    body = json.dumps({"version": version}).encode()
    return client.timed("PUT", api("labels/nightly", name), body, Content_Type="application/json")


def versatile(client: Client) -> str:
    """A template with two versions or more, both valid."""
    for listed in client.get(api("templates", limit=100))["templates"]:
        versions = client.get(api("versions", listed["name"]))["versions"]
        if {1, 2} <= {each["version"] for each in versions if each["valid"]}:
            return str(listed["name"])
    raise RuntimeError("no template has two versions")
