"""Pushing one file with git over HTTP, all hooks on; and how long after the ref has moved it is read and found."""

import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pygit2

from bench.bench import Bench, shown
from bench.data import bare_path
from bench.floors.commits import commit_files
from bench.floors.process import floor_server
from bench.machine import wait_for_quiet
from bench.product import Client, Product, api, clean_environment, serving
from bench.rows import Row, at_most, middle, percentile, ratio_at_most

PUSHES = 12
"""Pushes of a run, to the product and to the floor in turns."""


@dataclass(slots=True)
class Pusher:
    """A clone without a work tree, in which commits are made and pushed from."""

    clone: Path
    url: str
    repo: pygit2.Repository = field(init=False)

    def __post_init__(self) -> None:
        self.repo = pygit2.Repository(str(self.clone))

    def commit(self, path: str, word: str) -> str:
        """Changes one template."""
        entry: pygit2.Object = self.repo.references["refs/heads/main"].peel(pygit2.Commit).tree[path]
        assert isinstance(entry, pygit2.Blob)
        lines = entry.data.decode().split("\n")
        changed = [f"{line} {word}" if line.startswith("description:") else line for line in lines]
        return commit_files(self.repo, {path: "\n".join(changed).encode()})

    def push(self) -> float:
        """Milliseconds of ``git push``."""
        command = ["git", "-C", str(self.clone), "push", "-q", self.url, "main:main"]
        started = time.perf_counter()
        done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
        spent = (time.perf_counter() - started) * 1000
        if done.returncode:
            raise RuntimeError(f"the push failed:\n{done.stderr}")
        return spent


def measure(bench: Bench) -> list[Row]:
    """Both figures, from the same pushes."""
    product_runs: list[float] = []
    floor_runs: list[float] = []
    delays: list[list[float]] = []
    size = bench.sizes.small
    with bench.data.copy(size, bench.sizes.small_versions) as data:
        floor_folder = data / "floor"
        _clone(bare_path(data), floor_folder / "default.git")
        clones = [_clone(bare_path(data), data / name) for name in ("clone.git", "floor-clone.git")]
        with serving(data) as product, floor_server("git", floor_folder) as port:
            ours = Pusher(clones[0], product.git_url)
            floor = Pusher(clones[1], f"http://bench:key@127.0.0.1:{port}/git/default.git")
            paths = _paths(product.client(), bench.runs * PUSHES + 2)
            for each in (ours, floor):
                each.commit(paths[-1], "warm")
                each.push()
            for run in range(bench.runs):
                wait_for_quiet()
                taken, alone, late = [], [], []
                for at, path in enumerate(paths[run * PUSHES : (run + 1) * PUSHES]):
                    word = f"pushed{run}x{at}"
                    floor.commit(path, word)
                    alone.append(floor.push())
                    ours.commit(path, word)
                    taken.append(ours.push())
                # Watched pushes are others: whoever asks all the time slows the push down.
                for at, path in enumerate(paths[run * PUSHES : (run + 1) * PUSHES]):
                    word = f"watched{run}x{at}"
                    ours.commit(path, word)
                    with _Watch(product, path, word) as watch:
                        ours.push()
                    late.append(watch.delay_ms())
                product_runs.append(middle(taken))
                floor_runs.append(middle(alone))
                delays.append(late)
    return [
        Row(
            figure="push of one file over HTTP, all hooks, p50",
            size=shown(size),
            unit="ms",
            product_runs=product_runs,
            floor_runs=floor_runs,
            floor_words="the same push, same ASGI app, no hooks",
            must=ratio_at_most(1.5),
            aim=ratio_at_most(1.25),
        ),
        Row(
            figure="ref moved → readable and searchable, p99",
            size=shown(size),
            unit="ms",
            product_runs=[percentile(late, 0.99) for late in delays],
            floor_words="(none: the wait of a reader)",
            must=at_most(100, "ms"),
            aim=at_most(30, "ms"),
            note=f"p50 {middle([middle(late) for late in delays]):.0f} ms; {len(delays)} × {PUSHES} pushes",
        ),
    ]


class _Watch:
    """Waits beside a push for the ref to move, then asks until a search finds the new word and a read shows it."""

    def __init__(self, product: Product, path: str, word: str) -> None:
        self._ref = bare_path(product.data) / "refs" / "heads" / "main"
        self._client = Client(product.port, product.key)
        self._name = path.removeprefix("prompts/").removesuffix(".prompt.yaml")
        self._word = word
        self._before = self._stamp()
        self._moved = self._seen = 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Watch":
        self._client.get(api("index"))  # the connection stands before it counts
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(20)

    def delay_ms(self) -> float:
        """From the ref's move to both. Raises RuntimeError where that did not come within seconds."""
        if not self._seen:
            raise RuntimeError(f"{self._name} was not found with {self._word} within 15 s")
        return (self._seen - self._moved) * 1000

    def _stamp(self) -> int:
        try:
            return self._ref.stat().st_mtime_ns
        except FileNotFoundError:  # packed
            return 0

    def _watch(self) -> None:
        self._until(lambda: self._stamp() != self._before, 0.0003)
        self._moved = time.perf_counter()
        found = lambda: self._client.get(api("search", q=self._word, limit=1))["total"] == 1  # noqa: E731
        shows = lambda: self._word in self._client.get(api("templates", self._name))["source"]  # noqa: E731
        if self._until(found, 0.001) and self._until(shows, 0.001):
            self._seen = time.perf_counter()

    def _until(self, holds: Callable[[], bool], pause: float) -> bool:
        until = time.monotonic() + 15
        while not holds():
            if time.monotonic() > until:
                return False
            time.sleep(pause)
        return True


def _clone(source: Path, target: Path) -> Path:
    command = ["git", "clone", "-q", "--bare", "--no-hardlinks", "--template=", str(source), str(target)]
    subprocess.run(command, check=True, env=clean_environment())
    return target


def _paths(client: Client, count: int) -> list[str]:
    from bench.figures.writes import some_names

    return [f"prompts/{name}.prompt.yaml" for name in some_names(client, count)]
