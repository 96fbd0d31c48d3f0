"""Searching in Elasticsearch through the API, beside the same queries sent to Elasticsearch itself, by 16 clients.

Twice: all on the same cores, where the API takes from Elasticsearch what it needs; and Elasticsearch on a core of its
own, as on a machine of its own, the clients and the API on another. Elasticsearch has been asked for a minute before:
just started it takes twice as long for everything, which hides what the API adds.
"""

import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from bench.bench import Bench, shown
from bench.machine import on_cores, process_tree, wait_for_quiet
from bench.product import REPOSITORY, Client, api
from bench.queries import load_queries
from bench.rows import Row, middle, percentile, ratio_at_most
from bench.tier import Tier, tier
from bench.tier_data import VERSIONS_EACH
from registry.adapters.elasticsearch.queries import search_body, wanted
from registry.domain.search_terms import parse_terms

_CLIENTS = 16
_PAGE = 20
_WARM_SECONDS = 60.0

Ask = Callable[[Client, str], float]


def measure(bench: Bench) -> list[Row]:
    """A row for each way to share the cores."""
    size = bench.sizes.large
    queries = load_queries(bench.data.repository(size, size * VERSIONS_EACH)).once
    with tier(bench, size) as product:
        _warm(bench, product, queries)
        rows = [_row(bench, product, queries[::2], "all on the same cores")]
        with _apart(product) as is_apart:
            if is_apart:
                rows.append(_row(bench, product, queries[1::2], "Elasticsearch on a core of its own"))
            else:
                bench.say("Elasticsearch cannot have a core of its own: it is elsewhere, or there is only one")
    return rows


def _warm(bench: Bench, product: Tier, queries: Sequence[str]) -> None:
    """Asks for pages of other sizes, so that no answer is kept of what is measured."""
    bench.say(f"Elasticsearch is asked for {_WARM_SECONDS:.0f} s")
    began = time.monotonic()
    for page in itertools.count(1):
        if page != _PAGE + 1:
            _times(_directly(product), queries, _direct(_index(product), page))
        if time.monotonic() > began + _WARM_SECONDS:
            return


def _row(bench: Bench, product: Tier, queries: Sequence[str], where: str) -> Row:
    sides = [(_directly(product), _direct(_index(product), _PAGE + 1)), (product.client, _through_api)]
    floor_runs: list[float] = []
    product_runs: list[float] = []
    slow: list[float] = []
    for run in range(bench.runs + 1):
        wait_for_quiet()
        # Others each time, so that nothing answers what it has kept; by turns either side is the first to ask.
        asked = queries[run :: bench.runs + 1]
        times = {}
        for side in (1, 0) if run % 2 else (0, 1):
            connect, ask = sides[side]
            times[side] = _times(connect, asked, ask)
        if run:  # the first warms both
            floor_runs.append(middle(times[0]))
            product_runs.append(middle(times[1]))
            slow.append(percentile(times[1], 0.99))
    return Row(
        figure=f"search in Elasticsearch, facets and highlights, {_CLIENTS} clients, p50, {where}",
        size=shown(product.place.templates),
        unit="ms",
        product_runs=product_runs,
        floor_runs=floor_runs,
        floor_words="the same query sent to Elasticsearch",
        must=ratio_at_most(1.5),
        aim=ratio_at_most(1.2),
        note=f"p99 {middle(slow):.0f} ms",
    )


@contextmanager
def _apart(product: Tier) -> Iterator[bool]:
    """Elasticsearch on the first core, whoever asks and the API on the others; whether that can be had."""
    first, *others = sorted(os.sched_getaffinity(0))
    nodes = product.servers.engine("GET", "/_nodes/_local/process")["nodes"].values()
    here = urlsplit(product.servers.elasticsearch_url).hostname in {"127.0.0.1", "localhost"}
    if not others or not here or len(nodes) != 1:
        yield False
        return
    with ExitStack() as stack:
        for node in nodes:
            stack.enter_context(on_cores(node["process"]["id"], {first}))
        for pid in (os.getpid(), *process_tree(product.process.pid)):
            stack.enter_context(on_cores(pid, set(others)))
        yield True


def _through_api(client: Client, query: str) -> float:
    return client.timed("GET", api("search", q=query, limit=_PAGE))


def _index(product: Tier) -> str:
    return f"{product.place.namespace}@{REPOSITORY}"


def _directly(product: Tier) -> Callable[[], Client]:
    port = urlsplit(product.servers.elasticsearch_url).port or 9200
    return lambda: Client(port, "")


def _direct(index: str, size: int) -> Ask:
    def ask(client: Client, query: str) -> float:
        body = json.dumps(search_body(wanted(parse_terms(query), any_term=False), [], size, None)).encode()
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
