"""The Python client: a prompt from memory beside a look-up in a dict, and from the server beside http.client alone."""

import http.client
import sys
import timeit
from collections.abc import Callable
from functools import partial
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

from bench.bench import Bench, shown
from bench.machine import wait_for_quiet
from bench.product import Product, api, serving
from bench.rows import Bound, Row
from bench.watching import CLIENT

if TYPE_CHECKING:  # it is no package of this distribution
    from promptuary_client import Client

LOOKUPS = 50_000
READS = 300


def measure(bench: Bench) -> list[Row]:
    """Nanoseconds of a cached ``get``, milliseconds of one that asks the server."""
    sys.path.insert(0, str(CLIENT))  # a distribution of its own, which is not installed here
    from promptuary_client import Client

    size = bench.sizes.small
    cached: list[float] = []
    looked_up: list[float] = []
    cold: list[float] = []
    bare: list[float] = []
    with bench.data.copy(size, bench.sizes.small_versions) as data, serving(data) as product:
        listed = product.client().get(api("templates", label="production", limit=500))["templates"]
        names = [each["name"] for each in listed][:READS]
        paths = [api("templates", name, label="production") for name in names]
        for _ in range(bench.runs):
            wait_for_quiet()
            with Client(product.url, product.key, timeout=30) as client:
                bare.append(_bare_reads(product, paths))
                cold.append(_milliseconds(partial(_read_all, client, names), len(names)))
                cached.append(_nanoseconds(partial(client.get, names[0], label="production")))
                looked_up.append(_nanoseconds(partial(_look_up, dict.fromkeys(names, monotonic() + 60), names[0])))
    return [
        Row(
            figure="Python client: get from memory",
            size=shown(size),
            unit="ns",
            product_runs=cached,
            floor_runs=looked_up,
            floor_words="a look-up in a dict and at the clock",
            must=Bound(10.0, on_ratio=True, words="≤ 10 ×"),
            aim=Bound(6.0, on_ratio=True, words="≤ 6 ×"),
        ),
        Row(
            figure="Python client: get from the server, one after the other",
            size=shown(size),
            unit="ms",
            product_runs=cold,
            floor_runs=bare,
            floor_words="http.client on one connection, the same answers",
            must=Bound(3.0, on_ratio=True, words="≤ 3 ×"),
            aim=Bound(2.0, on_ratio=True, words="≤ 2 ×"),
            note="parsed, digest checked",
        ),
    ]


def _read_all(client: "Client", names: list[str]) -> None:
    for name in names:
        client.get(name, label="production")


def _look_up(known: dict[str, float], name: str) -> bool:
    return known[name] > monotonic()


def _bare_reads(product: Product, paths: list[str]) -> float:
    host = product.url.partition("//")[2]
    connection = http.client.HTTPConnection(host, timeout=30)
    headers = {"Authorization": f"Bearer {product.key}"}

    def read() -> None:
        for path in paths:
            connection.request("GET", path, headers=headers)
            connection.getresponse().read()

    read()  # the server's own memory is warm for both
    try:
        return _milliseconds(read, len(paths))
    finally:
        connection.close()


def _milliseconds(work: Callable[[], object], times: int) -> float:
    began = perf_counter()
    work()
    return (perf_counter() - began) * 1000 / times


def _nanoseconds(work: Callable[[], object]) -> float:
    return min(timeit.repeat(work, number=LOOKUPS, repeat=5)) * 1e9 / LOOKUPS
