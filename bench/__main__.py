"""``python -m bench [figure …]``: measures the product beside the floors of this machine and prints the table.

Data are generated once under bench/out (100,000 templates take some minutes) and used again.
"""

import argparse
import sys
import time
from pathlib import Path

from rich.console import Console

from bench.bench import Bench, Figure
from bench.data import Data, Sizes
from bench.figures import (
    access,
    bundles,
    checkouts,
    clients,
    commands,
    edge,
    engine_searches,
    events,
    followers,
    gates,
    growth,
    imports,
    lists,
    pushes,
    reads,
    rebuilds,
    renders,
    search_quality,
    searches,
    servers,
    tier_memory,
    tier_pushes,
    tier_reads,
    tier_rebuild,
    tier_takeover,
    tier_writers,
    tier_writes,
    writes,
)
from bench.machine import describe, other_load
from bench.rows import Row
from bench.table import print_table, write_json, write_markdown
from bench.wrk import WrkMissing

FIGURES: dict[str, Figure] = {
    "reads": reads.measure,
    "access": access.measure,
    "edge": edge.measure,
    "writes": writes.measure,
    "pushes": pushes.measure,
    "gate": gates.measure,
    "rebuild": rebuilds.measure,
    "search": searches.measure,
    "engine-search": engine_searches.measure,
    "search-quality": search_quality.measure,
    "lists": lists.measure,
    "render": renders.measure,
    "bundles": bundles.measure,
    "events": events.measure,
    "clients": lambda bench: [*clients.measure(bench), *followers.measure(bench)],
    "checkouts": checkouts.measure,
    "imports": imports.measure,
    "memory": servers.measure_memory,
    "start": servers.measure_start,
    "tier-reads": tier_reads.measure,
    "tier-writes": tier_writes.measure,
    "tier-writers": tier_writers.measure,
    "tier-pushes": tier_pushes.measure,
    "tier-rebuild": tier_rebuild.measure,
    "tier-rebuild-reads": tier_rebuild.measure_reads,
    "tier-takeover": tier_takeover.measure,
    "tier-memory": tier_memory.measure,
    "help": commands.measure,
}
ON_DEMAND: dict[str, Figure] = {"growth": growth.measure}
"""What is measured only when it is named."""


def main(arguments: list[str] | None = None) -> int:
    """0 where every figure is as good as it must be, 1 where one is not, 2 where one could not be measured."""
    given = _parse(arguments)
    console = Console() if sys.stdout.isatty() else Console(width=170)  # a log has no width of its own
    sizes = Sizes(given.size, given.size * 5, given.large or given.size * 10)
    bench = Bench(Data(given.out.resolve(), console), sizes, given.runs, console)
    machine = describe()
    console.print(f"{machine}; {other_load(0.5):.1f} cores busy with other work")
    rows: list[Row] = []
    failed = False
    for name in given.figures or FIGURES:
        started = time.monotonic()
        console.print(f"{name} …")
        try:
            rows += (FIGURES | ON_DEMAND)[name](bench)
        except (WrkMissing, RuntimeError) as error:
            failed = True
            console.print(f"[red]{name} could not be measured:[/red] {error}", highlight=False)
        console.print(f"{name}: {time.monotonic() - started:.0f} s")
        if given.json:
            write_json(given.json, machine, rows)
    print_table(console, machine, rows, given.runs)
    given.out.mkdir(parents=True, exist_ok=True)
    write_markdown(given.out / "figures.md", machine, rows)
    console.print(f"also in {given.out / 'figures.md'}")
    if failed:
        return 2
    return 1 if any(row.verdict == "missed" for row in rows) else 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    words = [*FIGURES, *ON_DEMAND]
    parser.add_argument("figures", nargs="*", choices=[*words, []], metavar="figure", help=", ".join(words))
    parser.add_argument("--size", type=int, default=10_000, help="templates of the smaller repository (10000)")
    parser.add_argument("--large", type=int, default=0, help="templates of the larger one (ten times the smaller)")
    parser.add_argument("--runs", type=int, default=5, help="runs of which the median counts (5)")
    parser.add_argument("--json", type=Path, help="a file for all that was measured")
    parser.add_argument("--out", type=Path, default=Path("bench/out"), help="where generated data lie (bench/out)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
