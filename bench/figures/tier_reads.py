"""Reads of two workers over PostgreSQL and Redis: from their caches, and each from the catalogue."""

from pathlib import Path
from urllib.parse import quote

from bench.bench import Bench, shown
from bench.figures.reads import CONNECTIONS, SECONDS
from bench.figures.writes import some_names
from bench.floors.answers import put_answers
from bench.floors.process import floor_server
from bench.floors.server import ROUTE
from bench.machine import wait_for_quiet
from bench.product import api
from bench.rows import Row, middle, ratio_at_least
from bench.tier import WORKERS, tier
from bench.wrk import Load, run_wrk, write_paths

NAMES = 10_000
"""Templates that are read in turns where no cache may know them."""

LABEL = "production"
LABELLED = 5
"""At least one template in so many has the label."""

_COLD = {"PROMPTUARY_ANSWER_CACHE_BYTES": "0", "PROMPTUARY_REDIS_URL": ""}


def measure(bench: Bench) -> list[Row]:
    """Requests a second of wrk with 64 connections."""
    return [_cached(bench), _cold(bench)]


def _cached(bench: Bench) -> Row:
    size = bench.sizes.large
    with tier(bench, size) as product:
        client = product.client()
        listed = client.get(api("templates", label=LABEL, limit=50))["templates"]
        path = api("templates", listed[len(listed) // 2]["name"], label=LABEL)
        body = client.call("GET", path)[1]
        file = product.data / "answer.json"
        file.write_bytes(body)
        with floor_server("route", file, str(WORKERS)) as port:
            loads = _in_turns(bench, f"http://127.0.0.1:{port}{ROUTE}", f"{product.url}{path}", product.key)
    return _row(
        f"read by label, cached, {CONNECTIONS} connections, {WORKERS} workers",
        size,
        loads,
        f"Starlette route, {WORKERS} workers, the same {len(body)} bytes",
        (0.7, 0.9),
    )


def _cold(bench: Bench) -> Row:
    size = bench.sizes.large
    with tier(bench, size, replica=_COLD) as product:
        client = product.client()
        names = some_names(client, min(NAMES, size // LABELLED), label=LABEL)
        put_answers(
            product.servers.database(product.place.database),
            ((name, client.call("GET", api("templates", name, label=LABEL))[1]) for name in names),
        )
        address = product.data / "address"
        address.write_text(product.servers.database(product.place.database), "utf-8")
        ours = write_paths(product.data / "ours.lua", [api("templates", name, label=LABEL) for name in names])
        plain = write_paths(product.data / "floor.lua", [f"{ROUTE}/{quote(name)}" for name in names])
        with floor_server("select", address, str(WORKERS)) as port:
            loads = _in_turns(bench, f"http://127.0.0.1:{port}", product.url, product.key, scripts=(plain, ours))
    return _row(
        f"read by label of {len(names)} templates, no cache (PostgreSQL), {CONNECTIONS} connections, {WORKERS} workers",
        size,
        loads,
        f"Starlette and a prepared select of the answer by asyncpg, {WORKERS} workers",
        (0.6, 0.8),
    )


def _in_turns(
    bench: Bench, floor: str, ours: str, key: str, *, scripts: tuple[Path | None, Path | None] = (None, None)
) -> list[tuple[Load, Load]]:
    """Floor and product, run by run, after a second of each that does not count."""

    def both(seconds: float) -> tuple[Load, Load]:
        wait_for_quiet()
        first, second = (
            run_wrk(url, key=key, connections=CONNECTIONS, seconds=seconds, script=script)
            for url, script in zip((floor, ours), scripts, strict=True)
        )
        return first, second

    both(1)
    return [both(SECONDS) for _ in range(bench.runs)]


def _row(figure: str, size: int, loads: list[tuple[Load, Load]], floor: str, bounds: tuple[float, float]) -> Row:
    return Row(
        figure=figure,
        size=shown(size),
        unit="/s",
        product_runs=[ours.per_second for _, ours in loads],
        floor_runs=[plain.per_second for plain, _ in loads],
        floor_words=floor,
        must=ratio_at_least(bounds[0]),
        aim=ratio_at_least(bounds[1]),
        note=f"p50 {middle([ours.p50_ms for _, ours in loads]):.1f} ms, "
        f"p99 {middle([ours.p99_ms for _, ours in loads]):.1f} ms; wrk is on the same machine",
    )
