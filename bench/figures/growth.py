"""What the server tier costs at 1k, 10k and 100k templates, and with a million versions: for docs/performance.md.

Not among the figures that are measured when none is named: the largest takes an hour to prepare.
"""

import json
import time
from collections.abc import Callable
from dataclasses import asdict

from bench.backing import Backing
from bench.bench import Bench
from bench.data import bare_path
from bench.figures.pushes import Pusher, clone_bare
from bench.figures.tier_pushes import push_together
from bench.figures.tier_writes import until_found
from bench.figures.writes import some_names, write
from bench.growth import FILE, Growth, Point
from bench.machine import describe, memory_mib, wait_for_quiet
from bench.product import Client, api
from bench.queries import load_queries
from bench.rows import Row, middle
from bench.tier import Tier, tier
from bench.tier_data import VERSIONS_EACH, Place, kept

STEPS = 3
SMALLEST = 100
"""So many sizes, each ten times the one before up to ``--large``; of fewer templates queries cannot be chosen."""

MORE_VERSIONS = 10
"""And once more the largest, with so many versions of each template."""

READS = 200
WRITES = 20

_COLD = {"PROMPTUARY_ANSWER_CACHE_BYTES": "0", "PROMPTUARY_REDIS_URL": ""}


def measure(bench: Bench) -> list[Row]:
    """Writes ``growth.json`` beside the data; gives no rows, as nothing here has a bound."""
    large = bench.sizes.large
    sizes = [(large // 10**step, VERSIONS_EACH) for step in reversed(range(STEPS)) if large // 10**step >= SMALLEST]
    growth = Growth(str(describe()), [])
    for templates, each in [*sizes, (large, MORE_VERSIONS)]:
        bench.say(f"growth: {templates} templates, {templates * each} versions")
        growth.points.append(_point(bench, templates, templates * each))
        (bench.data.out / FILE).write_text(json.dumps(asdict(growth), indent=1) + "\n", "utf-8")
    bench.say(f"python -m bench.growth_page {bench.data.out / FILE} writes them into docs/performance.md")
    return []


def _point(bench: Bench, templates: int, versions: int) -> Point:
    """Everything of one size: the median of runs, and of the calls of a run."""
    made = kept(bench.data, templates, versions)
    with tier(bench, templates, versions, replica=_COLD) as product:
        client = product.client()
        names = some_names(client, min(READS, templates // 2))
        queries = load_queries(bench.data.repository(templates, versions)).rare[:READS]
        asked = iter(range(1, 10_000))
        reads = _calls(bench, client, [api("templates", name) for name in names])
        pages = _calls(bench, client, [api("templates", folder=name.rpartition("/")[0], limit=50) for name in names])
        # A page size of its own for each round, so that no answer has been kept.
        found = _median(
            bench,
            lambda: middle([client.timed("GET", api("search", q=q, limit=20 + next(asked) % 80)) for q in queries]),
        )
        written = _median(bench, lambda: _write(product, names[:WRITES], next(asked)))
        pusher = Pusher(clone_bare(bare_path(product.data), product.data / "clone.git"), product.git_url)
        pushed = _median(bench, lambda: push_together(product, pusher, next(asked)))
        worker, _ = max(memory_mib(pid) for pid in product.workers())
        indexer, _ = memory_mib(product.indexers[0].process.pid)
        return Point(
            templates=made.templates,
            versions=made.versions,
            read_ms=reads,
            page_ms=pages,
            search_ms=found,
            write_ms=written,
            push_ms=pushed,
            projected_per_second=made.versions / made.projected_seconds,
            database_mib=_database_mib(product.servers, product.place),
            engine_mib=_engine_mib(product.servers, product.place),
            worker_mib=worker,
            indexer_mib=indexer,
        )


def _median(bench: Bench, once: Callable[[], float]) -> float:
    """Of the runs, after one that does not count."""
    once()
    runs = []
    for _ in range(bench.runs):
        wait_for_quiet()
        runs.append(once())
    return middle(runs)


def _calls(bench: Bench, client: Client, paths: list[str]) -> float:
    return _median(bench, lambda: middle([client.timed("GET", path) for path in paths]))


def _write(product: Tier, names: list[str], number: int) -> float:
    """Until Elasticsearch finds it; without the read of the text that is changed."""
    client = product.client()
    taken = []
    for at, name in enumerate(names):
        word = f"grown{number}x{at}"
        _, answered = write(client, name, word)
        waiting = time.perf_counter()
        until_found(product, word)
        taken.append(answered + (time.perf_counter() - waiting) * 1000)
    return middle(taken)


def _database_mib(servers: Backing, place: Place) -> float:
    rows = servers.fetch_sql("SELECT pg_database_size(current_database()) AS size", place.database)
    return float(rows[0]["size"]) / 2**20


def _engine_mib(servers: Backing, place: Place) -> float:
    sizes = [
        servers.engine("GET", f"/{index}/_stats/store")["_all"]["primaries"]["store"]["size_in_bytes"]
        for index in servers.indexes(place.namespace)
    ]
    return float(sum(sizes)) / 2**20
