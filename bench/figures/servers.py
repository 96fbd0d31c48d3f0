"""The server process itself: its memory with its children, and its way from start to ready."""

import subprocess
import sys
import time
from pathlib import Path

from bench.bench import Bench, shown
from bench.machine import memory_mib, wait_for_quiet
from bench.product import Product, api, clean_environment, serving
from bench.queries import load_queries
from bench.rows import Row, at_most

READS = 500
_IMPORTS = "import api.server"
_IMPORTS_SIZE = "import api.server; print(open('/proc/self/smaps_rollup').read())"


def measure_memory(bench: Bench) -> list[Row]:
    """After the server has answered reads and searches; shared pages counted once."""
    rows = []
    for templates, versions, must, aim in (
        (bench.sizes.small, bench.sizes.small_versions, 250, 150),
        (bench.sizes.large, bench.sizes.large, 600, 300),
    ):
        with bench.data.copy(templates, versions) as data, serving(data) as product:
            use(product, bench.data.repository(templates, versions))
            proportional, resident = memory_mib(product.process.pid)
        rows.append(
            Row(
                figure="memory of serve with its children, in use",
                size=shown(templates),
                unit="MiB",
                product_runs=[proportional],
                floor_runs=[_imported_mib()],
                floor_words="Python with the same modules imported",
                must=at_most(must, "MiB"),
                aim=at_most(aim, "MiB"),
                note=f"proportional; resident summed up {resident:.0f} MiB",
            )
        )
    return rows


def measure_start(bench: Bench) -> list[Row]:
    """From the start of the process to 200 on /readyz."""
    floor_runs: list[float] = []
    product_runs: list[float] = []
    size = bench.sizes.small
    with bench.data.copy(size, bench.sizes.small_versions) as data:
        for _ in range(bench.runs):
            wait_for_quiet()
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", _IMPORTS], check=True, env=clean_environment())
            floor_runs.append((time.perf_counter() - started) * 1000)
            with serving(data) as product:
                product_runs.append(product.ready_ms)
    return [
        Row(
            figure="cold start to ready",
            size=shown(size),
            unit="ms",
            product_runs=product_runs,
            floor_runs=floor_runs,
            floor_words="Python importing the same modules",
            must=at_most(2_000, "ms"),
            aim=at_most(1_000, "ms"),
        )
    ]


def use(product: Product, repository: Path) -> None:
    """Reads, lists and searches as a day's work would."""
    client = product.client()
    names: list[str] = []
    cursor = ""
    while len(names) < READS:
        page = client.get(api("templates", status="active", limit=100, **({"cursor": cursor} if cursor else {})))
        names += [each["name"] for each in page["templates"]]
        cursor = page["next_cursor"] or ""
        if not cursor:
            break
    for name in names[:READS]:
        client.get(api("templates", name))
    queries = load_queries(repository)
    for query in [*queries.rare, *queries.common]:
        client.get(api("search", q=query))


def _imported_mib() -> float:
    text = subprocess.run(
        [sys.executable, "-c", _IMPORTS_SIZE], check=True, capture_output=True, text=True, env=clean_environment()
    ).stdout
    return next(float(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:"))
