"""A full rebuild of PostgreSQL and Elasticsearch from Git, beside its stages alone; and reads while it goes on."""

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from bench.backing import Backing, backing
from bench.bench import Bench, shown
from bench.data import bare_path
from bench.figures.reads import CONNECTIONS
from bench.figures.rebuilds import FILES_AT_ONCE, read_blobs
from bench.floors.engine import EngineIndex, document_of
from bench.floors.postgres import PostgresTable
from bench.floors.rows import Values, row_of
from bench.machine import wait_for_quiet
from bench.product import PROGRAM, REPOSITORY, api, clean_environment
from bench.rows import Bound, Row, middle, ratio_at_least
from bench.tier import Tier, running
from bench.tier_data import Place, copied
from bench.wrk import Load, run_wrk
from registry.domain.catalogue import SearchDocument
from registry.domain.names import template_name
from registry.domain.template_file import read_template, template_facts

READ_SECONDS = 5.0
CALM_READS = 3


def measure(bench: Bench) -> list[Row]:
    """Versions a second."""
    servers = backing()
    alone: list[float] = []
    rebuilt: list[float] = []
    with copied(bench.data, bench.sizes.large) as place:
        for _ in range(bench.runs):
            wait_for_quiet()
            started = time.perf_counter()
            files = _floor(servers, place)
            alone.append(files / (time.perf_counter() - started))
            bench.say(f"{files} files alone: {time.perf_counter() - started:.1f} s; now the product")
            spent = _rebuild(servers, place)
            bench.say(f"{place.versions} versions: {spent:.1f} s")
            rebuilt.append(place.versions / spent)
    return [
        Row(
            figure="full rebuild, Git → PostgreSQL + Elasticsearch",
            size=_size(place),
            unit="versions/s",
            product_runs=rebuilt,
            floor_runs=alone,
            floor_words="read + parse + validate + COPY + bulk index alone",
            must=ratio_at_least(0.4),
            aim=ratio_at_least(0.7),
            note="no reads meanwhile; until the search index has all",
        )
    ]


def measure_reads(bench: Bench) -> list[Row]:
    """How many reads a second are answered while a rebuild goes on, from its begin to its end."""
    calm: list[Load] = []
    busy: list[Load] = []
    with copied(bench.data, bench.sizes.large) as place, running(place) as product:
        for _ in range(bench.runs):
            wait_for_quiet()
            calm += [_read(product, READ_SECONDS) for _ in range(CALM_READS)]
            busy += _reads_meanwhile(bench, product)
    slow, usual = (middle([load.p99_ms for load in loads]) for loads in (busy, calm))
    return [
        Row(
            figure=f"cached reads during a rebuild, {CONNECTIONS} connections",
            size=_size(place),
            unit="/s",
            product_runs=[load.per_second for load in busy],
            floor_runs=[load.per_second for load in calm],
            floor_words="the same reads without a rebuild",
            must=Bound(0, at_least=True, words="(an aim)"),
            aim=ratio_at_least(0.8),
            note=f"p99 {slow:.0f} ms, without {usual:.0f} ms; wrk asks as fast as it can, on the same cores",
        )
    ]


def _size(place: Place) -> str:
    return f"{shown(place.templates)} / {shown(place.versions)} versions"


def _rebuild(servers: Backing, place: Place) -> float:
    """Seconds of the command, less those of one that does nothing."""
    environment = clean_environment() | place.settings(servers)

    def run(*arguments: str) -> float:
        started = time.perf_counter()
        done = subprocess.run([*PROGRAM, *arguments], env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"promptuary {' '.join(arguments)}:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
        return time.perf_counter() - started

    started = run("index", "status")
    return run("index", "rebuild", REPOSITORY) - started


def _reads_meanwhile(bench: Bench, product: Tier) -> list[Load]:
    """The loads that were wholly within a rebuild; the first of them where none was."""
    loads: list[Load] = []
    spent: list[float] = []
    worker = threading.Thread(target=lambda: spent.append(_rebuild(product.servers, product.place)))
    worker.start()
    while worker.is_alive():
        load = _read(product, 2)
        if worker.is_alive() or not loads:
            loads.append(load)
    worker.join()
    if not spent:
        raise RuntimeError("the rebuild beside the reads failed")
    bench.say(f"with reads beside it: {spent[0]:.1f} s")
    return loads


def _read(product: Tier, seconds: float) -> Load:
    client = product.client()
    listed = client.get(api("templates", limit=50))["templates"]
    path = api("templates", listed[len(listed) // 2]["name"])
    return run_wrk(f"{product.url}{path}", key=product.key, connections=CONNECTIONS, seconds=seconds)


def _floor(servers: Backing, place: Place) -> int:
    """Every template file of the history once, one stage after the other: how many there were."""
    table = PostgresTable.make(servers.database(place.database))
    with _indexes(servers, place) as (current, old):
        count = 0
        for rows, documents in _batches(place):
            count += len(rows)
            table.insert(rows)
            current.put_all([each for each in documents if each.version is None])
            old.put_all([each for each in documents if each.version is not None])
        for index in (current, old):
            index.refresh()
    table.close()
    return count


@contextmanager
def _indexes(servers: Backing, place: Place) -> Iterator[tuple[EngineIndex, EngineIndex]]:
    made = [EngineIndex.at(servers.elasticsearch_url, f"{place.namespace}-floor-{name}") for name in ("now", "old")]
    for each in made:
        each.make()
    try:
        yield made[0], made[1]
    finally:
        for each in made:
            each.delete()


def _batches(place: Place) -> Iterator[tuple[list[Values], list[SearchDocument]]]:
    """Rows and documents; the newest text of a template comes first, the others are old ones."""
    seen: Counter[str] = Counter()
    rows: list[Values] = []
    documents: list[SearchDocument] = []
    for path, blob, data in read_blobs(bare_path(place.folder)):
        template = read_template(data, path).template
        name = template_name(path)
        facts = template_facts(template) if template is not None else None
        rows.append(row_of(path, seen[path], blob, facts, data))
        if name is not None and facts is not None:
            documents.append(document_of(name, facts, data.decode(), version=seen[path] or None))
        seen[path] += 1
        if len(rows) == FILES_AT_ONCE:
            yield rows, documents
            rows, documents = [], []
    yield rows, documents
