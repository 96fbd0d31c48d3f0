"""Pushes to the server tier: until they are found, ten templates in a small and a large registry, a popular partial."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from bench.bench import Bench, shown
from bench.data import bare_path
from bench.figures.pushes import Pusher, clone_bare, some_paths
from bench.floors.commits import commit_files
from bench.machine import wait_for_quiet
from bench.product import Client, api
from bench.ref_watch import RefWatch, watch_word
from bench.rows import Bound, Row, at_most, middle, percentile
from bench.tier import Tier, tier

PUSHES = 20
"""Watched pushes of a run; the slowest of a hundred is that of all runs together."""

TOGETHER = 10
"""Templates of one push."""

INCLUDERS = 5_000
INCLUDERS_SHARE = 20
"""At most one template in so many includes the partial that is changed."""

_PARTIAL = "partials/bench/shared"
_LONG_PAUSE = 0.01
"""Seconds between two looks for what takes about one."""


def measure(bench: Bench) -> list[Row]:
    """Search and partial at the larger size, ten templates at both."""
    small, large = bench.sizes.small, bench.sizes.large
    with _pushing(bench, large) as (product, pusher):
        found = _found(bench, product, pusher)
        with _pushing(bench, small) as smaller:  # which the servers are busy to forget for a while
            few, many = _ten(bench, smaller, (product, pusher))
        shared = _partial(bench, product, pusher)
    grown = [after / before for before, after in zip(few, many, strict=True)]
    return [
        *found,
        *(_ten_row(size, runs) for size, runs in ((small, few), (large, many))),
        Row(
            figure=f"the same push of {TOGETHER}, growth with the number of templates",
            size=f"{shown(large)} / {shown(small)}",
            unit="×",
            product_runs=grown,
            must=Bound(1.3, words="≤ 1.3 ×"),
            aim=Bound(1.1, words="≤ 1.1 ×"),
        ),
        shared,
    ]


@contextmanager
def _pushing(bench: Bench, size: int) -> Iterator[tuple[Tier, Pusher]]:
    with tier(bench, size) as product:
        pusher = Pusher(clone_bare(bare_path(product.data), product.data / "clone.git"), product.git_url)
        paths = some_paths(product.client(), TOGETHER)
        for number in range(2):  # what a process loads once does not count
            pusher.change(paths, f"warm{number}")
            pusher.push()
        yield product, pusher


def _found(bench: Bench, product: Tier, pusher: Pusher) -> list[Row]:
    """Each push is watched by one reader; between them the same is pushed into a plain folder, by git alone."""
    late: list[list[float]] = []
    whole: list[list[float]] = []
    alone: list[list[float]] = []
    plain = _plain_pusher(product)
    paths = some_paths(product.client(), PUSHES)
    for run in range(bench.runs):
        wait_for_quiet()
        for each in (late, whole, alone):
            each.append([])
        for at, path in enumerate(paths):
            word = f"watched{run}x{at}"
            pusher.commit(path, word)
            with watch_word(product, path, word) as watch:
                began = time.perf_counter()
                pusher.push()
            late[-1].append(watch.delay_ms())
            whole[-1].append((watch.seen - began) * 1000)
            plain.commit(path, word)
            alone[-1].append(plain.push())
    size = shown(product.place.templates)
    middles = [middle(list(map(middle, each))) for each in (late, whole, alone)]
    return [
        Row(
            figure="push: ref moved → readable, and searchable in Elasticsearch, p99",
            size=size,
            unit="ms",
            product_runs=[_slowest(late)],
            floor_words="(none: the wait of a reader)",
            must=at_most(250, "ms"),
            aim=at_most(120, "ms"),
            note=f"p50 {middles[0]:.0f} ms; {bench.runs} × {PUSHES} pushes",
        ),
        Row(
            figure="the same from the start of git push, p99",
            size=size,
            unit="ms",
            product_runs=[_slowest(whole)],
            floor_runs=[_slowest(alone)],
            floor_words="the same push into a folder, by git alone",
            must=at_most(250, "ms"),
            aim=at_most(120, "ms"),
            note=f"p50 {middles[1]:.0f} ms, of git alone {middles[2]:.0f} ms",
        ),
    ]


def _slowest(runs: Sequence[Sequence[float]]) -> float:
    """The slowest of a hundred, of all runs."""
    return percentile([each for run in runs for each in run], 0.99)


def _plain_pusher(product: Tier) -> Pusher:
    """Pushes into a folder that nobody serves and nothing judges."""
    bare = bare_path(product.data)
    folder = clone_bare(bare, product.data / "plain.git")
    return Pusher(clone_bare(bare, product.data / "plain-clone.git"), str(folder))


def _ten(bench: Bench, *sizes: tuple[Tier, Pusher]) -> list[list[float]]:
    """For each size a value for each run; in turns, because one is divided by the other."""
    runs: list[list[float]] = [[] for _ in sizes]
    for run in range(bench.runs):
        for measured, (product, pusher) in zip(runs, sizes, strict=True):
            wait_for_quiet()
            measured.append(push_together(product, pusher, run))
    return runs


def push_together(product: Tier, pusher: Pusher, run: int) -> float:
    """Milliseconds from the ref's move until all ten are read in their new form: the median of some pushes."""
    paths = some_paths(product.client(), TOGETHER)
    names = [path.removeprefix("prompts/").removesuffix(".prompt.yaml") for path in paths]
    delays = []
    for at in range(PUSHES // 2):
        word = f"together{run}x{at}"
        pusher.change(paths, word)
        with RefWatch(product, partial(_shows, names, word)) as watch:
            pusher.push()
        delays.append(watch.delay_ms())
    return middle(delays)


def _shows(names: Sequence[str], word: str, client: Client) -> bool:
    """The last first: while that is old the others need not be asked."""
    return all(word in client.get(api("templates", name))["source"] for name in reversed(names))


def _ten_row(size: int, runs: list[float]) -> Row:
    return Row(
        figure=f"a push of {TOGETHER} changed templates, ref moved → all projected",
        size=shown(size),
        unit="ms",
        product_runs=runs,
        must=Bound(1e9, words="(its growth)"),
        aim=Bound(1e9, words="(its growth)"),
    )


def _partial(bench: Bench, product: Tier, pusher: Pusher) -> Row:
    """A partial and its includers are pushed first; each change of it makes a version of every one of them."""
    count = min(INCLUDERS, max(1, product.place.templates // INCLUDERS_SHARE))
    client = product.client()
    bench.say(f"{count} templates that include {_PARTIAL}")
    commit_files(pusher.repo, _included(count))
    pusher.push()
    names = [_includer(number) for number in (0, count // 2, count - 1)]
    path = f"prompts/{_PARTIAL}.prompt.yaml"
    runs, whole = [], []
    for run in range(bench.runs + 1):
        wait_for_quiet()
        wanted = client.get(api("templates", names[0]))["version"] + 1
        commit_files(pusher.repo, {path: _text(f"shared text {run}")})
        with RefWatch(product, partial(_at, names, wanted), pause=_LONG_PAUSE) as watch:
            began = time.perf_counter()
            pusher.push()
        if run:
            runs.append(watch.delay_ms())
            whole.append((watch.seen - began) * 1000)
    return Row(
        figure=f"a partial with {count} includers changed, ref moved → all projected",
        size=shown(product.place.templates),
        unit="ms",
        product_runs=runs,
        must=at_most(1_000, "ms"),
        aim=at_most(300, "ms"),
        note=f"with the whole push, the gate included: {middle(whole):.0f} ms",
    )


def _at(names: Sequence[str], version: int, client: Client) -> bool:
    return all(client.get(api("templates", name))["version"] == version for name in names)


def _included(count: int) -> dict[str, bytes]:
    body = f'includer {{}} text\n{{% include "{_PARTIAL}" %}}'
    files = {
        f"prompts/{_includer(number)}.prompt.yaml": _text(body.replace("{}", str(number))) for number in range(count)
    }
    return files | {f"prompts/{_PARTIAL}.prompt.yaml": _text("shared text")}


def _includer(number: int) -> str:
    return f"bench/includers/f{number // 100:03}/t{number:05}"


def _text(body: str) -> bytes:
    lines = "".join(f"  {line}\n" for line in body.split("\n"))
    return f"schema: prompt/v1\ndescription: made by the bench\ntype: text\ntext: |\n{lines}".encode()
