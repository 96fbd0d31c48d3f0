"""The page on the template format: its examples are valid, and it names every key that there is."""

import re
from pathlib import Path

import pytest

from registry.domain.prompt_schema import json_schema
from registry.domain.template_file import read_template
from registry.domain.yaml_reader import read_yaml

PAGE = (Path(__file__).parents[2] / "docs" / "template-format.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def completed(example: str) -> str:
    """An example as a whole file: fragments show some top-level keys only."""
    keys = set(read_yaml(example.encode(), "p").value)
    head = "" if "schema" in keys else "schema: prompt/v1\n"
    head += "" if "type" in keys else "type: text\n"
    return head + example + ("" if {"text", "messages"} & keys else "text: Hello\n")


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_faultless(example: str) -> None:
    assert read_template(completed(example).encode(), "prompts/example.prompt.yaml").diagnostics == ()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 9


@pytest.mark.parametrize("definition", [None, *json_schema()["$defs"]])
def test_every_key_stands_on_the_page(definition: str | None) -> None:
    schema = json_schema()
    keys = (schema["$defs"][definition] if definition else schema).get("properties", {})
    assert [k for k in keys if not re.search(rf"\b{k}\b", PAGE)] == []


@pytest.mark.parametrize("definition", ["variable", "part", "expectation", "output", "tool_choice"])
def test_every_choice_stands_on_the_page(definition: str) -> None:
    found = re.findall(r"'enum': \[([^\]]*)\]", str(json_schema()["$defs"][definition]))
    words = {w.strip(" '") for each in found for w in each.split(",")}
    assert words
    assert [w for w in words if not re.search(rf"\b{w}\b", PAGE)] == []
