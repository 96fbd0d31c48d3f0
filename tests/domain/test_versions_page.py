"""The pages about versions and rules are true."""

import hashlib
import re
from pathlib import Path

from registry.domain.graph import Change, TemplateGraph
from registry.domain.ids import BlobId, TemplateName
from registry.domain.includes import raw_includes
from registry.domain.labels import label_path, read_labels
from registry.domain.names import template_name
from registry.domain.registry_file import read_registry_file
from registry.domain.registry_rules import BranchRule, LabelRule, RegistryRules
from registry.domain.yaml_reader import read_yaml

DOCS = Path(__file__).parents[2] / "docs"
VERSIONS = (DOCS / "versions.md").read_text()
RULES = (DOCS / "repository-rules.md").read_text()


def test_the_expression_on_the_page_is_the_one_that_counts() -> None:
    expression = re.search(r"^ *(\\\{%.*)$", VERSIONS, re.MULTILINE)
    assert expression
    for text in (
        '{%- include "a" %}',
        "{%include 'b/c'%}",
        "{% include \"x' %}",
        "{{ include }}",
        '{%+ include\t"파트" %}',
    ):
        found = {match[1] for match in re.findall(expression[1], text)}
        assert raw_includes(text.encode()) == found


def test_the_digest_on_the_page_is_the_one_that_is_computed() -> None:
    block = re.search(r"^closure/v1\n.*?(?=```)", VERSIONS, re.MULTILINE | re.DOTALL)
    assert block
    lines = [line.split("␀")[0] for line in block[0].splitlines()]
    tone, triage = BlobId("5" * 40), BlobId("c" * 40)
    shown = f"{lines[0]}\n{lines[1]}\0{tone}\n{lines[2]}\0{triage}\n"
    name, partial = TemplateName(lines[2]), TemplateName(lines[1])
    graph = TemplateGraph([Change(name, triage, frozenset({partial})), Change(partial, tone)])
    assert graph.digest(name) == hashlib.sha256(shown.encode()).hexdigest()


def test_the_label_files_on_the_page_lie_where_it_says() -> None:
    rows = re.findall(r"^(prompts/\S+) +(labels/\S+) +(.*)$", VERSIONS, re.MULTILINE)
    assert len(rows) == 3
    for path, file, entry in rows:
        name = template_name(path)
        assert name is not None
        read = read_labels(entry.encode(), file)
        assert read.diagnostics == ()
        assert list(read.entries) == [name]
        assert label_path(read.label, name) == file


def test_the_registry_file_on_the_page_is_valid_and_has_every_key() -> None:
    block = re.search(r"```yaml title=\".registry.yaml\"\n(.*?)```", RULES, re.DOTALL)
    assert block
    assert read_registry_file(block[1].encode()).diagnostics == ()
    keys = read_yaml(block[1].encode(), "").value
    unknown = read_registry_file(b"x: 1").diagnostics[0].message
    assert [key for key in keys if key not in unknown] == []
    assert unknown.count(",") + 2 == len(keys), "the message lists every key, and so does the page"


def test_the_defaults_on_the_page_are_the_real_ones() -> None:
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| ([^|]+?) \|", RULES, re.MULTILINE))
    rules = RegistryRules()
    assert rows["push"] == f"`[{', '.join(BranchRule().push)}]`"
    assert (rows["create"], BranchRule().create) == ("as `push`", BranchRule().push)
    assert (rows["force_push"], BranchRule().force_push) == ("`false`", None)
    assert (rows["delete"], BranchRule().delete) == ("as `force_push`", None)
    assert rows["move"] == f"`[{', '.join(LabelRule().move)}]`"
    assert rows["review"] == f"`{str(LabelRule().review).lower()}`"
    assert rows["compatibility"] == f"`{rules.compatibility.default}`"
    assert rows["commit_identity"] == f"`{rules.commit_identity}`"
    assert rows["limits.file_bytes"] == str(rules.limits.file_bytes)
    assert rows["limits.tokens"] == str(rules.limits.tokens)
