"""Searching in Elasticsearch through the API, beside the same queries sent to Elasticsearch itself, by 16 clients."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from bench.bench import Bench, shown
from bench.machine import wait_for_quiet
from bench.product import REPOSITORY, Client, api, serving
from bench.queries import load_queries
from bench.rows import Row, middle, percentile, ratio_at_most
from registry.adapters.elasticsearch.queries import search_body, wanted
from registry.domain.search_terms import parse_terms
from registry.settings import Settings

_CLIENTS = 16
_PAGE = 20
_NAMESPACE = "bench"
_FILLED_SECONDS = 1_800

Ask = Callable[[Client, str], float]


def measure(bench: Bench) -> list[Row]:
    """One row; needs PROMPTUARY_ELASTICSEARCH_URL."""
    given = Settings().elasticsearch_url
    if given is None:
        raise RuntimeError("set PROMPTUARY_ELASTICSEARCH_URL (make services writes it into .services/env)")
    size = bench.sizes.large
    queries = load_queries(bench.data.repository(size)).rare
    address = urlsplit(given.get_secret_value())
    more = {"PROMPTUARY_ELASTICSEARCH_URL": given.get_secret_value(), "PROMPTUARY_NAMESPACE": _NAMESPACE}
    product_runs: list[float] = []
    floor_runs: list[float] = []
    slow: list[float] = []
    with bench.data.copy(size) as data, serving(data, more) as product:
        _wait_until_filled(product.client())
        for run in range(bench.runs + 1):
            wait_for_quiet()
            limit = _PAGE + run  # another page size, so that no answer has been kept
            floor = _times(lambda: Client(address.port or 9200, ""), queries, _direct(limit))
            times = _times(product.client, queries, _through_api(limit))
            if run:  # the first warms both
                floor_runs.append(middle(floor))
                product_runs.append(middle(times))
                slow.append(percentile(times, 0.99))
        _sweep(address.hostname or "127.0.0.1", address.port or 9200)
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


def _through_api(limit: int) -> Ask:
    return lambda client, query: client.timed("GET", api("search", q=query, limit=limit))


def _direct(limit: int) -> Ask:
    def ask(client: Client, query: str) -> float:
        body = json.dumps(search_body(wanted(parse_terms(query), any_term=False), [], limit + 1, None)).encode()
        path = f"/{_NAMESPACE}@{REPOSITORY}/_search"
        return client.timed("POST", path, body, content_type="application/json")

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


def _wait_until_filled(client: Client) -> None:
    until = time.monotonic() + _FILLED_SECONDS
    while client.get(api("search", q="filled?"))["degraded"] or client.get(api("index"))["outbox"]:
        if time.monotonic() > until:
            raise RuntimeError("Elasticsearch was not filled in time")
        time.sleep(1)


def _sweep(host: str, port: int) -> None:
    """Deletes the indexes that were made."""
    connection = http.client.HTTPConnection(host, port, timeout=60)
    for pattern in (f"/{_NAMESPACE}@{REPOSITORY}@*", f"/{_NAMESPACE}-versions@{REPOSITORY}@*"):
        connection.request("GET", f"{pattern}/_alias")
        for index in json.loads(connection.getresponse().read()):
            connection.request("DELETE", f"/{index}")
            connection.getresponse().read()
    connection.close()
