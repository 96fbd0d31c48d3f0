"""Reading a template by label, key checked, from the cache, beside a plain Starlette route with the same bytes."""

from bench.bench import Bench, shown
from bench.floors.process import floor_server
from bench.floors.server import ROUTE
from bench.machine import wait_for_quiet
from bench.product import api, serving
from bench.rows import Bound, Row, ratio_at_least
from bench.wrk import run_wrk

CONNECTIONS = 64
SECONDS = 2.0
RATE = 20_000


def measure(bench: Bench) -> list[Row]:
    """Requests a second of wrk with 64 connections, one worker each."""
    product_runs: list[float] = []
    floor_runs: list[float] = []
    tails: list[float] = []
    size = bench.sizes.small
    with bench.data.copy(size, bench.sizes.small_versions) as data, serving(data) as product:
        client = product.client()
        listed = client.get(api("templates", label="production", limit=50))["templates"]
        path = api("templates", listed[len(listed) // 2]["name"], label="production")
        body = client.call("GET", path)[1]
        file = data / "answer.json"
        file.write_bytes(body)
        with floor_server("route", file) as port:
            run_wrk(f"{product.url}{path}", key=product.key, connections=CONNECTIONS, seconds=1)
            run_wrk(f"http://127.0.0.1:{port}{ROUTE}", key=product.key, connections=CONNECTIONS, seconds=1)
            for _ in range(bench.runs):
                wait_for_quiet()
                floor = run_wrk(
                    f"http://127.0.0.1:{port}{ROUTE}", key=product.key, connections=CONNECTIONS, seconds=SECONDS
                )
                load = run_wrk(f"{product.url}{path}", key=product.key, connections=CONNECTIONS, seconds=SECONDS)
                floor_runs.append(floor.per_second)
                product_runs.append(load.per_second)
                tails.append(load.p99_ms)
    return [
        Row(
            figure="read by label, key checked, from cache, 64 connections",
            size=shown(size),
            unit="/s",
            product_runs=product_runs,
            floor_runs=floor_runs,
            floor_words=f"Starlette route, the same {len(body)} bytes",
            must=ratio_at_least(0.7),
            aim=_Aim(0.9, on_ratio=True, at_least=True, words=f"≥ 0.9 ×, > {RATE}/s"),
            note=f"p99 {sorted(tails)[len(tails) // 2]:.1f} ms",
        )
    ]


class _Aim(Bound):
    """The ratio, and the rate as well."""

    def holds(self, value: float, ratio: float | None) -> bool:
        """Both."""
        return value > RATE and ratio is not None and ratio >= self.limit
