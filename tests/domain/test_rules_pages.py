"""Every rule has a page, and every page's examples do what the page says."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from registry.domain.closure_rules import check_closure
from registry.domain.diagnostics import Diagnostic, Place, Severity
from registry.domain.labels import read_labels
from registry.domain.names import check_path, find_collisions, template_name
from registry.domain.registry_file import read_registry_file
from registry.domain.rules import RULES, Rule
from registry.domain.secrets import find_secrets
from registry.domain.template_file import read_template

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "rules"

_BLOCK = re.compile(r'```(?P<kind>yaml|text)(?: title="(?P<title>[^"]+)")?\n(?P<body>.*?)```', re.DOTALL)
_PLACE = re.compile(r"^Reported at line (\d+), column (\d+)\.$", re.MULTILINE)
NO_EXAMPLE = "<!-- no example: needs a repository -->"
IN_TEST = "<!-- no example: too large or unfit to show -->"

_TEXT = b"schema: prompt/v1\ntype: text\ntext: Hello\n"
_INCLUDE = 'schema: prompt/v1\ntype: text\ntext: |\n  {{% include "partials/{}" %}}\n'


@dataclass(frozen=True)
class File:
    """One file of an example."""

    path: str
    body: str


def examples(page: str, section: str) -> list[File]:
    """The files of a page's example; the first is the one that is judged."""
    text = page.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0]
    return [File(m["title"] or "prompts/example.prompt.yaml", m["body"]) for m in _BLOCK.finditer(text)]


def judge(files: list[File]) -> list[Diagnostic]:
    """Everything that is said about the first file, the others standing beside it."""
    first, data = files[0], files[0].body.encode()
    if first.path.startswith("labels/"):
        return list(read_labels(data, first.path).diagnostics)
    if first.path == ".registry.yaml":
        return list(read_registry_file(data).diagnostics)
    if first.path == "paths":
        paths = first.body.split()
        return [d for p in paths if (d := check_path(p))] + find_collisions(paths)
    file = read_template(data, first.path)
    name = template_name(first.path)
    assert name is not None
    if file.template is None:
        return list(file.diagnostics)
    beside = {n: read_template(f.body.encode(), f.path).template for f in files[1:] if (n := template_name(f.path))}
    assert all(beside.values()), "a partial of an example is broken"
    return [*file.diagnostics, *check_closure(name, first.path, file.template, beside)]


def _chain(length: int) -> list[File]:
    """Partials that include one another, ``length`` files in all."""
    files = [
        File(f"prompts/partials/{i}a.prompt.yaml", _INCLUDE.format(f"{i + 1}a") if i < length - 1 else _TEXT.decode())
        for i in range(length)
    ]
    return [File("prompts/example.prompt.yaml", _INCLUDE.format("0a")), *files]


def _wide() -> list[File]:
    tags = "".join(f'  {{% include "partials/{i}a" %}}\n' for i in range(70))
    first = File("prompts/example.prompt.yaml", f"schema: prompt/v1\ntype: text\ntext: |\n{tags}")
    return [first, *(File(f"prompts/partials/{i}a.prompt.yaml", _TEXT.decode()) for i in range(70))]


def _secret() -> list[Diagnostic]:
    pair = "AKIA" + "QYLPMN5HHHFPZ2RT"  # in two halves, so that this file holds no credential
    return find_secrets(f"key: {pair}\n", "notes.txt")


def _allowed_secret() -> list[Diagnostic]:
    return find_secrets("key: AKIA" + "QYLPMN5HHHFPZ2RT  # pragma: allowlist secret\n", "notes.txt")


UNSHOWN = {
    "file-size": lambda: read_template(b"#" * 300_000, "p").diagnostics,
    "yaml-encoding": lambda: read_template(b"\xef\xbb\xbf" + _TEXT, "p").diagnostics,
    "yaml-depth": lambda: read_template(b"[" * 100, "p").diagnostics,
    "yaml-nodes": lambda: read_template(b"- 1\n" * 50_001, "p").diagnostics,
    "too-many-findings": lambda: read_template(_TEXT + b"".join(b"k%d: 1\n" % i for i in range(150)), "p").diagnostics,
    "include-depth": lambda: judge(_chain(9)),
    "closure-size": lambda: judge(_wide()),
    "secret": _secret,
    "secret-allowed": _allowed_secret,
}
"""Examples that no page should show: too large, not text, or a credential."""


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
class TestPage:
    def test_begins_with_code_and_title(self, rule: Rule) -> None:
        page = (PAGES / f"{rule.code}.md").read_text()
        assert page.startswith(f"# {rule.title}\n\n`{rule.code}` · {rule.severity}\n")

    def test_refused_example_is_reported_where_the_page_says(self, rule: Rule) -> None:
        page = (PAGES / f"{rule.code}.md").read_text()
        if NO_EXAMPLE in page:
            assert rule.needs_repository
            return
        assert not rule.needs_repository
        if IN_TEST in page:
            assert rule.code in {d.rule for d in UNSHOWN[rule.code]()}
            return
        found = [d for d in judge(examples(page, "Refused")) if d.rule == rule.code]
        assert found, "the example does not break the rule"
        stated = _PLACE.search(page)
        assert stated is not None
        assert found[0].place == Place(int(stated[1]), int(stated[2]))
        assert found[0].severity is rule.severity
        quoted = " ".join(line[2:] for line in page.splitlines() if line.startswith("> "))
        assert " ".join(found[0].message.split()) == quoted, "the page quotes another message"

    def test_right_example_is_faultless(self, rule: Rule) -> None:
        page = (PAGES / f"{rule.code}.md").read_text()
        if NO_EXAMPLE not in page and IN_TEST not in page:
            assert judge(examples(page, "Right")) == []

    def test_links_lead_somewhere(self, rule: Rule) -> None:
        page = (PAGES / f"{rule.code}.md").read_text()
        for target in re.findall(r"\]\(([^)#:]+)\)", page):
            assert (PAGES / target).exists(), target


def test_no_page_without_rule() -> None:
    assert {p.stem for p in PAGES.glob("*.md")} - {"README"} == set(RULES)


def test_index_lists_every_rule_in_order() -> None:
    rows = [
        f"| [{rule.code}]({rule.code}.md) | {rule.severity} | {rule.title} |"
        for rule in sorted(RULES.values(), key=lambda r: r.code)
    ]
    listed = [line for line in (PAGES / "README.md").read_text().splitlines() if line.startswith("| [")]
    assert listed == rows


def test_rules_are_called_what_they_are_filed_under() -> None:
    assert all(code == rule.code and re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", code) for code, rule in RULES.items())


_KEBAB = re.compile(r"[a-z]+(-[a-z0-9]+)+")
_SAYING = {"Diagnostic", "Issue", "find", "say", "say_at", "warn", "_say", "_finding", "_find", "_at", "_problem"}


def _codes_said(tree: ast.AST) -> set[str]:
    """Codes that a module says: first arguments of what makes diagnostics, and first items of (code, message)."""
    found: set[str] = set()
    for node in ast.walk(tree):
        first: ast.expr | None = None
        if isinstance(node, ast.Call) and node.args:
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0] if name in _SAYING else None
        elif isinstance(node, ast.Tuple) and len(node.elts) in {2, 3} and not isinstance(node.elts[1], ast.Tuple):
            second = node.elts[1]
            spoken = isinstance(second, ast.JoinedStr | ast.Name | ast.Call | ast.Constant)
            first = node.elts[0] if spoken else None
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and _KEBAB.fullmatch(first.value):
            found.add(first.value)
    return found


def test_every_code_that_is_said_is_a_rule() -> None:
    unknown: dict[str, str] = {}
    for top in ("registry/domain", "registry/services", "registry/adapters", "hooks"):
        for file in (ROOT / top).rglob("*.py"):
            source = file.read_text()
            if "Diagnostic" in source or "findings" in source or "Issue" in source:
                unknown |= dict.fromkeys(_codes_said(ast.parse(source)) - set(RULES), str(file.relative_to(ROOT)))
    assert unknown == {}


def test_every_rule_is_said_somewhere() -> None:
    said = "\n".join(
        f.read_text() for top in ("registry", "hooks") for f in (ROOT / top).rglob("*.py") if f.name != "rules.py"
    )
    spelt = {code for code in RULES if f'"{code}"' in said}
    by_kind = {"filter-unknown", "test-unknown"}  # put together from the kind of word
    assert set(RULES) - spelt <= by_kind


def test_warnings_are_no_errors() -> None:
    warnings = {r.code for r in RULES.values() if r.severity is Severity.WARNING}
    assert "variable-unused" in warnings
    assert "variable-undeclared" not in warnings
