"""Compatibility of answers: which changes of ``output`` readers do not notice, tried against a JSON Schema engine."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from registry.domain.compatibility import breaks
from registry.domain.compatible_output import answer_narrowings
from registry.domain.registry_rules import Compatibility
from registry.domain.template import Json, Template, TemplateType

OBJECT: dict[str, Any] = {"type": "object"}


def output(schema: Json) -> dict[str, Json]:
    return {"format": "json_schema", "name": "x", "schema": schema}


def held(schema: Json, *required: str, **more: Json) -> dict[str, Json]:
    """An object with the property q."""
    return {"type": "object", "properties": {"q": schema}, "required": list(required), **more}


def gaps(old: Json, new: Json) -> list[tuple[str, str]]:
    """What a reader of ``old`` may not expect in answers of ``new``."""
    return [(gap.subject, gap.rule) for gap in answer_narrowings(output(new), output(old))]


STRING, ENUM = {"type": "string"}, {"type": "string", "enum": ["a", "b"]}
TREE: dict[str, Any] = {
    "type": "object",
    "properties": {"next": {"$ref": "#"}, "q": STRING},
    "required": ["q"],
}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (held(STRING), held(ENUM)),
        (held(ENUM), held({"type": "string", "enum": ["a"]})),
        (held(ENUM), held({"const": "a"})),
        (held({"type": "number"}), held({"type": "integer"})),
        (held({"type": ["string", "null"]}), held(STRING)),
        (held(STRING), held(STRING, "q")),
        (held(STRING, additionalProperties=False), OBJECT | {"properties": {"q": STRING, "r": STRING}}),
        (held(STRING, "q"), held(STRING, "q") | {"properties": {"r": STRING, "q": STRING}, "required": ["r", "q"]}),
        (held(STRING), {"type": "object", "properties": {"r": STRING}}),
        (held({"type": "number", "minimum": 0}), held({"type": "number", "exclusiveMinimum": 0, "maximum": 1})),
        (held({"type": "array", "items": {"type": "number"}}), held({"type": "array", "items": {"enum": [1, 2]}})),
        (held({"type": "string", "description": "x"}), held({"type": "string", "title": "y"})),
        (held({"anyOf": [STRING, {"type": "null"}]}), held({"type": "string", "enum": ["x"]})),
        (held({"anyOf": [STRING, {"type": "null"}]}), held({"anyOf": [{"type": "null"}, ENUM]})),
        (TREE, TREE | {"required": ["next", "q"]}),
        (held({"$ref": "#/$defs/s"}) | {"$defs": {"s": STRING}}, held({"$ref": "#/$defs/t"}) | {"$defs": {"t": ENUM}}),
        (held({"not": STRING}), held({"not": STRING}, "q")),
        (OBJECT | {"additionalProperties": {"type": "number"}}, held({"type": "integer"})),
    ],
)
def test_what_readers_do_not_notice(old: Json, new: Json) -> None:
    assert gaps(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (held(ENUM), held(STRING), ("output.q", "enum")),
        (held(ENUM), held({"type": "string", "enum": ["a", "c"]}), ("output.q", "enum")),
        (held({"type": "integer"}), held({"type": "number"}), ("output.q", "type")),
        (held(STRING), held({"type": ["string", "null"]}), ("output.q", "type")),
        (held(STRING), held({}), ("output.q", "type")),
        (held(STRING, "q"), held(STRING), ("output.q", "required")),
        (
            held(STRING, "q"),
            {"type": "object", "properties": {"r": STRING}, "required": ["r"]},
            ("output.q", "required"),
        ),
        (held(STRING), OBJECT, ("output.q", "type")),
        (held({"type": "number", "minimum": 1}), held({"type": "number", "minimum": 0}), ("output.q", "minimum")),
        (held({"type": "string", "maxLength": 5}), held(STRING), ("output.q", "maxLength")),
        (held({"type": "array", "items": STRING}), held({"type": "array"}), ("output.q[]", "type")),
        (held({"type": "array", "maxItems": 3}), held({"type": "array", "maxItems": 4}), ("output.q", "maxItems")),
        (held({"anyOf": [STRING, {"type": "null"}]}), held({"type": "integer"}), ("output.q", "anyOf")),
        (held(ENUM), held({"anyOf": [ENUM, {"type": "null"}]}), ("output.q", "type")),
        (held({"not": ENUM}), held({"not": STRING}), ("output.q", "not")),
        (
            held({"$ref": "#/$defs/s"}) | {"$defs": {"s": ENUM}},
            held({"$ref": "#/$defs/s"}) | {"$defs": {"s": STRING}},
            ("output.q", "enum"),
        ),
        (TREE, TREE | {"properties": TREE["properties"] | {"q": {"type": "integer"}}}, ("output.q", "type")),
        (
            held(STRING),
            {"allOf": [{"properties": {"q": {"type": "integer"}}}, {"properties": {"r": STRING}}]},
            ("output", "allOf"),
        ),
        (OBJECT | {"additionalProperties": {"type": "number"}}, held(STRING), ("output.q", "type")),
    ],
)
def test_what_readers_trip_over(old: Json, new: Json, found: tuple[str, str]) -> None:
    assert found in gaps(old, new)


@pytest.mark.parametrize(
    ("old", "new", "fine"),
    [
        ("text", "json", True),
        ("json", "json_schema", True),
        ("text", "json_schema", True),
        ("json", "text", False),
        ("json_schema", "json", False),
        (None, "text", True),
        ("text", None, True),
        ("json", None, False),
    ],
)
def test_formats(old: str | None, new: str | None, fine: bool) -> None:
    def of(name: str | None) -> Template:
        said = None if name is None else output(OBJECT) if name == "json_schema" else {"format": name}
        return Template(type=TemplateType.TEXT, output=said)

    found = breaks(of(old), of(new), Compatibility.BACKWARD)
    assert [b.rule for b in found] == ([] if fine else ["format"])
    assert breaks(of(new), of(old), Compatibility.FORWARD) == () or not fine


def test_pointers_lead_to_the_new_file() -> None:
    old, new = (
        Template(TemplateType.TEXT, output=output(held(ENUM))),
        Template(TemplateType.TEXT, output=output(held(STRING))),
    )
    assert [b.pointer for b in breaks(old, new, Compatibility.BACKWARD)] == ["/output/schema/properties/q/enum"]
    [forward] = breaks(new, old, Compatibility.FORWARD)
    assert (forward.pointer, forward.old, forward.new) == ("/output/schema/properties/q/enum", "not set", '["a", "b"]')


def test_no_address_of_a_schema_is_asked(unasked: str) -> None:
    """``$schema`` of a part: a server would ask in its own network, and wait."""
    foreign = STRING | {"$schema": unasked}
    assert gaps(held(foreign), held({"enum": ["a"]})) == []
    assert gaps(held(foreign), held({"enum": [1]})) == [("output.q", "enum")]
    for old in ({"items": foreign, "type": "array"}, {"$id": unasked, **foreign}, {"anyOf": [foreign]}):
        gaps(held(old), held({"enum": [["a"], "a"]}))


def test_schemas_that_refer_to_themselves_and_large_ones_end() -> None:
    loop = {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}}
    assert gaps(loop, loop | {"title": "x"}) == []
    wide = [{"anyOf": [{"type": "object", "properties": {f"p{i}": STRING}} for i in range(n, n + 40)]} for n in (0, 1)]
    nested = [
        {"type": "object", "properties": {"q": {"anyOf": [{"type": "array", "items": each} for _ in range(40)]}}}
        for each in wide
    ]
    assert gaps(*nested) != []


# Generated schemas, and values that fit them.

LEAVES: list[Json] = [
    True,
    {"type": "string"},
    {"type": "string", "maxLength": 1},
    {"type": "string", "minLength": 1, "enum": ["x", "xy"]},
    {"enum": ["x", 1, None]},
    {"const": 1},
    {"type": "integer"},
    {"type": "number", "minimum": 0},
    {"type": "number", "exclusiveMinimum": 0, "maximum": 2},
    {"type": "integer", "multipleOf": 2},
    {"type": ["string", "null"]},
    {"type": "null"},
    {"minimum": 1},
    {"$ref": "#/$defs/d"},
    {"$ref": "#/$defs/d", "type": "string"},
]


def _nested(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    objects = st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(st.sampled_from("qr"), inner, min_size=1)},
        optional={
            "required": st.lists(st.sampled_from("qr"), unique=True),
            "additionalProperties": st.booleans() | inner,
            "maxProperties": st.integers(1, 2),
        },
    )
    arrays = st.fixed_dictionaries(
        {"type": st.just("array")},
        optional={"items": inner, "maxItems": st.integers(0, 2), "minItems": st.integers(0, 1)},
    )
    choice = st.sampled_from(["anyOf", "oneOf", "allOf"])
    several = st.tuples(choice, st.lists(inner, min_size=1, max_size=2)).map(lambda pair: {pair[0]: pair[1]})
    mixed = st.tuples(several, st.sampled_from(LEAVES[1:])).map(lambda pair: pair[0] | pair[1])
    opposite = inner.map(lambda schema: {"not": schema})
    return objects | objects | arrays | several | mixed | opposite


SCHEMAS = st.recursive(st.sampled_from(LEAVES), _nested, max_leaves=5)
DEFS = st.sampled_from(LEAVES[:-2])
SCALARS: list[Json] = ["", "x", "xy", "xyz", 0, 1, 2, 3, -1, 0.5, 2.0, None, True]
VALUES: list[Json] = [
    *SCALARS,
    *([], *([each] for each in SCALARS), ["x", 1], [[1], "x", None]),
    *({}, *({"q": each} for each in SCALARS), *({"r": each} for each in SCALARS)),
    *({"q": one, "r": other} for one in SCALARS[:5] for other in SCALARS[5:]),
    *({"q": {"q": each}} for each in SCALARS),
    *({"q": [each]} for each in SCALARS),
]


def _readable(schema: Json) -> Json:
    """As a reader takes it, who ignores keys that are not named."""
    if isinstance(schema, dict):
        kept = {key: _readable(value) for key, value in schema.items()}
        return {k: v for k, v in kept.items() if k != "additionalProperties" or v is not False}
    return [_readable(each) for each in schema] if isinstance(schema, list) else schema


def _named(schema: Json) -> Json:
    """As a writer means it: what is not named is not written."""
    if isinstance(schema, dict):
        kept = {key: _named(value) for key, value in schema.items()}
        return {"additionalProperties": False, **kept} if "properties" in schema else kept
    return [_named(each) for each in schema] if isinstance(schema, list) else schema


@settings(max_examples=500, deadline=None)
@given(SCHEMAS, DEFS, SCHEMAS, DEFS, st.booleans())
def test_no_answer_of_a_compatible_output_is_unexpected(
    one: Json, defined: Json, other: Json, redefined: Json, similar: bool
) -> None:
    """Writers that join objects by allOf close none of them, so those are left open; ``not`` turns both meanings."""
    old: dict[str, Json] = {"allOf": [one], "$defs": {"d": defined}}
    new: dict[str, Json] = {"allOf": [other], "$defs": {"d": redefined}}
    if similar:
        new = {"allOf": [one], "$defs": {"d": redefined}, "minProperties": 0}
    if gaps(old, new):
        return
    closed = new if {"allOf", "not", "oneOf"} & set(_keys(one) + _keys(other)) else _named(new)
    writes = jsonschema_rs.Draft202012Validator(closed)
    reads = jsonschema_rs.Draft202012Validator(_readable(old) if "not" not in _keys(old) else old)
    written = [value for value in VALUES if writes.is_valid(value)]
    event(f"answers: {bool(written)}")
    assert [value for value in written if not reads.is_valid(value)] == []


def _keys(schema: Json) -> list[str]:
    if isinstance(schema, dict):
        return [*schema, *(key for value in schema.values() for key in _keys(value))]
    return [key for each in schema for key in _keys(each)] if isinstance(schema, list) else []


@settings(max_examples=300, deadline=None)
@given(SCHEMAS, DEFS)
def test_an_output_fits_itself(schema: Json, defined: Json) -> None:
    same = held(schema) | {"$defs": {"d": defined}}
    assert gaps(same, same) == []
