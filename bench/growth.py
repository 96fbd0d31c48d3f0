"""What was measured at each size, as it lies in a file between ``python -m bench growth`` and the page."""

import json
from dataclasses import dataclass
from pathlib import Path

FILE = "growth.json"


@dataclass(frozen=True, slots=True)
class Point:
    """One size. Times are medians in milliseconds, sizes MiB."""

    templates: int
    versions: int
    read_ms: float
    page_ms: float
    search_ms: float
    write_ms: float
    push_ms: float
    projected_per_second: float
    database_mib: float
    engine_mib: float
    worker_mib: float
    indexer_mib: float


@dataclass(frozen=True, slots=True)
class Growth:
    """All sizes, the smallest first, and the machine."""

    machine: str
    points: list[Point]


def read_growth(file: Path) -> Growth:
    """What a run wrote. Raises OSError, ValueError and TypeError where the file is none."""
    content = json.loads(file.read_text("utf-8"))
    return Growth(content["machine"], [Point(**point) for point in content["points"]])


COLUMNS = {
    "read_ms": "a template read, no cache",
    "page_ms": "a page of 50 of a folder",
    "search_ms": "a search with facets",
    "write_ms": "an API write until it is searchable",
    "push_ms": "a push of 10 templates until all are projected",
}
"""The times, in words; each is a line of the plot."""
