"""Compatibility: what may change under each mode, tried against what binding takes."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from registry.domain.binding import bind
from registry.domain.compatibility import announces, breaks, declares_alike, declares_same_bytes, diagnose, with_trailer
from registry.domain.compatible_types import call_narrowings
from registry.domain.diagnostics import Place
from registry.domain.errors import VariablesInvalid
from registry.domain.registry_rules import Compatibility
from registry.domain.template import Template, TemplateType, Variable, VariableType
from registry.domain.template_file import read_template

BACKWARD, FORWARD, FULL, NONE = (
    Compatibility.BACKWARD,
    Compatibility.FORWARD,
    Compatibility.FULL,
    Compatibility.NONE,
)
T = VariableType


def template(variables: str, more: str = "", kind: str = "text") -> Template:
    """The template of a small file; its text uses nothing, which only a closure would mind."""
    body = "text: hi\n" if kind == "text" else "messages: [{role: user, content: hi}]\n"
    read = read_template(f"schema: prompt/v1\ntype: {kind}\nvariables: {variables}\n{more}{body}".encode(), "p")
    assert read.template is not None, read.diagnostics
    return read.template


def told(old: str, new: str, mode: Compatibility = BACKWARD) -> list[tuple[str, str, str, str]]:
    return [(b.subject, b.rule, b.old, b.new) for b in breaks(template(old), template(new), mode)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{}", "{a: {type: string, required: false}}"),
        ("{}", "{a: {type: string, default: x}}"),
        ("{a: {type: string}}", "{}"),
        ("{a: {type: string}}", "{a: {type: string, required: false}}"),
        ("{a: {type: integer}}", "{a: {type: number}}"),
        ("{a: {type: image}}", "{a: {type: file}}"),
        ("{a: {type: string, enum: [x]}}", "{a: {type: string, enum: [y, x]}}"),
        ("{a: {type: string, enum: [x]}}", "{a: {type: string}}"),
        ("{a: {type: string, enum: [x]}}", "{a: {type: string, max_length: 1, pattern: '^[a-z]$'}}"),
        ("{a: {type: string, max_length: 5}}", "{a: {type: string, max_length: 6}}"),
        ("{a: {type: string, pattern: x}}", "{a: {type: string}}"),
        ("{a: {type: number, minimum: 1, maximum: 2}}", "{a: {type: number, minimum: 0}}"),
        ("{a: {type: array, items: {type: integer}}}", "{a: {type: array, items: {type: number}}}"),
        ("{a: {type: array, items: {type: integer}}}", "{a: {type: array}}"),
        (
            "{a: {type: object, properties: {k: {type: string}}}}",
            "{a: {type: object, properties: {l: {type: integer, required: false}}}}",
        ),
        ("{a: {type: string, description: one}}", "{a: {type: string, description: two, sensitive: true}}"),
        ("{a: {type: messages, untrusted: true}}", "{a: {type: messages}}"),
        ("{a: {type: string}, b: {type: integer}}", "{b: {type: integer}, a: {type: string}}"),
    ],
)
def test_what_may_change(old: str, new: str) -> None:
    assert told(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("{}", "{a: {type: string}}", ("a", "required", "not declared", "required")),
        ("{a: {type: string, default: x}}", "{a: {type: string}}", ("a", "required", "optional", "required")),
        ("{a: {type: string}}", "{b: {type: string}}", ("b", "renamed", "a", "b")),
        (
            "{a: {type: string, required: false}}",
            "{b: {type: string, required: false}}",
            ("b", "renamed", "a", "b"),
        ),
        ("{a: {type: number}}", "{a: {type: integer}}", ("a", "type", "number", "integer")),
        ("{a: {type: string}}", "{a: {type: string, enum: [x]}}", ("a", "enum", "not set", '["x"]')),
        (
            "{a: {type: string, enum: [x, y]}}",
            "{a: {type: string, enum: [y]}}",
            ("a", "enum", '["x", "y"]', '["y"]'),
        ),
        (
            "{a: {type: string, enum: [xx]}}",
            "{a: {type: string, max_length: 1}}",
            ("a", "max_length", "not set", "1"),
        ),
        ("{a: {type: string}}", "{a: {type: string, min_length: 1}}", ("a", "min_length", "not set", "1")),
        ("{a: {type: string, max_length: 9}}", "{a: {type: string, max_length: 8}}", ("a", "max_length", "9", "8")),
        ("{a: {type: string, pattern: x}}", "{a: {type: string, pattern: y}}", ("a", "pattern", "x", "y")),
        ("{a: {type: number, minimum: 1}}", "{a: {type: number, minimum: 2}}", ("a", "minimum", "1", "2")),
        ("{a: {type: integer}}", "{a: {type: integer, maximum: 2}}", ("a", "maximum", "not set", "2")),
        (
            "{a: {type: array}}",
            "{a: {type: array, items: {type: string}}}",
            ("a", "items", "not set", "of type string"),
        ),
        (
            "{a: {type: array, items: {type: number}}}",
            "{a: {type: array, items: {type: integer}}}",
            ("a[]", "type", "number", "integer"),
        ),
        (
            "{a: {type: object}}",
            "{a: {type: object, properties: {k: {type: string, required: false}}}}",
            ("a", "properties", "not set", '["k"]'),
        ),
        (
            "{a: {type: object, properties: {k: {type: string}}}}",
            "{a: {type: object, properties: {k: {type: string}, l: {type: string}}}}",
            ("a.l", "required", "not declared", "required"),
        ),
        (
            "{a: {type: object, properties: {k: {type: string, required: false}}}}",
            "{a: {type: object, properties: {k: {type: string}}}}",
            ("a.k", "required", "optional", "required"),
        ),
        ("{a: {type: messages}}", "{a: {type: messages, untrusted: true}}", ("a", "untrusted", "false", "true")),
        ("{a: {type: file}}", "{a: {type: image}}", ("a", "type", "file", "image")),
    ],
)
def test_what_breaks_callers(old: str, new: str, found: tuple[str, str, str, str]) -> None:
    assert found in told(old, new)
    assert told(old, new, NONE) == []
    assert told(new, old, FORWARD) != []
    assert told(old, new, FULL) != []


def test_a_chat_template_that_becomes_a_text_breaks_in_both_directions() -> None:
    chat, text = template("{}", kind="chat"), template("{}")
    for mode in (BACKWARD, FORWARD, FULL):
        assert [b.rule for b in breaks(chat, text, mode)] == ["type"]
        assert [b.rule for b in breaks(text, chat, mode)] == ["type"]


def test_findings_stand_where_the_new_file_has_it() -> None:
    old = template("{ticket: {type: string}}")
    body = (
        b"schema: prompt/v1\ntype: text\nvariables:\n  ticket:\n    type: string\n    max_length: 5\n"
        b"  tone: {type: string}\ntext: hi\n"
    )
    new = read_template(body, "p").template
    assert new is not None
    found = list(diagnose(dict.fromkeys(breaks(old, new, BACKWARD), "version 3 (production)"), "p", body))
    assert [(d.place, d.message.split(",", 1)[0]) for d in found] == [
        (Place(6, 5), "ticket (max_length): was not set"),
        (Place(7, 3), "tone (required): was not declared"),
    ]
    assert all("version 3 (production)" in d.message and "Breaking-Change: <why>" in d.message for d in found)


@pytest.mark.parametrize(
    ("message", "announced"),
    [
        ("Shorten\n\nBreaking-Change: shorter tickets\n", True),
        ("Shorten\n\nBREAKING-CHANGE: shorter tickets\n\nSigned-off-by: Kim <kim@example.com>\n", True),
        ("Shorten\n\nBreaking-Change:\n", False),
        ("Shorten\n\nBreaking-Change: \nmore", False),
        ("Shorten\n\nno Breaking-Change: here", False),
        ("Breaking-Change\n", False),
    ],
)
def test_the_trailer(message: str, announced: bool) -> None:
    assert announces(message) is announced


@given(st.text(), st.text(alphabet=st.characters(categories=["L", "N", "Zs"])).filter(str.strip))
def test_a_trailer_that_was_added_is_found(message: str, why: str) -> None:
    assert announces(with_trailer(message, why))


def test_a_trailer_joins_those_that_stand_there() -> None:
    assert with_trailer("Shorten\n", "why\nnot") == "Shorten\n\nBreaking-Change: why not"
    assert with_trailer("Shorten\n\nRefs: 12\n", "why") == "Shorten\n\nRefs: 12\nBreaking-Change: why"


FILE = b"""schema: prompt/v1
type: text
variables:
  a:
    type: string

  # a note
  b: {type: integer,
}
text: |
  hi {{ a }}
"""


@pytest.mark.parametrize(
    ("old", "new", "alike"),
    [
        (FILE, FILE.replace(b"  hi", b"  hello\n\n  all"), True),
        (FILE, b"# more\ntags: [x]\n" + FILE, True),
        (FILE, FILE.replace(b"integer,\n", b"number,\n"), False),
        (FILE, FILE.replace(b"  a:\n", b"  c:\n"), False),
        (FILE, FILE + b"output: {format: json}\n", False),
        (FILE, FILE.replace(b"type: text", b'"type": text'), False),
        (b"{schema: prompt/v1, type: text, text: a}", b"{schema: prompt/v1, type: text, text: b}", False),
        (FILE.replace(b"\n", b"\r\n"), FILE.replace(b"\n", b"\r\n").replace(b"hi", b"ho"), True),
        (b"schema: prompt/v1\ntext: hi\nvariables: {a: {type: string}}", b"schema: prompt/v1\ntext: hi", False),
        (
            b"schema: prompt/v1\ntype: text\noutput:\n format: json",
            b"schema: prompt/v1\ntype: text\noutput:\n x: 1",
            False,
        ),
    ],
)
def test_files_that_declare_alike_are_told_by_their_bytes(old: bytes, new: bytes, alike: bool) -> None:
    assert declares_same_bytes(old, new) is alike


# Generated declarations, and values that fit them.

NAMES = st.sampled_from(["a", "b", "c"])
WORDS = ["", "x", "xy", "1", "가나"]
PATTERNS = ["x", "^x", "[0-9]", "y$"]


def _bounds(low: str, high: str, most: int) -> st.SearchStrategy[dict[str, Any]]:
    def made(pair: tuple[int | None, int | None]) -> dict[str, Any]:
        least, greatest = pair
        if least is not None and greatest is not None and least > greatest:
            least, greatest = greatest, least
        return {low: least, high: greatest}

    number = st.none() | st.integers(0, most)
    return st.tuples(number, number).map(made)


def _strings() -> st.SearchStrategy[dict[str, Any]]:
    enum = st.none() | st.lists(st.sampled_from(WORDS), min_size=1, unique=True).map(tuple)
    parts = st.fixed_dictionaries(
        {"type": st.just(T.STRING), "enum": enum, "pattern": st.none() | st.sampled_from(PATTERNS)}
    )
    return st.tuples(parts, _bounds("min_length", "max_length", 3)).map(lambda pair: pair[0] | pair[1])


def _numbers() -> st.SearchStrategy[dict[str, Any]]:
    enum = st.none() | st.lists(st.integers(0, 3), min_size=1, unique=True).map(tuple)
    parts = st.fixed_dictionaries({"type": st.sampled_from([T.INTEGER, T.NUMBER]), "enum": enum})
    return st.tuples(parts, _bounds("minimum", "maximum", 3)).map(lambda pair: pair[0] | pair[1])


def _plain() -> st.SearchStrategy[dict[str, Any]]:
    roles = st.fixed_dictionaries({"type": st.just(T.MESSAGES), "untrusted": st.booleans()})
    others = st.fixed_dictionaries({"type": st.sampled_from([T.BOOLEAN, T.IMAGE, T.FILE, T.AUDIO])})
    return _strings() | _numbers() | roles | others


NOT_NESTED = {T.MESSAGES, T.IMAGE, T.FILE, T.AUDIO}


def _nested(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    variable = inner.map(lambda said: {"type": T.NUMBER} if said["type"] in NOT_NESTED else said)
    item = st.none() | variable.map(lambda said: Variable("items", **said))
    arrays = st.tuples(item, _bounds("min_length", "max_length", 2)).map(
        lambda pair: {"type": T.ARRAY, "items": pair[0]} | pair[1]
    )
    held = st.dictionaries(NAMES, st.tuples(variable, st.booleans()), max_size=3)
    objects = held.map(
        lambda entries: {
            "type": T.OBJECT,
            "properties": {k: Variable(k, required=needed, **said) for k, (said, needed) in entries.items()},
        }
    )
    return arrays | objects


def _sound(said: dict[str, Any]) -> dict[str, Any]:
    """Without an enum whose values do not fit the rest, which the gate sees to."""
    bare = Variable("x", **said)
    fitting = bare.enum is None or all(_fits({"x": bare}, {"x": value}) for value in bare.enum)
    return said if fitting else said | {"enum": None}


DECLARED = st.recursive(_plain().map(_sound), _nested, max_leaves=4)


def _named(entries: dict[str, tuple[dict[str, Any], bool]]) -> dict[str, Variable]:
    return {name: Variable(name, required=needed, **said) for name, (said, needed) in entries.items()}


VARIABLES = st.dictionaries(NAMES, st.tuples(DECLARED, st.booleans()), min_size=1, max_size=3).map(_named)
WIDER: list[dict[str, Any]] = [
    {"enum": None},
    {"min_length": None, "max_length": None},
    {"max_length": 3},
    {"pattern": None},
    {"minimum": None, "maximum": 4},
    {"items": None},
    {"properties": {}},
    {"untrusted": False},
    {"required": False},
]


def _changed(draw: st.DrawFn, variable: Variable) -> Variable:
    """A variable in which a little is wider; now and then that makes it narrower."""
    said = draw(st.sampled_from(WIDER))
    fitting = {key: value for key, value in said.items() if key != "max_length" or variable.type in {T.STRING, T.ARRAY}}
    changed = dataclasses.replace(variable, **fitting)
    more: bool = draw(st.booleans())
    if changed.type is T.INTEGER and more:
        changed = dataclasses.replace(changed, type=T.NUMBER)
    if changed.items is not None and more:
        changed = dataclasses.replace(changed, items=_changed(draw, changed.items))
    if changed.properties and more:
        inner = {name: _changed(draw, each) for name, each in changed.properties.items()}
        changed = dataclasses.replace(changed, properties=inner)
    return changed


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[dict[str, Variable], dict[str, Variable]]:
    """Two sets of variables that have much in common."""
    old, other = draw(VARIABLES), draw(VARIABLES)
    new: dict[str, Variable] = {}
    for name, variable in old.items():
        kind = draw(st.sampled_from(["keep", "change", "change", "change", "other", "drop"]))
        if kind in {"keep", "change"}:
            new[name] = _changed(draw, variable) if kind == "change" else variable
        elif kind == "other" and name in other:
            new[name] = other[name]
    if draw(st.integers(0, 3)) == 0:
        new |= {name: variable for name, variable in other.items() if name not in old}
    return old, new


def _value(variable: Variable) -> st.SearchStrategy[Any]:
    """Values that are likely to fit; binding says which do. Objects hold what is declared, or anything."""
    if variable.enum is not None:
        return st.sampled_from(variable.enum)
    if variable.type is T.STRING:
        return st.sampled_from([*WORDS, "xxx", "12", "xyy"])
    if variable.type in {T.INTEGER, T.NUMBER}:
        return st.integers(-1, 4) | st.sampled_from([0.5, 1.5, 2.0])
    if variable.type is T.BOOLEAN:
        return st.booleans()
    if variable.type is T.MESSAGES:
        message = st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": st.just("hi")})
        return st.lists(message, max_size=2)
    if variable.type is T.ARRAY:
        item = _value(variable.items) if variable.items is not None else st.sampled_from(["x", 1, None, 0.5])
        return st.lists(item, max_size=3)
    if variable.type is T.OBJECT:
        if not variable.properties:
            return st.dictionaries(NAMES, st.sampled_from(["x", 1, None, True]), max_size=3)
        return _values(variable.properties)
    media = {"image": ["image/png"], "audio": ["audio/wav"]}.get(str(variable.type), ["image/png", "a/b"])
    return st.fixed_dictionaries({"data": st.just("QQ=="), "media_type": st.sampled_from(media)})


def _values(variables: Mapping[str, Variable]) -> st.SearchStrategy[dict[str, Any]]:
    """What is required is there; the rest may be there, or null."""
    needed = {name: _value(v) for name, v in variables.items() if v.required}
    optional = {name: _value(v) | st.none() for name, v in variables.items() if not v.required}
    return st.fixed_dictionaries(needed, optional=optional)


def _fits(variables: dict[str, Variable], values: dict[str, Any]) -> bool:
    try:
        bind(variables, values)
    except VariablesInvalid:
        return False
    return True


def _of(variables: dict[str, Variable]) -> Template:
    return Template(type=TemplateType.TEXT, variables=variables)


@settings(max_examples=300, deadline=None)
@given(VARIABLES)
def test_nothing_breaks_where_nothing_changed(variables: dict[str, Variable]) -> None:
    assert list(call_narrowings(variables, variables)) == []
    assert declares_alike(_of(variables), _of(dict(variables)))


@settings(max_examples=300, deadline=None)
@given(_pairs())
def test_forward_is_backward_the_other_way_round_and_full_is_both(
    pair: tuple[dict[str, Variable], dict[str, Variable]],
) -> None:
    old, new = map(_of, pair)
    backward, forward = breaks(old, new, BACKWARD), breaks(old, new, FORWARD)
    mirrored = {(b.subject, b.rule, b.new, b.old, b.pointer) for b in breaks(new, old, BACKWARD)}
    assert {(b.subject, b.rule, b.old, b.new, b.pointer) for b in forward if b.rule != "renamed"} == {
        each for each in mirrored if each[1] != "renamed"
    }
    assert bool(mirrored) == bool(forward)
    assert set(breaks(old, new, FULL)) == {*backward, *forward}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_is_called_compatible_takes_every_call_that_fitted(data: st.DataObject) -> None:
    old, new = data.draw(_pairs())
    compatible = not breaks(_of(old), _of(new), BACKWARD)
    if not compatible or declares_alike(_of(old), _of(new)):
        return
    calls = data.draw(st.lists(_values(old), min_size=4, max_size=12))
    fitting = [values for values in calls if _fits(old, values)]
    event(f"calls that fit: {bool(fitting)}")
    assert [values for values in fitting if not _fits(new, values)] == []
