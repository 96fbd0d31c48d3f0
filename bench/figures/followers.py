"""A label move until each of a hundred clients with ``events=True`` gives the new version, beside the move's answer."""

import json
import time

from bench.bench import Bench, shown
from bench.figures.events import versatile
from bench.machine import wait_for_quiet
from bench.product import Client, api, serving
from bench.rows import Row, at_most, middle, percentile
from bench.watching import Wanted, Watchers, watching

CLIENTS = 100
PROCESSES = 4
MOVES = 10
"""Moves of a run."""
LABEL = "nightly"


def measure(bench: Bench) -> list[Row]:
    """The clients share this machine with the server: each fetches and checks the template when it is told."""
    size = bench.sizes.small
    p50: list[float] = []
    p99: list[float] = []
    answers: list[float] = []
    with bench.data.copy(size, bench.sizes.small_versions) as data, serving(data) as product:
        client = product.client()
        name = versatile(client)
        _move(client, name, 1)
        wanted = Wanted(product.url, product.key, name, LABEL)
        with watching(wanted, clients=CLIENTS, processes=PROCESSES) as watchers:
            _moves(client, watchers, name, 2)
            for _ in range(bench.runs):
                wait_for_quiet()
                seen, answered = _moves(client, watchers, name, MOVES)
                p50.append(percentile(seen, 0.5))
                p99.append(percentile(seen, 0.99))
                answers.append(middle(answered))
    return [
        Row(
            figure=f"label move → given by {CLIENTS} Python clients, p99",
            size=shown(size),
            unit="ms",
            product_runs=p99,
            floor_runs=answers,
            floor_words="the answer to the move",
            must=at_most(500, "ms"),
            aim=at_most(250, "ms"),
            note=f"p50 {middle(p50):.1f} ms; the clients are {PROCESSES} processes on the same machine",
        )
    ]


def _moves(client: Client, watchers: Watchers, name: str, moves: int) -> tuple[list[float], list[float]]:
    """Milliseconds from the request until each client gave the version, and until the request was answered."""
    seen: list[float] = []
    answered: list[float] = []
    for number in range(moves):
        version = 2 - number % 2
        watchers.expect(version)
        started = time.monotonic()
        answered.append(_move(client, name, version))
        seen += [(at - started) * 1000 for at in watchers.seen()]
    return seen, answered


def _move(client: Client, name: str, version: int) -> float:
    body = json.dumps({"version": version}).encode()
    return client.timed("PUT", api(f"labels/{LABEL}", name), body, Content_Type="application/json")
