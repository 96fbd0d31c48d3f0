import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.canonical import canonical_json, canonical_number, canonical_text, canonical_value
from registry.domain.errors import RenderFailed
from registry.domain.ids import TemplateName
from registry.domain.language import scan
from registry.domain.rendering import render
from registry.domain.template import Template, TemplateType, Text, Variable, VariableType
from registry.domain.text_filters import TEXT_FILTERS

VECTORS = json.loads((Path(__file__).parents[2] / "docs/rendering-vectors.json").read_text("utf-8"))["cases"]
TYPES = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def text_template(source: str, variables: dict[str, Variable] | None = None) -> Template:
    return Template(TemplateType.TEXT, variables=variables or {}, text=Text(source, "/text"))


def declare(values: dict[str, object]) -> dict[str, Variable]:
    return {
        name: Variable(name, VariableType(TYPES.get(type(value), "string")), required=value is not None)
        for name, value in values.items()
    }


@pytest.mark.parametrize("case", VECTORS, ids=[case["name"] for case in VECTORS])
def test_vector(case: dict[str, Any]) -> None:
    template = text_template(case["template"], declare(case["variables"]))
    partials = {TemplateName(n): text_template(s) for n, s in case.get("partials", {}).items()}
    assert not scan(case["template"]).issues, "a vector shows what the gate accepts"
    if case.get("error"):
        with pytest.raises(RenderFailed):
            render(template, partials, case["variables"])
    else:
        assert render(template, partials, case["variables"]).text == case["text"]


def test_there_are_enough_vectors_and_their_names_differ() -> None:
    assert len(VECTORS) >= 60
    assert len({case["name"] for case in VECTORS}) == len(VECTORS)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back_as_itself(number: float) -> None:
    assert float(canonical_number(number)) == number


@given(st.floats(min_value=1e-6, max_value=1e20))
def test_numbers_of_common_size_have_no_exponent(number: float) -> None:
    assert "e" not in canonical_number(number)


@given(json_values)
def test_canonical_json_reads_back_equal_and_is_compact(value: object) -> None:
    text = canonical_json(value)
    assert json.loads(text) == value
    assert canonical_json(json.loads(text)) == text


@given(json_values)
def test_what_a_template_prints_is_the_canonical_text(value: object) -> None:
    template = text_template("{{ x[0] }}", {"x": Variable("x", VariableType.ARRAY)})
    assert render(template, {}, {"x": [value]}).text == canonical_text(canonical_value(value))


@given(json_values)
def test_filters_and_finalizer_print_alike(value: object) -> None:
    template = text_template(
        "{{ x|join }}|{{ x[0]|string }}|{{ '%s'|format(x[0]) }}", {"x": Variable("x", VariableType.ARRAY)}
    )
    printed = canonical_text(canonical_value(value))
    assert render(template, {}, {"x": [value]}).text == f"{printed}|{printed}|{printed}"


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_say_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        canonical_text(number)


def test_integral_floats_become_integers_at_every_depth_and_the_input_stays() -> None:
    value = {"a": [1.0, {"b": 2.0**53}], "c": 1e21, "d": 1.5}
    assert canonical_json(canonical_value(value)) == '{"a":[1,{"b":9007199254740992}],"c":1e+21,"d":1.5}'
    assert isinstance(canonical_value(value)["c"], float)
    assert isinstance(value["a"][0], float)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{{ '%s'|format }}", "more directives"),
        ("{{ '%s'|format(1, 2) }}", "more values"),
        ("{{ '%(a)s'|format(b=1) }}", r"%\(a\)"),
        ("{{ '%d'|format('x') }}", "number"),
        ("{{ '%q'|format('x') }}", "%q"),
        ("{{ '%9999999d'|format(1) }}", "widths"),
        ("{{ [1]|join(attribute='a') }}", "no attribute a"),
        ("{{ 5|join }}", "list"),
        ("{{ 'x'|indent(100000) }}", "width"),
        ("{{ 'x'|truncate(1) }}", "length"),
        ("{{ [1]|tojson(indent=-1) }}", "indent"),
        ("{{ 'x'|replace('a') }}", "replace"),
    ],
)
def test_filters_say_what_is_wrong_with_their_arguments(source: str, words: str) -> None:
    with pytest.raises(RenderFailed, match=words):
        render(text_template(source), {}, {})


def test_every_text_filter_takes_every_json_value() -> None:
    for name, filter_ in TEXT_FILTERS.items():
        arguments = {"replace": ("a", "b"), "format": ()}.get(name, ())
        for value in (None, True, 1, 2.5, "text", [1], {"a": 1}):
            if name == "join" and not isinstance(value, (list, dict, str, type(None))):
                continue
            filter_(value, *arguments)
