"""Pushing one file with git over HTTP, all hooks on; and how long after the ref has moved it is read and found."""

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pygit2

from bench.bench import Bench, shown
from bench.data import bare_path
from bench.figures.writes import changed, some_names
from bench.floors.commits import commit_files
from bench.floors.process import floor_server
from bench.machine import wait_for_quiet
from bench.product import Client, clean_environment, serving
from bench.ref_watch import watch_word
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
        return self.change([path], word)

    def change(self, paths: Sequence[str], word: str) -> str:
        """Changes templates in one commit: a word more in the description of each."""
        tree = self.repo.references["refs/heads/main"].peel(pygit2.Commit).tree
        files = {}
        for path in paths:
            entry: pygit2.Object = tree[path]
            assert isinstance(entry, pygit2.Blob)
            files[path] = changed(entry.data.decode(), word)
        return commit_files(self.repo, files)

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
        clone_bare(bare_path(data), floor_folder / "default.git")
        clones = [clone_bare(bare_path(data), data / name) for name in ("clone.git", "floor-clone.git")]
        with serving(data) as product, floor_server("git", floor_folder) as port:
            ours = Pusher(clones[0], product.git_url)
            floor = Pusher(clones[1], f"http://bench:key@127.0.0.1:{port}/git/default.git")
            paths = some_paths(product.client(), bench.runs * PUSHES + 2)
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
                    with watch_word(product, path, word) as watch:
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


def clone_bare(source: Path, target: Path) -> Path:
    command = ["git", "clone", "-q", "--bare", "--no-hardlinks", "--template=", str(source), str(target)]
    subprocess.run(command, check=True, env=clean_environment())
    return target


def some_paths(client: Client, count: int) -> list[str]:
    """The paths of templates as ``some_names`` gives them."""
    return [f"prompts/{name}.prompt.yaml" for name in some_names(client, count)]
