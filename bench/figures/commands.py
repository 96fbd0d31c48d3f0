"""How soon ``promptuary --help`` stands there, beside Python alone and beside a bare program of the same kind."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.bench import Bench
from bench.machine import wait_for_quiet
from bench.product import clean_environment
from bench.rows import Bound, Row, at_most

STARTS = 20
"""Starts in a run; the quickest counts, because whatever else runs on the machine only ever adds."""

_NOTHING = ["-I", "-S", "-c", "pass"]
_BARE = """\
import typer
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
@app.command()
def one(): "Does one thing."
@app.command()
def two(): "Does another."
app(prog_name="bare")
"""
_OURS = "from api.cli import main; main()"


def measure(bench: Bench) -> list[Row]:
    """Milliseconds from the start of a process to its end."""
    ours: list[float] = []
    bare: list[float] = []
    nothing: list[float] = []
    with TemporaryDirectory() as folder:  # compiled files are written there, as an installation has them
        for _ in range(bench.runs):
            wait_for_quiet()
            nothing.append(_quickest(_NOTHING, Path(folder)))
            bare.append(_quickest(["-c", _BARE, "--help"], Path(folder)))
            ours.append(_quickest(["-c", _OURS, "--help"], Path(folder)))
    return [
        Row(
            figure="promptuary --help",
            size="a process",
            unit="ms",
            product_runs=ours,
            floor_runs=nothing,
            floor_words="python -I -S -c pass",
            must=at_most(150, "ms"),
            aim=at_most(100, "ms"),
        ),
        Row(
            figure="promptuary --help, beside a bare program on typer",
            size="a process",
            unit="ms",
            product_runs=ours,
            floor_runs=bare,
            floor_words="a typer program of two commands, --help",
            must=Bound(2.0, on_ratio=True, words="≤ 2 ×"),
            aim=Bound(1.5, on_ratio=True, words="≤ 1.5 ×"),
        ),
    ]


def _quickest(arguments: Sequence[str], compiled: Path) -> float:
    environment = {name: value for name, value in clean_environment().items() if name != "PYTHONDONTWRITEBYTECODE"} | {
        "PYTHONPYCACHEPREFIX": str(compiled)
    }
    spent = []
    for _ in range(STARTS + 1):  # the first compiles
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)
        spent.append((time.perf_counter() - started) * 1000)
    return min(spent[1:])
