"""``validate`` and ``check`` of a whole checkout, beside parsing its files alone, in one process and in two."""

import json
import resource
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.bench import Bench, shown
from bench.machine import wait_for_quiet
from bench.product import PROGRAM, clean_environment
from bench.rows import Bound, Row, ratio_at_most

RUNS = 3
"""At most so many: a run takes half a minute."""
CHANGED = b"# changed\n"


def measure(bench: Bench) -> list[Row]:
    """Seconds of each command from its start to its end, and how many cores it had busy."""
    size = bench.sizes.small
    spent: defaultdict[str, list[float]] = defaultdict(list)
    cores: defaultdict[str, list[float]] = defaultdict(list)
    with _checkout(bench) as folder:
        commands = {
            "one": [sys.executable, "-m", "bench.floors.parsing", str(folder), "1"],
            "two": [sys.executable, "-m", "bench.floors.parsing", str(folder), "2"],
            "validate": [*PROGRAM, "validate", str(folder), "--json"],
            "check": [*PROGRAM, "check", str(folder), "--against", "HEAD", "--json"],
        }
        for _ in range(min(bench.runs, RUNS)):
            wait_for_quiet()
            for name, command in commands.items():
                seconds, busy = _timed(command, size if name in {"validate", "check"} else 0)
                spent[name].append(seconds)
                cores[name].append(busy)
    rows = []
    for name, what in (("validate", "validate"), ("check", "check, every file changed")):
        for floor, words, must, aim in (("one", "one process", 6, 4), ("two", "two processes", 10, 6)):
            rows.append(
                Row(
                    figure=f"{what}, of a checkout",
                    size=f"{shown(size)} files",
                    unit="s",
                    product_runs=spent[name],
                    floor_runs=spent[floor],
                    floor_words=f"C events of the same files, {words}",
                    must=ratio_at_most(must),
                    aim=ratio_at_most(aim),
                )
            )
        rows.append(
            Row(
                figure=f"{what}, cores busy",
                size=f"{shown(size)} files",
                unit="cores",
                product_runs=cores[name],
                must=Bound(1.3, at_least=True, words="≥ 1.3 of 2"),
                aim=Bound(1.6, at_least=True, words="≥ 1.6 of 2"),
            )
        )
    return rows


@contextmanager
def _checkout(bench: Bench) -> Iterator[Path]:
    """A clone in whose work tree every template differs from what is committed."""
    source = bench.data.repository(bench.sizes.small, bench.sizes.small_versions)
    folder = bench.data.out / "checkout"
    shutil.rmtree(folder, ignore_errors=True)
    command = ["git", "clone", "-q", "--branch", "main", str(source), str(folder)]
    subprocess.run(command, check=True, env=clean_environment())
    for path in (folder / "prompts").rglob("*.prompt.yaml"):
        with path.open("ab") as file:
            file.write(CHANGED)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _timed(command: list[str], templates: int) -> tuple[float, float]:
    """Seconds, and processor seconds of it and its children in each of them."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode or (templates and json.loads(done.stdout)["templates"] != templates):
        raise RuntimeError(f"{' '.join(command[-3:])}: {done.returncode}\n{(done.stdout + done.stderr)[-2000:]}")
    busy = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    return seconds, busy / seconds
