"""A label move until each of a hundred clients with ``events=True`` gives the new version, beside the move's answer."""

from bench.bench import Bench, shown
from bench.label_moves import LABEL, stage
from bench.rows import Row, at_most, middle
from bench.watching import Wanted, watching

CLIENTS = 100
PROCESSES = 4
MOVES = 10
"""Moves of a run."""


def measure(bench: Bench) -> list[Row]:
    """The clients share this machine with the server: each fetches and checks the template when it is told."""
    with stage(bench) as here:
        wanted = Wanted(here.product.url, here.product.key, here.name, LABEL)
        with watching(wanted, clients=CLIENTS, processes=PROCESSES) as watchers:
            delays = here.measure(watchers, runs=bench.runs, moves=MOVES)
    return [
        Row(
            figure=f"label move → given by {CLIENTS} Python clients, p99",
            size=shown(bench.sizes.small),
            unit="ms",
            product_runs=delays.p99,
            floor_runs=delays.answers,
            floor_words="the answer to the move",
            must=at_most(500, "ms"),
            aim=at_most(250, "ms"),
            note=f"p50 {middle(delays.p50):.1f} ms; the clients are {PROCESSES} processes on the same machine",
        )
    ]
