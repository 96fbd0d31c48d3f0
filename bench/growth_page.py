"""``python -m bench.growth_page GROWTH.json``: writes table and plot of the growth into docs/performance.md.

What stands outside of the two marks in that page is written by hand and stays.
"""

import sys
from pathlib import Path

from bench.growth import COLUMNS, Growth, read_growth
from bench.plot import log_plot

DOCS = Path(__file__).parent.parent / "docs"
BEGIN, END = "<!-- growth: written by python -m bench.growth_page -->", "<!-- end of growth -->"
_PICTURE = Path("images/growth.svg")

_SIZES = {
    "projected_per_second": ("versions projected a second, from nothing", "{:,.0f}"),
    "database_mib": ("PostgreSQL", "{:,.0f} MiB"),
    "engine_mib": ("Elasticsearch", "{:,.0f} MiB"),
    "worker_mib": ("memory of an API worker", "{:,.0f} MiB"),
    "indexer_mib": ("memory of the indexer", "{:,.0f} MiB"),
}


def written(page: str, growth: Growth) -> str:
    """The page with another table. Raises ValueError where the marks are not in it."""
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"the page lacks {BEGIN} or {END}")
    return f"{before}{BEGIN}\n{table(growth)}\n{END}{after}"


def table(growth: Growth) -> str:
    """Machine, table and picture as Markdown."""
    heads = [f"{_count(point.templates)}, {_count(point.versions)} versions" for point in growth.points]
    rows = [f"| templates | {' | '.join(heads)} |", f"| --- |{' ---: |' * len(heads)}"]
    for field, words in COLUMNS.items():
        rows.append(_row(words, [_milliseconds(getattr(point, field)) for point in growth.points]))
    for field, (words, form) in _SIZES.items():
        rows.append(_row(words, [form.format(getattr(point, field)) for point in growth.points]))
    picture = f"![Times by the number of versions]({_PICTURE})"
    return "\n".join([f"Measured on {growth.machine}, everything on that one machine.", "", *rows, "", picture])


def plot(growth: Growth) -> str:
    """The times as lines over the number of versions."""
    at = [(float(point.versions), _count(point.versions)) for point in growth.points]
    lines = {words: [getattr(point, field) for point in growth.points] for field, words in COLUMNS.items()}
    return log_plot("How times grow with the registry", "versions", at, lines)


def _row(words: str, cells: list[str]) -> str:
    return f"| {words} | {' | '.join(cells)} |"


def _milliseconds(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def _count(number: int) -> str:
    if number and number % 1_000_000 == 0:
        return f"{number // 1_000_000}M"
    return f"{number // 1_000}k" if number and number % 1_000 == 0 else str(number)


def main(arguments: list[str]) -> int:
    """The command line: 2 where the file cannot be used."""
    if len(arguments) != 1:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    try:
        growth = read_growth(Path(arguments[0]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"{arguments[0]} is not what python -m bench growth writes: {error}\n")
        return 2
    page = DOCS / "performance.md"
    page.write_text(written(page.read_text("utf-8"), growth), "utf-8")
    (DOCS / _PICTURE).write_text(plot(growth), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
