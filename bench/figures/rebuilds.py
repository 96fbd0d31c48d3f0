"""A full rebuild, versions included, beside reading, parsing, validating and inserting the same files alone."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench.bench import Bench, shown
from bench.data import bare_path, repository_name
from bench.floors.rows import PlainTable, Values, row_of
from bench.machine import wait_for_quiet
from bench.product import clean_environment
from bench.rows import Row, ratio_at_least
from registry.bootstrap import open_registry
from registry.domain.template_file import read_template, template_facts
from registry.settings import Settings

FILES_AT_ONCE = 500


def measure(bench: Bench) -> list[Row]:
    """Versions a second of the product, files a second of the floor; there is one file a version, partials apart."""
    floor_runs: list[float] = []
    product_runs: list[float] = []
    size, versions = bench.sizes.small, bench.sizes.small_versions
    with bench.data.copy(size, versions) as data:
        for _ in range(bench.runs):
            wait_for_quiet()
            bench.say("floor of the rebuild")
            started = time.perf_counter()
            files = _floor(bare_path(data), data / "floor.sqlite")
            floor_runs.append(files / (time.perf_counter() - started))
            bench.say(f"{files} files alone: {time.perf_counter() - started:.1f} s; now the product")
            spent = asyncio.run(_rebuild(Settings(data=data, sample=False)))
            bench.say(f"{versions} versions: {spent:.1f} s")
            product_runs.append(versions / spent)
    return [
        Row(
            figure="full rebuild, versions and search included",
            size=f"{shown(size)} / {shown(versions)} versions",
            unit="versions/s",
            product_runs=product_runs,
            floor_runs=floor_runs,
            floor_words="read + parse + validate + insert alone",
            must=ratio_at_least(0.4),
            aim=ratio_at_least(0.7),
        )
    ]


async def _rebuild(settings: Settings) -> float:
    async with open_registry(settings) as registry:
        started = time.perf_counter()
        await registry.indexing.rebuild(repository_name())
        return time.perf_counter() - started


def _floor(bare: Path, database: Path) -> int:
    """Every template file of the history, once: how many there were."""
    table = PlainTable.make(database)
    waiting: list[Values] = []
    count = 0
    for path, blob, data in read_blobs(bare):
        file = read_template(data, path)
        facts = template_facts(file.template) if file.template is not None else None
        waiting.append(row_of(path, count, blob, facts, data))
        count += 1
        if len(waiting) == FILES_AT_ONCE:
            table.insert(waiting)
            waiting = []
    table.insert(waiting)
    table.connection.close()
    return count


def read_blobs(bare: Path) -> Iterator[tuple[str, str, bytes]]:
    """Path, id and bytes of every template file, read as fast as Git can."""
    environment = clean_environment()
    listed = subprocess.run(
        ["git", "-C", str(bare), "-c", "core.quotePath=false", "rev-list", "--objects", "main", "--", "prompts"],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    files = [line.split(" ", 1) for line in listed.splitlines() if line.endswith(".prompt.yaml")]
    reader = subprocess.Popen(
        ["git", "-C", str(bare), "cat-file", "--batch"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert reader.stdin is not None
    assert reader.stdout is not None
    for start in range(0, len(files), FILES_AT_ONCE):
        part = files[start : start + FILES_AT_ONCE]
        reader.stdin.write("".join(f"{blob}\n" for blob, _ in part).encode())
        if start + FILES_AT_ONCE >= len(files):
            reader.stdin.close()
        else:
            reader.stdin.flush()
        for blob, path in part:
            size = int(reader.stdout.readline().split()[2])
            data = reader.stdout.read(size + 1)[:-1]
            yield path, blob, data
    reader.wait()
