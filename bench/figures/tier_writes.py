"""A write through a replica until Elasticsearch finds it, beside commit, row and document made directly."""

import shutil
import time
from collections.abc import Callable

from bench.bench import Bench, shown
from bench.data import bare_path
from bench.figures.writes import some_names, write
from bench.floors.commits import open_fsynced, timed_commit
from bench.floors.engine import EngineIndex, document_of
from bench.floors.postgres import PostgresTable
from bench.floors.rows import row_of
from bench.machine import wait_for_quiet
from bench.product import REPOSITORY
from bench.rows import Row, middle, percentile, ratio_at_most
from bench.tier import Tier, tier
from bench.tier_data import cloned_index
from registry.domain.ids import TemplateName
from registry.domain.names import template_path
from registry.domain.template_file import read_template, template_facts

WRITES = 20
"""Writes of a run, each beside the same one made directly."""

PATIENCE = 15.0


def measure(bench: Bench) -> list[Row]:
    """One row, at the larger size."""
    size = bench.sizes.large
    with tier(bench, size) as product:
        floor = _floor(product)
        client = product.client()
        writes = min(WRITES, size // (2 * (bench.runs + 1)))
        names = some_names(client, (bench.runs + 1) * writes)
        runs: list[tuple[list[float], list[float], list[float]]] = []
        for run in range(bench.runs + 1):
            wait_for_quiet()
            taken, answered, alone = [], [], []
            for at, name in enumerate(names[run * writes : (run + 1) * writes]):
                word = f"written{run}x{at}"
                started = time.perf_counter()
                data, spent = write(client, name, word)
                reading = (time.perf_counter() - started) * 1000 - spent  # of the text that is changed
                until_found(product, word)
                taken.append((time.perf_counter() - started) * 1000 - reading)
                answered.append(spent)
                alone.append(floor(name, data))
            runs.append((taken, answered, alone))
        product.servers.engine("DELETE", f"/{_floor_name(product)}")
    counted = runs[1:]  # the first warms both
    return [
        Row(
            figure="API write → durable and searchable in Elasticsearch, p50",
            size=shown(size),
            unit="ms",
            product_runs=[middle(taken) for taken, _, _ in counted],
            floor_runs=[middle(alone) for _, _, alone in counted],
            floor_words="libgit2 commit with fsync + upsert + index with refresh, directly",
            must=ratio_at_most(3),
            aim=ratio_at_most(1.5),
            note=f"answered after {middle([middle(answered) for _, answered, _ in counted]):.0f} ms; "
            f"p99 {middle([percentile(taken, 0.99) for taken, _, _ in counted]):.0f} ms",
        )
    ]


def until_found(product: Tier, word: str) -> None:
    """Waits until Elasticsearch itself finds one template with a new word. Raises RuntimeError."""
    path = f"/{product.place.namespace}@{REPOSITORY}/_count"
    query = {"query": {"term": {"words.description": word}}}
    until = time.monotonic() + PATIENCE
    while product.servers.engine("POST", path, query)["count"] != 1:
        if time.monotonic() > until:
            raise RuntimeError(f"{word} is not found")


def _floor(product: Tier) -> Callable[[str, bytes], float]:
    """Writes into a repository, a table and an index of its own, all of the same size."""
    bare = product.data / "floor.git"
    shutil.copytree(bare_path(product.data), bare)
    repo = open_fsynced(bare)
    table = PostgresTable.make(product.servers.database(product.place.database))
    cloned_index(product.servers, product.place, _floor_name(product))
    index = EngineIndex.at(product.servers.elasticsearch_url, _floor_name(product))

    def write_directly(name: str, data: bytes) -> float:
        path = template_path(TemplateName(name))
        template = read_template(data, path).template
        assert template is not None
        facts = template_facts(template)
        document = document_of(name, facts, data.decode())
        row = row_of(name, 2, "0" * 64, facts, data)
        return timed_commit(repo, path, data) + table.timed_upsert(row) + index.timed_put(document)

    return write_directly


def _floor_name(product: Tier) -> str:
    return f"{product.place.namespace}-floor"
