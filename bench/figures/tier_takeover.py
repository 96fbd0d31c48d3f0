"""The leading indexer killed with -9: how long until what is written then is read, because another one leads."""

import time
from collections.abc import Sequence
from contextlib import ExitStack

from bench.bench import Bench, shown
from bench.figures.writes import changed, some_names
from bench.product import Started, api, begun
from bench.rows import Row, at_most
from bench.tier import Tier, leader_of, tier

PATIENCE = 30.0


def measure(bench: Bench) -> list[Row]:
    """Two indexers; each run kills the one that leads, and another is started in its place."""
    size = bench.sizes.small
    runs: list[float] = []
    with tier(bench, size) as product, ExitStack() as stack:
        indexers = list(product.indexers)
        settings = product.place.settings(product.servers)
        names = some_names(product.client(), bench.runs)
        for run, name in enumerate(names):
            log = product.data / f"indexer-more-{run}.log"
            another = stack.enter_context(begun("indexer", settings, log))
            another.wait()
            indexers.append(another)
            runs.append(_takeover(product, indexers, name, f"after{run}"))
    return [
        Row(
            figure="leader killed with -9 → what is written then is read",
            size=shown(size),
            unit="s",
            product_runs=runs,
            floor_words="(none)",
            must=at_most(5, "s"),
            aim=at_most(2, "s"),
            note="from the kill; written and read through the API replica",
        )
    ]


def _takeover(product: Tier, indexers: Sequence[Started], name: str, word: str) -> float:
    """Seconds from the kill until the other's work is read."""
    client = product.client()
    text = client.get(api("templates", name))["source"]
    leader = leader_of(indexers)
    started = time.perf_counter()
    leader.process.kill()
    leader.process.wait(10)
    data = changed(text, word)
    client.timed("PUT", api("templates", name), data, Content_Type="application/yaml", If_Match="*")
    until = time.monotonic() + PATIENCE
    while word not in client.get(api("templates", name))["source"]:
        if time.monotonic() > until:
            raise RuntimeError("nobody took over")
        time.sleep(0.005)
    return time.perf_counter() - started
