"""Values are written so that the reader, and other YAML readers, give them back."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from registry.domain.yaml_reader import read_yaml
from registry.domain.yaml_writer import write_yaml

SIGNS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
NASTY = st.sampled_from(
    [
        "no",
        "Yes",
        "on",
        "~",
        "null",
        "12:30",
        "1_000",
        "2020-01-01",
        "0x1f",
        "-",
        "---",
        "...",
        "? a",
        "a: b",
        "a #b",
        "#a",
        "%a",
        "@a",
        "`a",
        "!a",
        "&a",
        "*a",
        "[a",
        "{a",
        "a]",
        "|",
        ">",
        "- a",
        "a:",
        ":a",
        " a",
        "a ",
        "",
        "=",
        "<<",
        "a\n",
        "a\nb",
        "a\n\n\nb\n\n",
        "\na",
        "\n",
        " a\nb",
        "a\n b\n",
        "a\n\tb\n",
        "a\n  \nb",
        "a\n  ",
        "a \nb",
        "\ta\nb",
        "환불 안내",
        "환불:\n  - 예\n",
        "é: ü",
        "\"q\" \\ 's'",
        "\x85",
        "\u2028",
        "\ufeff",
        "\x7f",
        "😀",
        "\U000e0001",
        "a\rb",
        "a\r\nb\r\n",
        "x" * 1500,
        "x" * 1500 + ": y",
    ]
)
TEXTS = NASTY | st.text(SIGNS, max_size=30) | st.text(st.sampled_from("ab :#-\n\t'\"{}[],|>가나"), max_size=20)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
@example({"a": [[], {}, [[{"b": ["x"]}]], [["x\ny"]]]})
@example({"a": {"b": "x\n"}, "c": "y\n\n"})
def test_what_is_written_is_read_again(value: dict[str, Any]) -> None:
    text = write_yaml(value)
    read = read_yaml(text.encode(), "x")
    assert (read.value, list(read.diagnostics)) == (value, []), text
    assert json.dumps(read.value) == json.dumps(value)


@given(st.dictionaries(TEXTS, st.recursive(TEXTS, lambda i: st.lists(i, max_size=3), max_leaves=5), max_size=4))
def test_readers_of_yaml_1_1_see_the_same_texts(value: dict[str, Any]) -> None:
    assert yaml.safe_load(write_yaml(value)) == value


def test_it_looks_as_people_write_it() -> None:
    document = {
        "schema": "prompt/v1",
        "description": "Sorts one ticket: fast.",
        "tags": ["support", "triage"],
        "variables": {"ticket": {"type": "string", "enum": ["en", "1"]}},
        "messages": [
            {"role": "system", "content": "You sort {{ x }}.\n\n  Indented\n"},
            {"role": "user", "content": "{{ ticket }}"},
        ],
        "metadata": {},
    }
    assert write_yaml(document) == (
        "schema: prompt/v1\n"
        'description: "Sorts one ticket: fast."\n'
        "tags: [support, triage]\n"
        "variables:\n"
        "  ticket:\n"
        "    type: string\n"
        "    enum:\n"
        "      - en\n"
        '      - "1"\n'
        "messages:\n"
        "  - role: system\n"
        "    content: |\n"
        "      You sort {{ x }}.\n"
        "\n"
        "        Indented\n"
        "  - role: user\n"
        '    content: "{{ ticket }}"\n'
        "metadata: {}\n"
    )


@pytest.mark.parametrize(
    "text",
    ['{% include "a" %}', "{% include 'a' %}", """{% include "a" %}{% include 'b' %}""", 'It\'s {% include "a" %}'],
)
def test_include_tags_stand_in_the_bytes_as_they_are(text: str) -> None:
    written = write_yaml({"text": text, "list": [text]})
    assert written.count(text) == 2
    assert read_yaml(written.encode(), "x").value == {"text": text, "list": [text]}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_json_has_not_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_yaml({"a": value})
