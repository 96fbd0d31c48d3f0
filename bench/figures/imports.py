"""An import of a Langfuse project over REST into a running server, beside the same number of commits alone."""

import json
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from bench.bench import Bench
from bench.data import SEED, bare_path
from bench.floors.commits import commit_files, open_fsynced
from bench.floors.process import floor_server
from bench.langfuse import ENVIRONMENT, make_project
from bench.machine import wait_for_quiet
from bench.product import PROGRAM, clean_environment, serving
from bench.rows import Bound, Row, ratio_at_least

PROMPTS = 600
VERSIONS = 4_000
RUNS = 2
"""At most so many: a run takes a minute."""


def measure(bench: Bench) -> list[Row]:
    """Versions a second of the product and of commits of one file each; and prompts a second."""
    rates: list[float] = []
    alone: list[float] = []
    data = bench.data.out / "run-import"
    bench.data.out.mkdir(parents=True, exist_ok=True)
    entries = make_project(PROMPTS, VERSIONS, SEED)
    project = bench.data.out / "langfuse.json"
    project.write_text(json.dumps(entries), "utf-8")
    try:
        with floor_server("langfuse", project) as port:
            for _ in range(min(bench.runs, RUNS)):
                wait_for_quiet()
                shutil.rmtree(data, ignore_errors=True)
                commits, seconds = _import(data, f"http://127.0.0.1:{port}")
                rates.append(VERSIONS / seconds)
                alone.append(VERSIONS / _commit_alone(data, entries, commits))
                bench.say(f"{commits} commits in {seconds:.1f} s")
    finally:
        shutil.rmtree(data, ignore_errors=True)
    size = f"{PROMPTS} / {VERSIONS} versions"
    return [
        Row(
            figure="import from Langfuse, labels included",
            size=size,
            unit="versions/s",
            product_runs=rates,
            floor_runs=alone,
            floor_words="as many commits of one file, with fsync, nothing checked",
            must=ratio_at_least(0.15),
            aim=ratio_at_least(0.3),
        ),
        Row(
            figure="import from Langfuse, prompts",
            size=size,
            unit="/s",
            product_runs=[rate * PROMPTS / VERSIONS for rate in rates],
            must=Bound(5, at_least=True, words="≥ 5 /s"),
            aim=Bound(15, at_least=True, words="≥ 15 /s"),
        ),
    ]


def _import(data: Path, address: str) -> tuple[int, float]:
    """The commits that it made, and the seconds of the whole command."""
    with serving(data) as product:
        before = _count(data)
        named = {"PROMPTUARY_URL": product.url, "PROMPTUARY_KEY": product.key, "XDG_CACHE_HOME": str(data)}
        command = [*PROGRAM, "import", address, "--from", "langfuse", "--json"]
        started = time.perf_counter()
        done = subprocess.run(
            command, env=clean_environment() | ENVIRONMENT | named, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - started
        if done.returncode or json.loads(done.stdout)["written"] != VERSIONS:
            raise RuntimeError(f"the import failed with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
        return _count(data) - before, seconds


def _count(data: Path) -> int:
    command = ["git", "-C", str(bare_path(data)), "rev-list", "--count", "--all"]
    return int(subprocess.run(command, env=clean_environment(), check=True, capture_output=True).stdout)


def _commit_alone(data: Path, entries: list[dict[str, Any]], commits: int) -> float:
    """Seconds of so many commits in a repository of their own, each of one version's text."""
    bare = data / "floor.git"
    environment = clean_environment()
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], env=environment, check=True)
    empty = ["git", "-C", str(bare), "-c", "user.name=b", "-c", "user.email=b@b", "commit-tree", "-m", "b"]
    tree = subprocess.run(
        ["git", "-C", str(bare), "mktree"], env=environment, check=True, capture_output=True, input=b""
    ).stdout.decode()
    first = subprocess.run([*empty, tree.strip()], env=environment, check=True, capture_output=True).stdout.decode()
    subprocess.run(["git", "-C", str(bare), "update-ref", "refs/heads/main", first.strip()], check=True)
    repo = open_fsynced(bare)
    started = time.perf_counter()
    for number in range(commits):
        entry = entries[number % len(entries)]
        body = json.dumps(entry, ensure_ascii=False).encode() + str(number).encode()
        commit_files(repo, {f"prompts/{entry['name']}.prompt.yaml": body})
    return time.perf_counter() - started
