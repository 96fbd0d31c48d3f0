"""The table of figures, for people and for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.machine import Machine
from bench.rows import Row

_COLOURS = {"aim": "green", "must": "yellow", "missed": "red"}


def print_table(console: Console, machine: Machine, rows: Sequence[Row], runs: int) -> None:
    """The rows below a head that names the machine."""
    console.print(f"[bold]{machine}[/bold]\nmedian of {runs} runs, floor and product in turns; x: product to floor")
    table = Table(show_lines=True)
    for heading in ("figure", "size", "floor", "product", "ratio", "must", "aim", "verdict"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        floor = f"{_number(row.floor)} {row.unit}\n" if row.floor is not None else ""
        figure = f"{row.figure}\n[dim]{row.note}[/dim]" if row.note else row.figure
        table.add_row(
            figure,
            row.size,
            f"{floor}[dim]{row.floor_words}[/dim]",
            f"{_number(row.product)} {row.unit}",
            f"{row.ratio:.2f}" if row.ratio is not None else "",
            row.must.words,
            row.aim.words,
            f"[{_COLOURS[row.verdict]}]{row.verdict}[/]",
        )
    console.print(table)


def write_json(target: Path, machine: Machine, rows: Sequence[Row]) -> None:
    """Everything that was measured, each run by itself."""
    target.parent.mkdir(parents=True, exist_ok=True)
    content = {"machine": asdict(machine), "rows": [_plain(row) for row in rows]}
    target.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", "utf-8")


def write_markdown(target: Path, machine: Machine, rows: Sequence[Row]) -> None:
    """The table as Markdown, as it goes into a report."""
    lines = [
        f"{machine}\n",
        "| figure | size | floor | product | ratio | must | aim | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        floor = f"{_number(row.floor)} {row.unit} ({row.floor_words})" if row.floor is not None else row.floor_words
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else ""
        figure = f"{row.figure} ({row.note})" if row.note else row.figure
        product = f"{_number(row.product)} {row.unit}"
        cells = (figure, row.size, floor, product, ratio, row.must.words, row.aim.words, row.verdict)
        lines.append(f"| {' | '.join(cells)} |")
    target.write_text("\n".join(lines) + "\n", "utf-8")


def _plain(row: Row) -> dict[str, Any]:
    derived = {"product": row.product, "floor": row.floor, "ratio": row.ratio, "verdict": row.verdict}
    return {**asdict(row), **derived}


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
