"""Partials are read here as on the server: the same files are taken, and the same text comes out."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from promptuary_client import Prompt, RenderFailed, render_prompt
from promptuary_client.partials import partial_text
from registry.domain.errors import RenderFailed as ServerRenderFailed
from registry.domain.errors import RenderLimit as ServerRenderLimit
from registry.domain.ids import TemplateName
from registry.domain.rendering import render as server_render
from registry.domain.template_file import read_template


def prompt(document: dict[str, Any], partials: dict[str, str]) -> Prompt:
    return Prompt("a/b", 1, "", None, "", {"schema": "prompt/v1", **document}, partials)


@pytest.mark.parametrize(
    ("partial", "words"),
    [
        ("[" * 5_000, "no field text"),
        ("{a: " * 5_000, "cannot be read"),
        ("a: b: c", "line 1: mapping values are not allowed"),
        ("- 1", "no field text"),
        ("", "no field text"),
        ("text: [1]\n", "no field text"),
        ("? [text]\n: one\n", "no field text"),
        ("\0", "cannot be read"),
    ],
)
@pytest.mark.parametrize("through", [{}, {"q": "text: '{% include \"p\" %}'\n"}])
def test_a_partial_that_is_none_is_named_with_the_reason(partial: str, words: str, through: dict[str, str]) -> None:
    text = f'{{% include "{"q" if through else "p"}" %}}'
    with pytest.raises(RenderFailed, match=f"the partial p .*{words}"):
        render_prompt(prompt({"type": "text", "text": text}, {"p": partial, **through}), {})


def server_text(sources: dict[str, str], values: dict[str, Any]) -> str | None:
    """What the server makes of the template "a/b" among these files."""
    files = {name: read_template(source.encode(), f"prompts/{name}.prompt.yaml") for name, source in sources.items()}
    templates = {TemplateName(name): file.template for name, file in files.items() if file.template is not None}
    assert set(files) == set(templates), [file.diagnostics for file in files.values()]
    return server_render(templates.pop(TemplateName("a/b")), templates, values).text


MAIN = 'schema: prompt/v1\ntype: text\nvariables: {who: {type: string}}\ntext: |\n  {% include "p" %}\n'
PARTIAL = "schema: prompt/v1\ntype: text\nvariables: {who: {type: string}}\n%stext: |\n  Ask {{ who }}?\n"
ODD_PARTIALS = [
    PARTIAL % line
    for line in (
        "tests: [{name: works?, variables: {who: a}, expect: [{contains: Ask}]}]\n",
        "metadata: {question: Where?}\n",
        "metadata: {question: Where?, b: x}\n",
        "metadata:\t{a: 1}\n",
        "metadata: {a: x:y, 'b':1}\n",
        "description: Is it?\n",
        "description: 😀 hi\n",
        'metadata: {u: "http://x", v: http://y?z=1, w: [a?b, c?]}\n',
        "metadata: {text: no, inner: {text: no}, list: [text, no]}\n",
        "metadata: {d: 2020-13-45, t: 12:30:45, n: 0o17, m: 1_000}\n",
        "metadata: {a: =, b: <<, on: 1, off: 2}\n",
        "# {% include 'p' %} text: no\n",
    )
] + [
    PARTIAL.partition("%s")[0] + text
    for text in (
        "text: 12:30:45\n", "text: 2020-01-01\n", "text: what?\n", "text: http://x/y?z=1#a\n", "text: <<\n", "text: =\n",
        "text: on\n", 'text: "a\\tb\\u2028c\\x85d"\n', "text: >-\n  a\n  b\n\n  c\n", "text: |+\n  a\n\n", '"text": \'it\'\'s\'\n',
        "text:\n  one\n  two\n",
    )
]  # fmt: skip


@pytest.mark.parametrize("partial", [*ODD_PARTIALS, *(each.replace("\n", "\r\n") for each in ODD_PARTIALS)])
def test_a_partial_is_read_as_on_the_server(partial: str) -> None:
    expected = server_text({"a/b": MAIN, "p": partial}, {"who": "Kim"})
    main = read_template(MAIN.encode(), "prompts/a/b.prompt.yaml").document
    assert render_prompt(prompt(dict(main or {}), {"p": partial}), {"who": "Kim"}).text == expected


@given(st.text("ab?:-#'\",[]{} \n\t&*!|>%@=<~1", max_size=12), st.sampled_from(["a: %s", "a: [%s]", "a: {b: %s}"]))
def test_what_the_server_takes_for_a_partial_is_taken_here(value: str, form: str) -> None:
    partial = PARTIAL % f"metadata:\n  {form % value}\n"
    found = read_template(partial.encode(), "prompts/p.prompt.yaml")
    assume(found.template is not None)
    assert partial_text("p", partial) == "Ask {{ who }}?\n"


HEAD = "schema: prompt/v1\ntype: text\nvariables: {x: {type: string}}\ntext: |\n  "


@pytest.mark.parametrize(
    ("text", "partial"),
    [
        ("{{ x.y }}", ""),
        ("a\n  {{ x / 2 }}", ""),
        ("{{ x|truncate('a') }}", ""),
        ("{% for a in range(99999) %}{% for b in range(999) %}{% endfor %}{% endfor %}", ""),
        ('{% include "p" %}', "b\n  {{ x.y }}"),
        ('{% include "p" %}', "{{ x / 2 }}"),
        ('{% include "p" %}', "{% for a in range(99999) %}{% for b in range(999) %}{% endfor %}{% endfor %}"),
    ],
)
def test_why_nothing_can_be_rendered_is_told_as_by_the_server(text: str, partial: str) -> None:
    sources = {"a/b": f"{HEAD}{text}\n", "p": f"{HEAD}{partial}\n"}
    with pytest.raises((ServerRenderFailed, ServerRenderLimit)) as expected:
        server_text(sources, {"x": "very secret"})
    document = read_template(sources["a/b"].encode(), "prompts/a/b.prompt.yaml").document
    with pytest.raises(RenderFailed) as caught:
        render_prompt(prompt(dict(document or {}), {"p": sources["p"]}), {"x": "very secret"})
    assert str(caught.value) == str(expected.value)
    assert "very secret" not in str(caught.value)
