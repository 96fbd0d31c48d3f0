"""What is written is true: settings, rules and words are documented, and links lead somewhere."""

import ast
import re
from pathlib import Path

import pytest

from registry.domain.audit import AuditAction
from registry.domain.rate_limits import LimitKind
from registry.domain.rules import RULES
from registry.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The fragments that a page's headings make, in GitHub's way."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in plain}


def test_every_setting_is_documented_and_nothing_else() -> None:
    documented = set(re.findall(r"`PROMPTUARY_([A-Z_]+)`", (ROOT / "docs/settings.md").read_text()))
    assert documented == {name.upper() for name in Settings.model_fields}


def test_defaults_in_the_settings_page_are_the_real_ones() -> None:
    rows = re.findall(
        r"^\| `PROMPTUARY_([A-Z_]+)` \| ([^|]+) \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE
    )
    for name, shown in rows:
        default = Settings.model_fields[name.lower()].default
        expected = "none" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
        assert shown.strip().strip("`").replace(",", "") == expected, name


def test_every_rate_limit_is_in_the_table_of_the_edge() -> None:
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|", (ROOT / "docs/edge.md").read_text(), re.MULTILINE)
    assert {kind for row in rows for kind in re.findall(r"`([a-z_]+)`", row)} >= set(LimitKind)


def test_every_action_of_the_audit_is_in_its_table_and_nothing_else() -> None:
    rows = re.findall(r"^\| (`[a-z_.`, ]+`)", (ROOT / "docs/audit.md").read_text(), re.MULTILINE)
    assert {action for row in rows for action in re.findall(r"`([a-z_.]+)`", row)} == set(AuditAction)


def test_every_rule_has_its_page_and_every_page_its_rule() -> None:
    pages = {path.stem for path in (ROOT / "docs/rules").glob("*.md")} - {"README"}
    assert pages == set(RULES)


def test_every_rule_is_in_the_list_of_rules() -> None:
    listed = (ROOT / "docs/rules/README.md").read_text()
    assert [code for code in RULES if f"({code}.md)" not in listed] == []


def test_every_code_that_the_product_reports_is_a_rule() -> None:
    """Diagnostics are made with a literal code; one that RULES does not have would have no page."""
    unknown = set()
    for path in ROOT.glob("registry/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Diagnostic"
            if named and node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value not in RULES:
                unknown.add(f"{path.relative_to(ROOT)}:{node.lineno} {node.args[0].value}")
    assert unknown == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, fragment = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (fragment and path.suffix == ".md" and fragment not in anchors(path)):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_index() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "docs/README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md" or not page.exists():
            continue
        reached.add(page)
        links = [link.partition("#")[0] for link in LINK.findall(page.read_text()) if not re.match(r"[a-z]+:", link)]
        waiting += [(page.parent / link).resolve() for link in links if link]
    unreached = [str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md") if p not in reached]
    assert unreached == []


def test_the_words_of_the_domain_are_in_the_glossary() -> None:
    """Every noun in the name of a domain class; errors and events say what happened."""
    glossary = (ROOT / "docs/glossary.md").read_text().lower()
    missing = {}
    for path in sorted(ROOT.glob("registry/domain/*.py")):
        if path.name in {"errors.py", "events.py"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
                continue
            if any(isinstance(b, ast.Name) and b.id.endswith(("Exception", "Error")) for b in node.bases):
                continue
            words = [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z]+", node.name)]
            unknown = [word for word in words if word.removesuffix("s") not in glossary]
            if unknown:
                missing[f"{path.name} {node.name}"] = unknown
    assert missing == {}


def test_every_attack_of_the_threat_model_has_a_test_that_is_there() -> None:
    rows = [line for line in (ROOT / "docs/security.md").read_text().splitlines() if "`tests/" in line]
    named = [(row, re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", row)) for row in rows]
    assert len(rows) > 30
    missing = [
        (path, test)
        for row, found in named
        for path, test in found or [(row, "")]
        if not (ROOT / path).exists() or f"def {test or 'test_'}" not in (ROOT / path).read_text()
    ]
    assert missing == []


def test_the_pages_name_only_make_targets_that_there_are() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {(p.name, t) for p in PAGES for t in re.findall(r"(?:^|`)make ([a-z-]+)", p.read_text(), re.MULTILINE)}
    assert {(page, target) for page, target in named if target not in targets} == set()


def test_the_tour_in_the_readme_is_run_by_a_test() -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    test = (ROOT / "tests/e2e/test_tour.py").read_text()
    assert len(blocks) >= 8
    assert 'read_tour("README.md")' in test
    assert test.count("\n@outcome\n") == len(blocks), (
        "every block of the tour needs an outcome in tests/e2e/test_tour.py"
    )
