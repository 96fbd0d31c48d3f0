"""The page of performance gets a table and a plot from what was measured, and nothing else of it changes."""

import json
import xml.etree.ElementTree as ET
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench.growth import COLUMNS, Growth, Point, read_growth
from bench.growth_page import BEGIN, DOCS, END, plot, table, written
from bench.plot import log_plot

SMALL = Point(1_000, 3_000, 1.0, 3.0, 4.0, 40.0, 55.5, 900.4, 12.0, 3.0, 99.0, 80.0)
LARGE = replace(SMALL, templates=100_000, versions=1_000_000, read_ms=1.2, write_ms=61.0, database_mib=2_345.0)
GROWTH = Growth("a machine", [SMALL, LARGE])


def test_the_table_has_every_size_and_every_figure() -> None:
    lines = table(GROWTH).splitlines()
    assert "| templates | 1k, 3k versions | 100k, 1M versions |" in lines
    assert f"| {COLUMNS['read_ms']} | 1.0 ms | 1.2 ms |" in lines
    assert f"| {COLUMNS['write_ms']} | 40 ms | 61 ms |" in lines
    assert "| PostgreSQL | 12 MiB | 2,345 MiB |" in lines
    figures = len(asdict(SMALL)) - 2
    assert sum(line.startswith("|") for line in lines) == figures + 2


def test_only_what_is_between_the_marks_changes() -> None:
    page = f"# Above\n\n{BEGIN}\nold\n{END}\n\nbelow\n"
    first = written(page, GROWTH)
    assert first == f"# Above\n\n{BEGIN}\n{table(GROWTH)}\n{END}\n\nbelow\n"
    assert written(first, GROWTH) == first
    with pytest.raises(ValueError, match="lacks"):
        written("# Above\n", GROWTH)


def test_the_real_page_has_the_marks() -> None:
    assert table(GROWTH) in written((DOCS / "performance.md").read_text(), GROWTH)


def test_what_a_run_writes_is_read(tmp_path: Path) -> None:
    file = tmp_path / "growth.json"
    file.write_text(json.dumps(asdict(GROWTH)))
    assert read_growth(file) == GROWTH


def test_the_plot_is_a_picture_with_a_line_for_each_time() -> None:
    drawn = ET.fromstring(plot(GROWTH))
    name = "{http://www.w3.org/2000/svg}"
    assert len(drawn.findall(f"{name}polyline")) == len(COLUMNS)
    words = [each.text for each in drawn.findall(f"{name}text")]
    assert {"3k", "1M", *COLUMNS.values()} <= set(words)


def test_ten_times_as_much_is_one_step_up_whatever_the_size() -> None:
    drawn = log_plot("t", "x", [(10.0, "a"), (100.0, "b"), (1_000.0, "c")], {"line": [1.0, 10.0, 100.0]})
    points = ET.fromstring(drawn).find("{http://www.w3.org/2000/svg}polyline")
    assert points is not None
    (x1, y1), (x2, y2), (x3, y3) = (map(float, point.split(",")) for point in points.attrib["points"].split())
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2)
    assert y1 - y2 == pytest.approx(y2 - y3, abs=0.2)
    assert y1 > y2


def test_names_at_the_ends_do_not_lie_on_each_other() -> None:
    drawn = log_plot("t", "x", [(1.0, "a"), (10.0, "b")], {"one": [1.0, 5.0], "two": [2.0, 5.0]})
    heights = [
        float(each.attrib["y"])
        for each in ET.fromstring(drawn).findall("{http://www.w3.org/2000/svg}text")
        if each.text in {"one", "two"}
    ]
    assert abs(heights[0] - heights[1]) >= 14
