"""What it costs a read from the cache to know who asks and what he may see, beside the same server for anybody."""

import json
import sys

from bench.bench import Bench, shown
from bench.machine import wait_for_quiet
from bench.product import Product, api, serving
from bench.rows import Row, ratio_at_least
from bench.wrk import run_wrk

CONNECTIONS = 64
SECONDS = 2.0
ANYBODY = (sys.executable, "-m", "bench.floors.anybody")
WHOLE, FOLDER, NOBODY = "a key for everything", "a key for one folder", "anybody"


def measure(bench: Bench) -> list[Row]:
    """Reads a second with a key that may see everything, with one that sees a folder, and without looking."""
    runs: dict[str, list[float]] = {WHOLE: [], FOLDER: [], NOBODY: []}
    size = bench.sizes.small
    with bench.data.copy(size, bench.sizes.small_versions) as data:
        for _ in range(bench.runs):
            for kind, program in ((NOBODY, ANYBODY), (WHOLE, ()), (FOLDER, ())):
                with serving(data, {"PROMPTUARY_RATE_READS": "off"}, program) as product:
                    listed = product.client().get(api("templates", label="production", limit=50))["templates"]
                    name = listed[len(listed) // 2]["name"]
                    key = _narrow(product, name) if kind == FOLDER else product.key
                    url = product.url + api("templates", name, label="production")
                    wait_for_quiet()
                    run_wrk(url, key=key, connections=CONNECTIONS, seconds=1)
                    load = run_wrk(url, key=key, connections=CONNECTIONS, seconds=SECONDS)
                    runs[kind].append(load.per_second)
    return [
        Row(
            figure=f"read from the cache with {kind}",
            size=shown(size),
            unit="/s",
            product_runs=runs[kind],
            floor_runs=runs[NOBODY],
            floor_words="the same server, which identifies nobody",
            must=ratio_at_least(0.8),
            aim=ratio_at_least(0.9),
        )
        for kind in (WHOLE, FOLDER)
    ]


def _narrow(product: Product, name: str) -> str:
    """A key that can be used in the template's folder alone."""
    place = {"repository": "default", "folder": name.rpartition("/")[0]}
    asked = json.dumps({"scope": "read", "places": [place]}).encode()
    status, made = product.client().call("POST", "/api/v1/api-keys", asked, {"Content-Type": "application/json"})
    if status != 201:
        raise RuntimeError(f"the key was not made: {status} {made.decode()}")
    return str(json.loads(made)["key"])
