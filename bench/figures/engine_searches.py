"""Searching in Elasticsearch through the API, beside the same queries sent to Elasticsearch itself, by 16 clients."""

import json
import threading
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from bench.bench import Bench, shown
from bench.machine import wait_for_quiet
from bench.product import REPOSITORY, Client, api
from bench.queries import load_queries
from bench.rows import Row, middle, percentile, ratio_at_most
from bench.tier import tier
from bench.tier_data import VERSIONS_EACH
from registry.adapters.elasticsearch.queries import search_body, wanted
from registry.domain.search_terms import parse_terms

_CLIENTS = 16
_PAGE = 20

Ask = Callable[[Client, str], float]


def measure(bench: Bench) -> list[Row]:
    """One row."""
    size = bench.sizes.large
    queries = load_queries(bench.data.repository(size, size * VERSIONS_EACH)).once
    passes = bench.runs + 1
    product_runs: list[float] = []
    floor_runs: list[float] = []
    slow: list[float] = []
    with tier(bench, size) as product:
        address = urlsplit(product.servers.elasticsearch_url)
        index = f"{product.place.namespace}@{REPOSITORY}"
        sides = {
            "floor": (lambda: Client(address.port or 9200, ""), _direct(index)),
            "product": (product.client, _through_api),
        }
        for run in range(passes):
            wait_for_quiet()
            # Others each time, so that nothing answers what it has kept; by turns either side is the first to ask.
            asked = queries[run::passes]
            order = sorted(sides, reverse=bool(run % 2))
            times = {side: _times(sides[side][0], asked, sides[side][1]) for side in order}
            if run:  # the first warms both
                floor_runs.append(middle(times["floor"]))
                product_runs.append(middle(times["product"]))
                slow.append(percentile(times["product"], 0.99))
    return [
        Row(
            figure=f"search in Elasticsearch, facets and highlights, {_CLIENTS} clients, p50",
            size=shown(size),
            unit="ms",
            product_runs=product_runs,
            floor_runs=floor_runs,
            floor_words="the same query sent to Elasticsearch",
            must=ratio_at_most(1.5),
            aim=ratio_at_most(1.2),
            note=f"p99 {middle(slow):.0f} ms",
        )
    ]


def _through_api(client: Client, query: str) -> float:
    return client.timed("GET", api("search", q=query, limit=_PAGE))


def _direct(index: str) -> Ask:
    def ask(client: Client, query: str) -> float:
        body = json.dumps(search_body(wanted(parse_terms(query), any_term=False), [], _PAGE + 1, None)).encode()
        return client.timed("POST", f"/{index}/_search", body, content_type="application/json")

    return ask


def _times(connect: Callable[[], Client], queries: Sequence[str], ask: Ask) -> list[float]:
    """Milliseconds of every query, each asked once by one of the clients, which all ask at a time."""
    waiting, times, errors = list(queries), [], []
    lock = threading.Lock()

    def run() -> None:
        client = connect()
        try:
            while True:
                with lock:
                    if not waiting:
                        return
                    query = waiting.pop()
                times.append(ask(client, query))
        except (OSError, RuntimeError) as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise RuntimeError(f"a search failed: {errors[0]}")
    return times
