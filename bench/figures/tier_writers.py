"""Sixteen writers at a time, each on templates of its own, beside the same commits made directly, one by one."""

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.bench import Bench, shown
from bench.data import bare_path
from bench.figures.writes import changed, some_names
from bench.floors.commits import open_fsynced, timed_commit
from bench.machine import wait_for_quiet
from bench.product import Client, Product, api, clean_environment
from bench.rows import Bound, Row, middle, ratio_at_least
from bench.tier import tier
from registry.domain.ids import TemplateName
from registry.domain.names import template_path

WRITERS = 16
EACH = 12
"""Writes of each in a run."""


@dataclass(frozen=True, slots=True)
class _Run:
    times: list[float] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def measure(bench: Bench) -> list[Row]:
    """The rate, and the slowest write beside the median one. Raises RuntimeError where a write is lost."""
    size = bench.sizes.large
    rates: list[float] = []
    alone: list[float] = []
    spreads: list[float] = []
    with tier(bench, size) as product:
        floor = product.data / "floor.git"
        shutil.copytree(bare_path(product.data), floor)
        repo = open_fsynced(floor)
        each = min(EACH, size // (3 * WRITERS))
        names = some_names(product.client(), WRITERS * each)
        texts = [product.client().get(api("templates", name))["source"] for name in names]
        for run in range(bench.runs + 1):
            files = [(name, changed(text, f"writer{run}")) for name, text in zip(names, texts, strict=True)]
            wait_for_quiet()
            spent = [timed_commit(repo, template_path(TemplateName(name)), data) for name, data in files]
            wait_for_quiet()
            started = time.perf_counter()
            done = _write(product, files)
            taken = time.perf_counter() - started
            _check(product, done, files)
            if run:  # the first warms both
                alone.append(len(files) / (sum(spent) / 1000))
                rates.append(len(files) / taken)
                spreads.append(max(done.times) / middle(done.times))
    return [
        Row(
            figure=f"{WRITERS} writers on different templates, none lost",
            size=shown(size),
            unit="writes/s",
            product_runs=rates,
            floor_runs=alone,
            floor_words="the same libgit2 commits with fsync, one by one",
            must=ratio_at_least(0.6),
            aim=Bound(2, on_ratio=True, at_least=True, words="> 2 ×"),
        ),
        Row(
            figure="the same, the slowest write beside the median one",
            size=shown(size),
            unit="×",
            product_runs=spreads,
            must=Bound(3, words="≤ 3 × the median"),
            aim=Bound(3, words="≤ 3 × the median"),
        ),
    ]


def _write(product: Product, files: Sequence[tuple[str, bytes]]) -> _Run:
    """Each writer has its own share and its own connection."""
    run = _Run()

    def work(share: Sequence[tuple[str, bytes]]) -> None:
        client = Client(product.port, product.key)
        headers = {"Content-Type": "application/yaml", "If-Match": "*"}
        for name, data in share:
            started = time.perf_counter()
            status, answer = client.call("PUT", api("templates", name), data, headers)
            run.times.append((time.perf_counter() - started) * 1000)
            if status >= 300:
                run.errors.append(f"{name}: {status} {answer[:300].decode('utf-8', 'replace')}")
                return
            run.commits.append(json.loads(answer)["commit"])

    threads = [threading.Thread(target=work, args=(files[at::WRITERS],)) for at in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return run


def _check(product: Product, run: _Run, files: Sequence[tuple[str, bytes]]) -> None:
    """Every write was taken, is in main's history, and is what main holds."""
    if run.errors:
        raise RuntimeError(f"{len(run.errors)} writes failed: {run.errors[0]}")
    bare = str(bare_path(product.data))

    def git(*arguments: str) -> bytes:
        command = ["git", "-C", bare, *arguments]
        return subprocess.run(command, check=True, capture_output=True, env=clean_environment()).stdout

    history = set(git("rev-list", f"--max-count={4 * len(files)}", "main").decode().split())
    lost = [commit for commit in run.commits if commit not in history]
    lost += [name for name, data in files if git("show", f"main:{template_path(TemplateName(name))}") != data]
    if lost or len(run.commits) != len(files):
        raise RuntimeError(f"{len(lost)} of {len(files)} writes are lost, as {lost[:1]}")
