"""A write over the API until it is committed, durable, projected and searchable, beside commit and row alone."""

import shutil

from bench.bench import Bench, shown
from bench.data import bare_path
from bench.floors.commits import open_fsynced, timed_commit
from bench.floors.rows import PlainTable, row_of
from bench.machine import wait_for_quiet
from bench.product import Client, api, serving
from bench.rows import Bound, Row, middle, ratio_at_most
from registry.domain.ids import TemplateName
from registry.domain.names import template_path

WRITES = 30
"""Writes of a run; their median is the run's value."""


def measure(bench: Bench) -> list[Row]:
    """At both sizes, and how the time grows from one to the other."""
    sizes = [(bench.sizes.small, bench.sizes.small_versions), (bench.sizes.large, bench.sizes.large)]
    rows = [_measure_size(bench, *size) for size in sizes]
    grown = [large / small for small, large in zip(rows[0].product_runs, rows[1].product_runs, strict=True)]
    return [
        *rows,
        Row(
            figure="the same write, growth with the number of templates",
            size=f"{rows[1].size} / {rows[0].size}",
            unit="×",
            product_runs=grown,
            must=Bound(3.0, words="(none)"),
            aim=Bound(1.25, words="no growth (≤ 1.25)"),
        ),
    ]


def _measure_size(bench: Bench, templates: int, versions: int) -> Row:
    product_runs: list[float] = []
    floor_runs: list[float] = []
    bench.say(f"writes at {templates}")
    with bench.data.copy(templates, versions) as data:
        # The floor writes into a repository of its own, of the same size and in the same state.
        bare = data / "floor.git"
        shutil.copytree(bare_path(data), bare)
        table = PlainTable.make(data / "floor.sqlite")
        repo = open_fsynced(bare)
        with serving(data) as product:
            client = product.client()
            names = some_names(client, bench.runs * WRITES + 5)
            for number, name in enumerate(names[:5]):
                write(client, name, f"warm{number}")
            for run in range(bench.runs):
                wait_for_quiet()
                floor, taken = [], []
                for at, name in enumerate(names[5 + run * WRITES : 5 + (run + 1) * WRITES]):
                    data_now, spent = write(client, name, f"written{run}x{at}")
                    taken.append(spent)
                    row = row_of(name, 2, "0" * 64, None, data_now)
                    committed = timed_commit(repo, template_path(TemplateName(name)), data_now)
                    floor.append(committed + table.timed_upsert(row))
                product_runs.append(middle(taken))
                floor_runs.append(middle(floor))
            found = client.get(api("search", q=f"written{bench.runs - 1}x{WRITES - 1}"))["total"]
            if found != 1:
                raise RuntimeError(f"the last write is found {found} times")
    return Row(
        figure="API write → committed, projected, searchable, p50",
        size=shown(templates),
        unit="ms",
        product_runs=product_runs,
        floor_runs=floor_runs,
        floor_words="libgit2 commit with fsync + row upsert",
        must=ratio_at_most(3),
        aim=ratio_at_most(1.5),
    )


def some_names(client: Client, count: int, **where: str) -> list[str]:
    """The first templates that are no partials, of those of a filter (default: those in use)."""
    where = where or {"status": "active"}
    names: list[str] = []
    cursor = None
    while len(names) < count:
        page = client.get(api("templates", limit=100, **where, **({"cursor": cursor} if cursor else {})))
        names += [each["name"] for each in page["templates"] if not each["name"].startswith("partials/")]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    if len(names) < count:
        raise RuntimeError(f"there are only {len(names)} templates")
    return names[:count]


def write(client: Client, name: str, word: str) -> tuple[bytes, float]:
    """Writes a template's present text with one more word in its description: the bytes, and the milliseconds."""
    data = changed(client.get(api("templates", name))["source"], word)
    headers = {"Content_Type": "application/yaml", "If_Match": "*"}
    return data, client.timed("PUT", api("templates", name), data, **headers)


def changed(source: str, word: str) -> bytes:
    """A template's text with one more word in its description."""
    lines = [f"{line} {word}" if line.startswith("description:") else line for line in source.split("\n")]
    return "\n".join(lines).encode()
