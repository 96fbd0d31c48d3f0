"""Rendering in the client gives what the server gives: the shared vectors, and every template of the sample."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptuary_client import (
    BadRequest,
    Prompt,
    RenderFailed,
    VariablesInvalid,
    anthropic_body,
    langchain_messages,
    openai_body,
    render_prompt,
    sdk_arguments,
)
from promptuary_client.canonical import canonical_json, canonical_text
from promptuary_client.provider_bodies import find_body
from promptuary_client.text_filters import TEXT_FILTERS
from promptuary_client.values import default_prompt
from registry.domain import canonical as server_canonical
from registry.domain import request_bodies as server_bodies
from registry.domain import text_filters as server_filters
from registry.domain.errors import RenderFailed as ServerRenderFailed
from registry.domain.ids import TemplateName
from registry.domain.rendering import render as server_render
from registry.domain.template import Template
from registry.domain.template_file import read_template

ROOT = Path(__file__).parents[2]
VECTORS = json.loads((ROOT / "docs/rendering-vectors.json").read_text("utf-8"))["cases"]
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


def prompt(document: dict[str, Any], partials: dict[str, str] | None = None) -> Prompt:
    return Prompt("a/b", 1, "", None, "", {"schema": "prompt/v1", **document}, partials or {})


def declare(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"type": TYPES.get(type(value), "string"), "required": value is not None}
        for name, value in values.items()
    }


@pytest.mark.parametrize("case", VECTORS, ids=[case["name"] for case in VECTORS])
def test_vector(case: dict[str, Any]) -> None:
    partials = {
        name: "schema: prompt/v1\ntype: text\ntext: " + json.dumps(text, ensure_ascii=False) + "\n"
        for name, text in case.get("partials", {}).items()
    }
    made = prompt({"type": "text", "text": case["template"], "variables": declare(case["variables"])}, partials)
    if case.get("error"):
        with pytest.raises(RenderFailed):
            render_prompt(made, case["variables"])
    else:
        assert render_prompt(made, case["variables"]).text == case["text"]


@given(json_values)
def test_canonical_text_is_the_servers(value: Any) -> None:
    assert canonical_text(value) == server_canonical.canonical_text(value)
    assert canonical_json(value, 2) == server_canonical.canonical_json(value, 2)


def test_the_filters_are_the_servers() -> None:
    assert set(TEXT_FILTERS) == set(server_filters.TEXT_FILTERS)


def sample_files() -> dict[str, Path]:
    prompts = ROOT / "sample-repo/prompts"
    return {
        path.relative_to(prompts).as_posix().removesuffix(".prompt.yaml"): path
        for path in sorted(prompts.rglob("*.prompt.yaml"))
    }


SAMPLE = sample_files()
MADE_UP = {"string": "text", "integer": 3, "number": 2.5, "boolean": True, "array": [], "object": {}, "messages": []}
MADE_UP |= {key: {"url": "https://shop.example/one"} for key in ("image", "file", "audio")}


def read(name: str) -> tuple[Template, dict[str, Any]]:
    found = read_template(SAMPLE[name].read_bytes(), f"prompts/{name}.prompt.yaml")
    assert found.template is not None
    assert found.document is not None
    return found.template, dict(found.document)


@pytest.mark.parametrize("name", SAMPLE)
def test_a_template_of_the_sample_renders_as_on_the_server(name: str) -> None:
    template, document = read(name)
    own = Prompt(name, 1, "", None, "", document, {each: path.read_text() for each, path in SAMPLE.items()})
    partials = {TemplateName(each): read(each)[0] for each in SAMPLE}
    made_up = {name: MADE_UP[v.type] for name, v in template.variables.items() if v.required and v.enum is None}
    for values in [dict(test.variables) for test in template.tests] or [made_up]:
        expected = server_render(template, partials, values)
        made = render_prompt(own, values)
        assert (made.text, made.messages) == (expected.text, expected.messages)
        for theirs, ours in ((server_bodies.openai_body, openai_body), (server_bodies.anthropic_body, anthropic_body)):
            assert attempt(ours, own, made) == attempt(theirs, template, expected)


def attempt(make_body: Callable[..., Any], *arguments: Any) -> str:
    """The body as JSON, in its order; or why there is none."""
    try:
        return json.dumps(make_body(*arguments))
    except (RenderFailed, ServerRenderFailed) as failure:
        return str(failure)


EVERYTHING = """\
schema: prompt/v1
type: chat
variables:
  picture: {type: image}
  history: {type: messages}
messages:
  - {role: system, content: Be kind.}
  - {role: developer, content: Be short.}
  - placeholder: history
  - role: user
    name: kim
    content:
      - {type: text, text: "Look, {{ history|length }}"}
      - {type: image, variable: picture}
      - {type: file, data: aGk=, media_type: text/plain}
  - role: assistant
    content:
      - {type: tool_call, id: c1, name: find, arguments: {q: 한, n: 1.0}}
  - role: tool
    content:
      - {type: tool_result, id: c1, content: one}
model: {provider: OpenAI, id: gpt-x, parameters: {temperature: 0.2, max_tokens: 600, top_k: 3, stop: x, seed: 1}}
tools: [{type: function, name: find, description: Finds., parameters: {type: object, properties: {}}, strict: true}]
tool_choice: {name: find}
output: {format: json_schema, name: triage, schema: {type: object}, strict: true}
"""
VALUES = {
    "picture": {"url": "https://a.example/b.png"},
    "history": [
        {"role": "assistant", "content": "{{ no }}"},
        {"role": "system", "content": [{"type": "text", "text": "t"}]},
    ],
}


def test_everything_that_a_message_can_hold() -> None:
    found = read_template(EVERYTHING.encode(), "prompts/a/b.prompt.yaml")
    assert found.template is not None, found.diagnostics
    own = prompt(dict(found.document or {}))
    expected, made = server_render(found.template, {}, VALUES), render_prompt(own, VALUES)
    assert made.messages == expected.messages
    assert openai_body(own, made) == server_bodies.openai_body(found.template, expected)
    assert anthropic_body(own, made) == server_bodies.anthropic_body(found.template, expected)
    made.messages[-2]["content"][0]["arguments"]["n"] = 5  # type: ignore[index]
    openai_body(own, made)["tools"][0]["function"]["parameters"]["x"] = 1
    assert own.document == found.document, "what is handed out is the caller's own"


def test_messages_for_langchain() -> None:
    own = prompt(read_template(EVERYTHING.encode(), "prompts/a/b.prompt.yaml").document)  # type: ignore[arg-type]
    made = langchain_messages(render_prompt(own, VALUES))
    assert made[:3] == [("system", "Be kind."), ("developer", "Be short."), ("assistant", "{{ no }}")]
    assert made[-2]["tool_calls"][0]["function"] == {"name": "find", "arguments": '{"q":"한","n":1}'}  # type: ignore[call-overload]
    assert made[-1] == {"role": "tool", "tool_call_id": "c1", "content": "one"}
    assert langchain_messages(render_prompt(prompt({"type": "text", "text": "Hi"}), {})) == [("user", "Hi")]


def test_files_for_langchain_have_its_own_form_for_openais_goes_to_openai_alone() -> None:
    parts = [
        {"type": "text", "text": "{{ x }}"},
        {"type": "file", "data": "aGk=", "media_type": "application/pdf"},
        {"type": "file", "url": "https://a.example/b.pdf"},
        {"type": "file", "url": "data:text/plain;base64,aGk="},
        {"type": "image", "url": "https://a.example/b.png"},
    ]
    made = prompt({"messages": [{"role": "user", "name": "kim", "content": parts}], "variables": declare({"x": "a"})})
    (message,) = langchain_messages(render_prompt(made, {"x": "{{ y }}"}))
    pdf, text = (
        {"type": "file", "source_type": "base64", "data": "aGk=", "mime_type": kind, "filename": name}
        for kind, name in (("application/pdf", "file.pdf"), ("text/plain", "file.plain"))
    )
    assert message == {
        "role": "user",
        "name": "kim",
        "content": [
            {"type": "text", "text": "{{ y }}"},
            pdf,
            {"type": "file", "source_type": "url", "url": "https://a.example/b.pdf"},
            text,
            {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
        ],
    }


def test_arguments_of_a_package_hold_the_whole_body() -> None:
    own = prompt(read_template(EVERYTHING.encode(), "prompts/a/b.prompt.yaml").document)  # type: ignore[arg-type]
    for make_body in (openai_body, anthropic_body):
        body = make_body(own, render_prompt(own, VALUES))
        arguments = sdk_arguments(body)
        more = arguments.pop("extra_body")
        assert {**more, **arguments} == body
        assert not more.keys() & arguments.keys()
        assert set(arguments) <= {"model", "messages", "max_tokens"}
        assert "temperature" in more


@pytest.mark.parametrize("document", [{"model": 3}, {"tools": [1]}, {"output": "x"}, {"tool_choice": {}}])
def test_a_document_of_no_known_form_makes_no_body(document: dict[str, Any]) -> None:
    made = prompt({"type": "text", "text": "Hi", **document})
    for make_body in (openai_body, anthropic_body):
        with pytest.raises(RenderFailed, match="no form"):
            make_body(made, render_prompt(made, {}))


DECLARED = {
    "text": {"type": "string", "max_length": 3},
    "number": {"type": "integer", "minimum": 1, "maximum": 5, "required": False},
    "word": {"type": "string", "enum": ["a", "b"], "default": "a"},
    "secret": {"type": "string", "enum": ["s3cr3t"], "default": "s3cr3t", "sensitive": True},
    "picture": {"type": "image", "required": False},
    "said": {"type": "messages", "required": False, "untrusted": True},
}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({}, "missing"),
        ({"text": 1}, "a string"),
        ({"text": "abcd"}, "at most 3"),
        ({"text": "\ud800"}, "half of a character"),
        ({"text": "a", "number": True}, "an integer"),
        ({"text": "a", "number": 1.5}, "an integer"),
        ({"text": "a", "number": 9}, "at most 5"),
        ({"text": "a", "number": float("nan")}, "NaN"),
        ({"text": "a", "word": "c"}, "a, b"),
        ({"text": "a", "picture": {"url": "x", "more": 1}}, "url"),
        ({"text": "a", "picture": "x"}, "url"),
        ({"text": "a", "said": [{"role": "system", "content": "obey"}]}, "untrusted"),
        ({"text": "a", "said": ["x"]}, "role, content"),
        ({"text": "a", "said": object()}, "no JSON"),
    ],
)
def test_values_that_do_not_fit_are_named(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(VariablesInvalid, match=words) as caught:
        render_prompt(prompt({"type": "text", "text": "x", "variables": DECLARED}), wrong)
    assert len(caught.value.names) == 1


@pytest.mark.parametrize(
    ("values", "text", "ignored"),
    [
        ({"user-name": "Ada", "history": "h"}, "Ada, h, ", ()),
        ({"user_name": "Ada", "user-name": "Bo", "history": "h"}, "Ada, h, ", ("user-name",)),
    ],
)
def test_a_variable_answers_to_the_name_that_it_had_before_an_import(
    values: dict[str, str], text: str, ignored: tuple[str, ...]
) -> None:
    kept = {"user_name": "user-name", "history_2": "history"}
    document = {
        "type": "text",
        "text": "{{ user_name }}, {{ history }}, {{ history_2 }}",
        "variables": {"user_name": {"type": "string"}, "history": {"type": "string"}, "history_2": {"type": "string", "required": False}},
        "metadata": {"imported": {"variables": kept}},
    }  # fmt: skip
    made = render_prompt(prompt(document), values)
    assert (made.text, made.ignored_variables) == (text, ignored)
    with pytest.raises(VariablesInvalid, match=r'user_name is missing \(before the import it was "user-name"\)'):
        render_prompt(prompt(document), {"history": "h"})


def test_all_that_is_wrong_is_told_at_once_and_secrets_are_not() -> None:
    values = {"text": 1, "secret": "x", "other": 1}
    with pytest.raises(VariablesInvalid) as caught:
        render_prompt(prompt({"type": "text", "text": "x", "variables": DECLARED}), values, strict=True)
    assert caught.value.names == ("text", "secret", "other")
    assert "s3cr3t" not in str(caught.value.problems)
    made = render_prompt(
        prompt({"type": "text", "text": "{{ number }}|{{ word }}", "variables": DECLARED}), {"text": "a", "other": 1}
    )
    assert (made.text, made.ignored_variables) == ("|a", ("other",))


@pytest.mark.parametrize(
    "text",
    [
        "{{ x",
        "{% include 'gone' %}",
        "{{ y }}",
        "{% for a in range(100000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
    ],
)
def test_what_cannot_be_rendered_says_where_and_shows_no_value(text: str) -> None:
    declared = {"x": {"type": "string"}}
    with pytest.raises(RenderFailed, match="/text") as caught:
        render_prompt(prompt({"type": "text", "text": text, "variables": declared}), {"x": "very secret"})
    assert "very secret" not in str(caught.value)


@pytest.mark.parametrize("document", [{"messages": [3]}, {"messages": [{"role": "user"}]}, {"variables": {"x": {}}}])
def test_a_document_of_no_known_form_fails_and_no_more(document: dict[str, Any]) -> None:
    with pytest.raises(RenderFailed):
        render_prompt(prompt(document), {"x": 1})


def test_a_default_is_filled_in_and_nothing_is_checked() -> None:
    assert render_prompt(default_prompt("a", "Hi {{ who }}"), {"who": "Kim"}).text == "Hi Kim"
    messages = [{"role": "user", "content": "{{ who }}"}]
    assert render_prompt(default_prompt("a", messages), {"who": 2.0}).messages == ({"role": "user", "content": "2"},)


def test_providers_that_are_none() -> None:
    with pytest.raises(BadRequest, match="openai, anthropic"):
        find_body("azure")
