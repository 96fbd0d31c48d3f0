"""Searching over HTTP with facets and highlights, beside SQLite's own full text over the same files."""

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.bench import Bench, shown
from bench.machine import wait_for_quiet
from bench.product import Client, api, serving
from bench.queries import MOST_HITS, RARE, Queries, load_queries, read_bodies
from bench.rows import Row, at_most, middle, percentile

_PAGE = 20


def measure(bench: Bench) -> list[Row]:
    """Both kinds of query; a run asks each of them once."""
    size = bench.sizes.large
    source = bench.data.repository(size)
    queries = load_queries(source)
    floor = _floor_index(source, bench.data.out / f"floor-{size}.sqlite")
    rare: list[list[float]] = []
    common: list[list[float]] = []
    rare_floor: list[float] = []
    common_floor: list[float] = []
    with bench.data.copy(size) as data, serving(data) as product:
        client = product.client()
        queries, notes = _checked(client, queries, size)
        for run in range(1, bench.runs + 1):
            wait_for_quiet()
            rare_floor.append(middle([_match(floor, query) for query in queries.rare]))
            rare.append([_ask(client, query, run) for query in queries.rare])
            common_floor.append(middle([_match(floor, query) for query in queries.common]))
            common.append([_ask(client, query, run) for query in queries.common])
    words = f"FTS5 trigrams alone, {_PAGE} row ids, no order"
    return [
        Row(
            figure=f"search, {len(queries.rare)} queries of 1-1,000 hits, facets and highlights, p50",
            size=shown(size),
            unit="ms",
            product_runs=[middle(times) for times in rare],
            floor_runs=rare_floor,
            floor_words=words,
            must=at_most(20, "ms"),
            aim=at_most(5, "ms"),
            note=f"p99 {middle([percentile(times, 0.99) for times in rare]):.0f} ms; {notes[0]}",
        ),
        Row(
            figure=f"search, {len(queries.common)} words in > 10 % of the templates, p50",
            size=shown(size),
            unit="ms",
            product_runs=[middle(times) for times in common],
            floor_runs=common_floor,
            floor_words=words,
            must=at_most(150, "ms"),
            aim=at_most(40, "ms"),
            note=f"p99 {middle([percentile(times, 0.99) for times in common]):.0f} ms; {notes[1]}",
        ),
    ]


def _ask(client: Client, query: str, run: int) -> float:
    """The time of a search; each run has a page size of its own, so that no answer has been kept."""
    return client.timed("GET", api("search", q=query, limit=_PAGE + run))


def _checked(client: Client, queries: Queries, templates: int) -> tuple[Queries, tuple[str, str]]:
    """Every query is answered with hits, facets and highlights, and asked once before it counts.

    Queries that find more than they should, because names and tags hold them too, are left out; of the others the
    first 50 of each language are kept.
    """
    totals: list[int] = []
    kept: dict[bool, list[str]] = {True: [], False: []}
    marked = 0
    for query in queries.rare:
        same = kept[query.isascii()]
        if len(same) == RARE // 2:
            continue
        answer = client.get(api("search", q=query))
        if not answer["hits"] or not answer["facets"]["folder"]:
            raise RuntimeError(f"the search for {query!r} found {answer['total']} templates, facets {answer['facets']}")
        if answer["total"] > MOST_HITS:
            continue
        same.append(query)
        marked += any(hit["highlights"] for hit in answer["hits"])
        totals.append(answer["total"])
    exact = 0
    for query in queries.common:
        answer = client.get(api("search", q=query))
        if answer["exact"] and answer["total"] <= templates // 10:
            raise RuntimeError(f"the search for {query!r} found only {answer['total']} templates")
        exact += answer["exact"]
    rare = f"hits {min(totals)}-{max(totals)}, median {sorted(totals)[len(totals) // 2]}, {marked} highlighted"
    return replace(queries, rare=[*kept[True], *kept[False]]), (
        rare,
        f"{exact} of {len(queries.common)} with exact facets, the others marked",
    )


def _floor_index(source: Path, target: Path) -> sqlite3.Connection:
    """Full text of every file on trigrams, made once."""
    mark = target.with_suffix(".json")
    wanted = {"source": source.name, "modified": source.stat().st_mtime}
    if not mark.exists() or json.loads(mark.read_text("utf-8")) != wanted:
        target.unlink(missing_ok=True)
        connection = sqlite3.connect(target)
        connection.execute("create virtual table text using fts5(body, tokenize = 'trigram')")
        connection.executemany("insert into text values (?)", ((body,) for body in read_bodies(source)))
        connection.commit()
        connection.execute("insert into text(text) values ('optimize')")
        connection.commit()
        connection.close()
        mark.write_text(json.dumps(wanted), "utf-8")
    return sqlite3.connect(target)


def _match(connection: sqlite3.Connection, query: str) -> float:
    # Trigrams know nothing shorter; the two-syllable words of Korean are then looked for with three of their jamo.
    asked: Sequence[str] = [f'"{query}"', str(_PAGE)]
    started = time.perf_counter()
    connection.execute("select rowid from text where text match ? limit ?", asked).fetchall()
    return (time.perf_counter() - started) * 1000
