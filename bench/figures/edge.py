"""What the edge costs a read from the cache, beside the same server without it, and how fast it refuses."""

import sys

from bench.bench import Bench, shown
from bench.machine import wait_for_quiet
from bench.product import api, serving
from bench.rows import Bound, Row, ratio_at_least
from bench.wrk import run_wrk

CONNECTIONS = 64
SECONDS = 2.0
NEVER_MET = "100000000/1"
HELD = 1000
"""Requests a second that the limiter lets through, of as many as can be asked."""

EDGELESS = (sys.executable, "-m", "bench.floors.edgeless")


def measure(bench: Bench) -> list[Row]:
    """Reads a second with headers, checks and a limit that is never met; and refusals a second where one is."""
    runs: dict[str, list[float]] = {"with": [], "limited": [], "without": [], "refused": [], "let through": []}
    size = bench.sizes.small
    with bench.data.copy(size, bench.sizes.small_versions) as data:
        for _ in range(bench.runs):
            for kind, limit, program in (
                ("without", "off", EDGELESS),
                ("with", "off", ()),
                ("limited", NEVER_MET, ()),
                ("refused", f"{HELD}/1", ()),
            ):
                with serving(data, {"PROMPTUARY_RATE_READS": limit}, program) as product:
                    listed = product.client().get(api("templates", label="production", limit=50))["templates"]
                    url = product.url + api("templates", listed[len(listed) // 2]["name"], label="production")
                    may_fail = kind == "refused"
                    wait_for_quiet()
                    run_wrk(url, key=product.key, connections=CONNECTIONS, seconds=1, may_fail=may_fail)
                    load = run_wrk(url, key=product.key, connections=CONNECTIONS, seconds=SECONDS, may_fail=may_fail)
                    runs[kind].append(load.failed_per_second if may_fail else load.per_second)
                    if may_fail:
                        runs["let through"].append(load.per_second - load.failed_per_second)
    through = sorted(runs["let through"])[len(runs["let through"]) // 2]
    return [
        Row(
            figure="read from the cache with security headers and checks of the head",
            size=shown(size),
            unit="/s",
            product_runs=runs["with"],
            floor_runs=runs["without"],
            floor_words="the same server without its edge",
            must=ratio_at_least(0.8),
            aim=ratio_at_least(0.9),
        ),
        Row(
            figure="the same with a limit of reads, which is never met",
            size=shown(size),
            unit="/s",
            product_runs=runs["limited"],
            floor_runs=runs["without"],
            floor_words="the same server without its edge",
            must=ratio_at_least(0.6),
            aim=ratio_at_least(0.7),
        ),
        Row(
            figure="requests refused at the rate limiter",
            size=shown(size),
            unit="/s",
            product_runs=runs["refused"],
            floor_runs=runs["without"],
            floor_words="the same read, answered without the edge",
            must=ratio_at_least(0.1),
            aim=Bound(0.25, on_ratio=True, at_least=True, words="≥ 0.25 ×"),
            note=f"{through:.0f}/s let through of {HELD}/s, asked as fast as can be",
        ),
    ]
