"""Listing a page of 50: the first, and the last, beside SQLite with an index of the names."""

import sqlite3
import time

from bench.bench import Bench, shown
from bench.machine import wait_for_quiet
from bench.product import Client, api, serving
from bench.rows import Bound, Row, at_most, middle

PAGE = 50
REQUESTS = 40


def measure(bench: Bench) -> list[Row]:
    """First and last page, and how the time grows with depth."""
    size = bench.sizes.large
    floor_runs: list[float] = []
    runs: dict[str, list[float]] = {"first": [], "last": []}
    with bench.data.copy(size) as data, serving(data) as product:
        client = product.client()
        bench.say(f"walking through {size} templates to the last page")
        names, last = _walk(client, size)
        pages = {"first": api("templates", limit=PAGE), "last": api("templates", limit=PAGE, cursor=last)}
        floor = _floor_table(names)
        for _ in range(bench.runs):
            wait_for_quiet()
            floor_runs.append(middle([_floor_page(floor, names[-PAGE - 1]) for _ in range(REQUESTS)]))
            for page, path in pages.items():
                runs[page].append(middle([client.timed("GET", path) for _ in range(REQUESTS)]))
    rows = [
        Row(
            figure=f"list a page of {PAGE}, the {page} page, p50",
            size=shown(size),
            unit="ms",
            product_runs=times,
            floor_runs=floor_runs,
            floor_words=f"{PAGE} rows by an index of SQLite",
            must=at_most(5, "ms"),
            aim=at_most(2, "ms"),
        )
        for page, times in runs.items()
    ]
    grown = [last / first for first, last in zip(runs["first"], runs["last"], strict=True)]
    bound = Bound(1.25, words="no growth (≤ 1.25)")
    rows.append(
        Row(figure="list, growth with depth", size=shown(size), unit="×", product_runs=grown, must=bound, aim=bound)
    )
    return rows


def _walk(client: Client, templates: int) -> tuple[list[str], str]:
    """All names in the order of the list, and the cursor of the last page."""
    names: list[str] = []
    cursor = last = ""
    while True:
        answer = client.get(api("templates", limit=PAGE, **({"cursor": cursor} if cursor else {})))
        names += [each["name"] for each in answer["templates"]]
        if answer["next_cursor"] is None:
            break
        cursor = last = answer["next_cursor"]
    if len(names) != templates or len(set(names)) != templates:
        raise RuntimeError(f"the pages list {len(names)} names, {len(set(names))} of them different, of {templates}")
    return names, last


def _floor_table(names: list[str]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table template (place integer primary key, name text, facts text)")
    connection.executemany("insert into template values (?, ?, ?)", ((at, n, "x" * 300) for at, n in enumerate(names)))
    connection.execute("create unique index by_name on template (name)")
    return connection


def _floor_page(connection: sqlite3.Connection, name: str) -> float:
    started = time.perf_counter()
    connection.execute("select * from template where name > ? order by name limit ?", (name, PAGE)).fetchall()
    return (time.perf_counter() - started) * 1000
