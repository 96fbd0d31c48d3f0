"""Writes the table of metrics into docs/metrics.md: ``python -m api.metrics_page``."""

from pathlib import Path

from api.metric_families import FAMILIES, Kind, MetricFamily

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"
BEGIN, END = "<!-- made by python -m api.metrics_page -->\n", "<!-- until here -->\n"


def metrics_page(page: str) -> str:
    """The page with the table as the code has it."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{metrics_table()}\n{END}{after}"


def metrics_table() -> str:
    """Every metric of ours, a row each, as Markdown."""
    head = "| metric | type | labels | what it says |\n| --- | --- | --- | --- |\n"
    return head + "".join(map(_row, FAMILIES))


def _row(family: MetricFamily) -> str:
    name = family.full_name + ("_total" if family.kind is Kind.COUNTER else "")
    labels = ", ".join(f"`{label}`" for label in family.labels)
    return f"| `{name}` | {family.kind} | {labels} | {family.help} |\n"


if __name__ == "__main__":
    PAGE.write_text(metrics_page(PAGE.read_text("utf-8")), "utf-8")
