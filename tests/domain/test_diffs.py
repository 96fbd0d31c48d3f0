"""Differences: of sequences, of texts line by line and word by word, of templates."""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.diffing import ChangeKind, StructuralDiff, diff_templates
from registry.domain.sequence_diff import Effort, common_blocks
from registry.domain.template import (
    Json,
    Message,
    Model,
    Part,
    Placeholder,
    Template,
    TemplateType,
    Text,
    Variable,
    VariableType,
)
from registry.domain.template_file import read_template
from registry.domain.text_diff import Segment, SegmentKind, text_diff, word_diff

WORDS = st.lists(
    st.sampled_from(["환불", "을", " ", "\n", "a", "b", "{{ x }}", ".", "高", "\r\n", "", "é", "\u0301"]), max_size=25
).map("".join)
ITEMS = st.lists(st.sampled_from("abcd"), max_size=30)


def old_side(segments: Sequence[Segment]) -> str:
    return "".join(s.text for s in segments if s.kind is not SegmentKind.ADDED)


def new_side(segments: Sequence[Segment]) -> str:
    return "".join(s.text for s in segments if s.kind is not SegmentKind.REMOVED)


# Sequences -----------------------------------------------------------------------------------------------------------


def longest_common(old: Sequence[str], new: Sequence[str]) -> int:
    row = [0] * (len(new) + 1)
    for item in old:
        above = row[:]
        for j, other in enumerate(new):
            row[j + 1] = above[j] + 1 if item == other else max(above[j + 1], row[j])
    return row[-1]


@given(ITEMS, ITEMS)
def test_blocks_are_common_in_order_and_apart(old: list[str], new: list[str]) -> None:
    blocks = common_blocks(old, new)
    for i, j, length in blocks:
        assert length > 0
        assert old[i : i + length] == new[j : j + length]
    for (i, j, length), (k, m, _) in pairwise(blocks):
        assert i + length <= k
        assert j + length <= m
        assert (i + length, j + length) != (k, m)
    assert sum(length for _, _, length in blocks) <= longest_common(old, new)


@given(st.lists(st.sampled_from("ab"), max_size=30), st.lists(st.sampled_from("ab"), max_size=30))
def test_without_unique_items_the_blocks_are_the_longest_possible(old: list[str], new: list[str]) -> None:
    # Two more at both ends keep both items from being unique in what is left when equal ends are taken off.
    left, right = ["x", *"aabb", *old, *"aabb", "y"], ["z", *"aabb", *new, *"aabb", "w"]
    assert sum(length for _, _, length in common_blocks(left, right)) == longest_common(left, right)


def test_without_effort_what_differs_is_replaced_whole() -> None:
    assert common_blocks("xabab", "xbaba", Effort(0)) == [(0, 0, 1)]


# Texts ---------------------------------------------------------------------------------------------------------------


@given(WORDS, WORDS)
def test_word_segments_give_back_both_sides(old: str, new: str) -> None:
    segments = word_diff(old, new)
    assert old_side(segments) == old
    assert new_side(segments) == new
    assert all(segment.text for segment in segments)
    assert (old == new) == all(segment.kind is SegmentKind.EQUAL for segment in segments)
    assert all(a.kind is not b.kind for a, b in pairwise(segments))


def test_words_of_korean_and_of_templates() -> None:
    found = word_diff(
        "고객이 환불을 요청하면 {{ name }}에게 답하세요.", "고객이 환불은 요청하면 {{ name }}에게 꼭 답하세요."
    )
    assert [(s.kind.value, s.text) for s in found] == [
        ("equal", "고객이 "),
        ("removed", "환불을"),
        ("added", "환불은"),
        ("equal", " 요청하면 {{ name }}에게 "),
        ("added", "꼭 "),
        ("equal", "답하세요."),
    ]
    assert [s.text for s in word_diff("환불", "환불 요청")] == ["환불", " 요청"]


def apply_unified(old: str, patch: str) -> str:
    """A small ``patch``: checks context and removed lines, gives the new text."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", old)
    out: list[str] = []
    at = 0
    body = re.findall(r"[^\n]*\n|[^\n]+", patch)[2:]
    for position, line in enumerate(body):
        head = re.match(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", line)
        if head:
            start = int(head[1]) - (head[2] != "0")
            out += lines[at:start]
            at = start
            continue
        if line.startswith("\\"):
            continue
        bare = position + 1 < len(body) and body[position + 1].startswith("\\")
        content = line[1:-1] if bare else line[1:]
        if line[0] in " -":
            assert lines[at] == content
            at += 1
        if line[0] in " +":
            out.append(content)
    return "".join(out + lines[at:])


LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n", "가\n", "x\r\n", "y\x0b\u2028\n"]), max_size=30).map(
    "".join
)


@given(LINES, LINES, st.sampled_from(["", "end"]), st.sampled_from(["", "end"]), st.integers(0, 4))
def test_a_unified_diff_applies_forwards_and_backwards(old: str, new: str, a: str, b: str, context: int) -> None:
    old, new = old + a, new + b
    patch = text_diff(old, new, context=context)
    assert (patch == "") == (old == new)
    if patch:
        assert apply_unified(old, patch) == new
        assert apply_unified(new, text_diff(new, old, context=context)) == old


def test_a_unified_diff_reads_as_git_writes_it() -> None:
    assert text_diff("a\nb\nc", "a\nB\nc\n", old_name="a/x", new_name="b/x") == (
        "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n-b\n-c\n\\ No newline at end of file\n+B\n+c\n"
    )
    assert text_diff("", "a\n").endswith("@@ -0,0 +1 @@\n+a\n")


def large(kind: str) -> tuple[str, str]:
    r = Random(5)
    words = ["".join(r.choice("abcdefgh") for _ in range(5)) for _ in range(3000)]
    random_text = "".join(r.choice(words) + r.choice("  \n") for _ in range(43_000))
    edited = random_text.split(" ")
    for _ in range(500):
        edited[r.randrange(len(edited))] = "X"
    return {
        "unlike": (random_text, "".join(r.choice(words) + r.choice("  \n") for _ in range(43_000))),
        "edited": (random_text, " ".join(edited)),
        "equal lines": ("\n" * 256_000, "\n" * 255_000 + "a" + "\n" * 500),
        "two words": ("a b " * 64_000, "b a a " * 42_000),
        "two lines": ("a\nb\n" * 64_000, "b\na\na\n" * 42_000),
        "reversed": (" ".join(map(str, range(40_000))), " ".join(map(str, reversed(range(40_000))))),
    }[kind]


@pytest.mark.parametrize("kind", ["unlike", "edited", "equal lines", "two words", "two lines", "reversed"])
def test_a_pair_of_the_largest_files_takes_no_long(kind: str) -> None:
    old, new = large(kind)
    start = time.process_time()
    segments = word_diff(old, new)
    text_diff(old, new)
    assert time.process_time() - start < 10, "measured: 0.2-0.5 s"
    assert old_side(segments) == old
    assert new_side(segments) == new


# Templates -----------------------------------------------------------------------------------------------------------


def text(source: str) -> Text:
    return Text(source, "/text")


def message(role: str, source: str) -> Message:
    return Message(role, text(source))


VALUES = st.sampled_from([None, True, False, 0, 1, 1.0, "a", "환불", [1], [1.0], {"a": 1}, {"a": {"b": [True]}}])
CONTENTS = st.one_of(
    WORDS.map(text),
    st.lists(
        st.one_of(
            WORDS.map(lambda source: Part("text", {}, {"text": text(source)})),
            st.sampled_from(["https://a/x", "https://b/y"]).map(
                lambda url: Part("image", {"detail": "low"}, {"url": text(url)})
            ),
            st.just(Part("image", {}, variable="photo")),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
)
MESSAGES = st.lists(
    st.one_of(
        st.builds(Message, st.sampled_from(["system", "user", "assistant"]), CONTENTS, st.none() | st.just("ann")),
        st.sampled_from(["history", "more"]).map(Placeholder),
    ),
    max_size=5,
).map(tuple)
VARIABLES = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.builds(
        Variable,
        st.just("v"),
        st.sampled_from([VariableType.STRING, VariableType.INTEGER]),
        st.sampled_from(["", "what"]),
        st.booleans(),
        VALUES,
        enum=st.none() | st.just(("x", "y")),
        max_length=st.none() | st.just(5),
        items=st.none() | st.just(Variable("i", VariableType.STRING)),
        untrusted=st.booleans(),
    ),
    max_size=3,
)
TEMPLATES = st.builds(
    Template,
    st.just(TemplateType.CHAT),
    st.sampled_from(["", "one", "two"]),
    st.sampled_from([(), ("a",), ("a", "b")]),
    variables=VARIABLES,
    messages=MESSAGES,
    model=st.none()
    | st.builds(Model, st.just("openai"), st.sampled_from(["x", "y"]), st.dictionaries(st.sampled_from("tu"), VALUES)),
    output=st.none() | st.just({"format": "json"}),
    metadata=st.dictionaries(st.sampled_from(["k", "l"]), VALUES, max_size=2),
) | st.builds(Template, st.just(TemplateType.TEXT), text=WORDS.map(text))


def inverted(side: str) -> str:
    return {"old": "new", "new": "old"}[side]


@given(TEMPLATES)
def test_equal_templates_have_no_difference(template: Template) -> None:
    assert not diff_templates(template, replace(template))
    assert diff_templates(template, template) == StructuralDiff()
    assert not diff_templates(None, None)


@given(TEMPLATES | st.none(), TEMPLATES | st.none())
def test_a_difference_is_json_and_its_sides_swap_when_turned_round(old: Template | None, new: Template | None) -> None:
    forward, back = diff_templates(old, new), diff_templates(new, old)
    assert json.loads(json.dumps(forward.to_json())) == forward.to_json()
    assert bool(forward) == bool(back)
    assert {(c.field, json.dumps([c.old, c.new]), c.present) for c in forward.fields} == {
        (c.field, json.dumps([c.new, c.old]), c.present[::-1]) for c in back.fields
    }
    assert {c.name for c in forward.variables} == {c.name for c in back.variables}


def texts_of(template: Template | None) -> list[list[dict[str, str]]]:
    """Per message the texts of its parts."""
    if template is None:
        return []
    if template.text is not None:
        return [[{"text": template.text.source}]]
    found: list[list[dict[str, str]]] = []
    for each in template.messages:
        if isinstance(each, Placeholder):
            found.append([])
        elif isinstance(each.content, Text):
            found.append([{"text": each.content.source}])
        else:
            found.append([{key: t.source for key, t in part.texts.items()} for part in each.content])
    return found


@given(TEMPLATES | st.none(), TEMPLATES | st.none())
def test_the_new_messages_follow_from_the_old_ones_and_the_difference(
    old: Template | None, new: Template | None
) -> None:
    before, after = texts_of(old), texts_of(new)
    changes = diff_templates(old, new).messages
    gone = {c.old_index for c in changes if c.old_index is not None}
    made: dict[int, list[dict[str, str]]] = {}
    for change in changes:
        if change.new_index is None:
            continue
        if change.kind is ChangeKind.MOVED:
            assert change.old_index is not None
            made[change.new_index] = before[change.old_index]
            continue
        parts = before[change.old_index] if change.old_index is not None else []
        dropped = {p.old_index for p in change.parts if p.old_index is not None}
        new_parts = {
            p.new_index: {k: new_side(w) for k, w in p.words.items()} for p in change.parts if p.new_index is not None
        }
        kept = iter([part for n, part in enumerate(parts) if n not in dropped])
        total = len(parts) - len(dropped) + len(new_parts)
        made[change.new_index] = [new_parts[n] if n in new_parts else next(kept) for n in range(total)]
        for part in change.parts:
            if part.old_index is not None and change.old_index is not None:
                assert {k: old_side(w) for k, w in part.words.items() if old_side(w)} == {
                    k: v for k, v in before[change.old_index][part.old_index].items() if v
                }
    rest = iter([m for n, m in enumerate(before) if n not in gone])
    result = [made[n] if n in made else next(rest) for n in range(len(before) - len(gone) + len(made))]
    strip = lambda messages: [[{k: v for k, v in part.items() if v} for part in parts] for parts in messages]  # noqa: E731  (used twice, here)
    assert strip(result) == strip(after)


def test_what_a_reader_sees_of_an_edit() -> None:
    old = read_template(
        b"""\
schema: prompt/v1
description: Sorts tickets.
type: chat
variables:
  ticket: {type: string, max_length: 100}
  tone: {type: string, default: kind}
messages:
  - role: system
    content: Sort the ticket into a queue.
  - role: user
    content: "{{ ticket }} {{ tone }}"
model: {provider: openai, id: gpt-4o-mini, parameters: {temperature: 0.2}}
""",
        "prompts/a.prompt.yaml",
    )
    new = read_template(
        b"""\
schema: prompt/v1
type: chat
description: Sorts tickets.
model: {provider: openai, id: gpt-4o-mini, parameters: {temperature: 0.5, max_tokens: 9}}
variables:
  ticket: {type: string, max_length: 200}
  language: {type: string, enum: [en, ko]}
messages:
  - role: system
    content: Sort the ticket into one queue.
  - {role: assistant, content: Understood.}
  - role: user
    content: "{{ ticket }} {{ language }}"
""",
        "prompts/a.prompt.yaml",
    )
    assert old.diagnostics == new.diagnostics == ()
    found: Json = diff_templates(old.template, new.template).to_json()
    assert found["fields"] == [
        {"field": "model.parameters.temperature", "old": 0.2, "new": 0.5},
        {"field": "model.parameters.max_tokens", "new": 9},
    ]
    assert [(v["name"], v["change"], [a["field"] for a in v["attributes"]]) for v in found["variables"]] == [
        ("ticket", "changed", ["max_length"]),
        ("tone", "removed", ["type", "required", "default"]),
        ("language", "added", ["type", "required", "enum"]),
    ]
    assert [(m["change"], m["role"], m["old_index"], m["new_index"]) for m in found["messages"]] == [
        ("changed", "system", 0, 0),
        ("added", "assistant", None, 1),
        ("changed", "user", 1, 2),
    ]
    assert found["messages"][0]["parts"][0]["words"]["text"] == [
        {"kind": "equal", "text": "Sort the ticket into "},
        {"kind": "removed", "text": "a"},
        {"kind": "added", "text": "one"},
        {"kind": "equal", "text": " queue."},
    ]


def test_a_moved_message_is_told_as_moved() -> None:
    first, second, third = message("user", "one"), message("assistant", "two"), message("system", "three")
    found = diff_templates(
        Template(TemplateType.CHAT, messages=(third, first, second)),
        Template(TemplateType.CHAT, messages=(first, second, third)),
    )
    assert [(c.kind, c.role, c.old_index, c.new_index, c.parts) for c in found.messages] == [
        (ChangeKind.MOVED, "system", 0, 2, ())
    ]


def test_a_changed_role_is_one_change() -> None:
    found = diff_templates(
        Template(TemplateType.CHAT, messages=(message("system", "same"),)),
        Template(TemplateType.CHAT, messages=(message("developer", "same"),)),
    )
    (change,) = found.messages
    assert [f.to_json() for f in change.fields] == [{"field": "role", "old": "system", "new": "developer"}]
    assert change.parts == ()
