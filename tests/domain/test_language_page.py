"""docs/template-language.md shows the lists that the code has."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from registry.domain import binding, closure_rules, language, rendering, request_bodies
from registry.domain.template_words import FILTERS, FUNCTIONS, REFUSED_TAGS, TAGS, TESTS

PAGE = (Path(__file__).parents[2] / "docs/template-language.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("head", "words"), [("tag", TAGS), ("filter", FILTERS), ("test", TESTS), ("function", FUNCTIONS)]
)
def test_a_table_has_exactly_the_words_of_the_code(head: str, words: Mapping[str, str]) -> None:
    table = PAGE.split(f"| {head} | what it does |\n| --- | --- |\n")[1].split("\n\n")[0]
    shown = [row.split(" | ", 1) for row in table.splitlines()]
    assert {word.strip("| `"): line.removesuffix(" |").replace("\\|", "|") for word, line in shown} == dict(words)


def test_the_refused_tags_are_named() -> None:
    for tag in REFUSED_TAGS:
        assert f"`{tag}`" in PAGE


def test_the_limits_are_those_of_the_code() -> None:
    assert f"| {closure_rules.MAX_DEPTH} deep |" in PAGE
    assert f"| {closure_rules.MAX_FILES} |" in PAGE
    assert closure_rules.MAX_BYTES == 1024 * 1024
    assert f"{rendering.FUEL:,}" in PAGE
    assert f"{rendering.MAX_OUTPUT // 1_048_576} Mi characters of output" in PAGE
    assert f"{binding.MAX_CHARACTERS // 1_048_576} Mi characters, {binding.MAX_NODES:,} values" in PAGE
    assert f"{request_bodies.ANTHROPIC_MAX_TOKENS} where none is given" in PAGE


def test_the_filters_examples_are_part_of_the_language() -> None:
    for line in (*FILTERS.values(), *TESTS.values(), *FUNCTIONS.values()):
        for example in re.findall(r"`([^`]+)`", line):
            if "|" in example or " is " in example:
                assert not language.scan(f"{{{{ {example} }}}}").issues, example
