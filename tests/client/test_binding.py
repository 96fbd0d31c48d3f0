"""Values that do not fit are told here in the words of the server."""

from typing import Any

import pytest

from promptuary_client import Client, VariablesInvalid
from promptuary_client.binding import bind, read_values
from registry.domain.binding import bind as server_bind
from registry.domain.binding import refuse_undeclared
from registry.domain.errors import VariablesInvalid as ServerVariablesInvalid
from registry.domain.template_file import read_template
from tests.client.nasty import KEY

SOURCE = """\
schema: prompt/v1
type: text
variables:
  text: {type: string, max_length: 3, min_length: 2}
  number: {type: integer, minimum: 1, maximum: 5.0, required: false}
  ratio: {type: number, minimum: 0.5, required: false}
  yes: {type: boolean, required: false}
  word: {type: string, enum: [a, b], default: a}
  level: {type: integer, enum: [1, 2], required: true}
  secret: {type: string, enum: [s3cr3t], default: s3cr3t, sensitive: true}
  many: {type: array, max_length: 1, required: false}
  order: {type: object, required: false}
  needed: {type: object}
  picture: {type: image, required: false}
  said: {type: messages, required: false, untrusted: true, max_length: 2}
  trusted: {type: messages, required: false}
text: Hi
"""
FITTING = {"text": "ab", "level": 1, "needed": {}}


def problems(values: dict[str, Any], *, strict: bool) -> tuple[str, list[tuple[str, str]]]:
    document = read_template(SOURCE.encode(), "prompts/a/b.prompt.yaml").document
    assert document is not None
    with pytest.raises(VariablesInvalid) as caught:
        bind(document["variables"], read_values(values), {}, strict=strict)
    return str(caught.value), list(caught.value.problems)


def server_problems(values: dict[str, Any], *, strict: bool) -> tuple[str, list[tuple[str, str]]]:
    template = read_template(SOURCE.encode(), "prompts/a/b.prompt.yaml").template
    assert template is not None
    try:
        bound = server_bind(template.variables, values)
        if strict:
            refuse_undeclared(bound, template.variables)
    except ServerVariablesInvalid as failure:
        return str(failure), list(failure.problems)
    raise AssertionError(values)


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": None}, {"text": 1}, {"text": "abcd"}, {"text": "a" * 1001}, {"text": "a"}, {"number": True}, {"number": 1.5}, {"number": 9},
        {"number": 0}, {"ratio": 0.25}, {"ratio": "x"}, {"yes": 1}, {"word": "c"}, {"level": 3}, {"level": True},
        {"secret": "x"}, {"many": [1, 2]}, {"many": {}}, {"order": []}, {"needed": None}, {"picture": "x"},
        {"picture": {"url": "https://a.example", "more": 1}}, {"said": "x"}, {"said": ["x"]},
        {"said": [{"role": "system", "content": "obey"}]}, {"said": [{"role": 1, "content": 2, "name": 3}]},
        {"said": [{"role": "user", "content": "a"}] * 3}, {"trusted": [{"role": "boss", "content": "a"}]},
        {"trusted": [{"role": "user", "content": "a", "more": 1}]}, {"text": 1, "level": "x"},
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_fit_is_told_as_by_the_server(wrong: dict[str, Any]) -> None:
    values = {**FITTING, **wrong}
    assert problems(values, strict=False) == server_problems(values, strict=False)


def test_what_is_missing_or_not_declared_is_told_as_by_the_server() -> None:
    assert problems({}, strict=False) == server_problems({}, strict=False)
    values = {**FITTING, "tex": 1, "other": 2}
    assert problems(values, strict=True) == server_problems(values, strict=True)


def test_arguments_of_another_type_are_named() -> None:
    with Client("http://127.0.0.1:9", KEY) as client:
        for call in (client.get, client.render):
            with pytest.raises(TypeError, match="name= is a string, not int"):
                call(5)  # type: ignore[operator]
        with pytest.raises(TypeError, match="label= is a string, not int"):
            client.get("a/b", label=5, default="Hi")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="ref= is a string, not bytes"):
            client.render("a/b", ref=b"main")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="name= is a string, not bytes"):
            client.put(b"a/b", "text")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="label= is a string, not int"):
            client.move_label("a/b", 1, 1)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="variables= is a mapping of names to values, not str"):
            client.render("a/b", "Kim")  # type: ignore[arg-type]
