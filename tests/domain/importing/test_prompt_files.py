"""Prompts in files become templates that render alike."""

import subprocess
import sys
from typing import Any

import pytest

from registry.domain.importing.imported import Imported, SourceUnreadable
from registry.domain.importing.plans import Step, plan_import
from registry.domain.importing.prompt_files import read_dotprompt, read_github, read_prompty, read_text
from registry.domain.names import template_path
from registry.domain.rendering import render
from registry.domain.template import Status, Template
from registry.domain.template_file import read_template


def planned(prompt: Imported) -> tuple[Template, Step]:
    step = plan_import([prompt])[0].steps[0]
    assert step.source is not None, step.notes
    read = read_template(step.source, template_path(step.name))
    assert read.template is not None, read.diagnostics
    return read.template, step


def messages(template: Template, **values: Any) -> list[tuple[str, Any]]:
    return [(each["role"], each["content"]) for each in render(template, {}, values).messages or ()]


PROMPTY = b"""\
---
name: Support
description: Answers a customer.
tags: [support]
model:
  api: chat
  configuration: {type: azure_openai, azure_endpoint: "https://x", azure_deployment: gpt-4o}
  parameters: {temperature: 0.3, max_tokens: 100}
inputs:
  tone: {type: string, default: kind}
sample:
  items: [a, b]
---
system:
Be {{tone}}.

user:
{% for item in items %}- {{ item }}
{% endfor %}{{ customer.name }}
"""


def test_prompty() -> None:
    template, step = planned(read_prompty(PROMPTY, "a", "a.prompty"))
    assert messages(template, items=["x", "y"], customer={"name": "Ada"}) == [
        ("system", "Be kind."),
        ("user", "- x\n- y\nAda"),
    ]
    assert template.model is not None
    assert (template.model.id, template.model.parameters) == ("gpt-4o", {"temperature": 0.3, "max_tokens": 100})
    assert (template.description, template.tags, template.status) == (
        "Answers a customer.",
        ("support",),
        Status.ACTIVE,
    )
    assert any("model.configuration" in note for note in step.notes)


def test_prompty_in_mustache_and_without_roles() -> None:
    template, _ = planned(read_prompty(b"---\ntemplate: mustache\n---\nHi {{user-name}}\n", "a", "x"))
    assert messages(template, user_name="Ada") == [("system", "Hi Ada")]


@pytest.mark.parametrize(
    "body", [b"{{ x|nosuch }}", b"{% import 'x' as y %}", b"{% include 'other' %}", b"{% if %}", b"{{"]
)
def test_jinja_that_is_not_allowed_here_is_a_draft_and_told(body: bytes) -> None:
    template, step = planned(read_prompty(b"---\nname: x\n---\nuser:\n" + body, "a", "x"))
    assert (messages(template), template.status) == ([("user", body.decode())], Status.DRAFT)
    assert any("draft" in note for note in step.notes)


def test_dotprompt() -> None:
    source = b"""\
---
model: googleai/gemini-2.5-flash
config: {temperature: 0.4, maxOutputTokens: 50}
input:
  schema: {theme: string}
  default: {theme: light}
---
{{role "system"}}
Write about {{theme}}. {{! nothing }}
{{history}}
{{role "user"}}
{{ question }}
"""
    template, step = planned(read_dotprompt(source.replace(b" {{! nothing }}", b""), "a", "x"))
    assert messages(template, question="Why?", history=[{"role": "user", "content": "Hi"}]) == [
        ("system", "Write about light."),
        ("user", "Hi"),
        ("user", "Why?"),
    ]
    assert template.model is not None
    assert template.model.reference == "googleai/gemini-2.5-flash"
    assert template.model.parameters == {"temperature": 0.4, "max_tokens": 50}
    assert (template.status, any("types of the inputs" in note for note in step.notes)) == (Status.ACTIVE, True)


def test_handlebars_blocks_are_a_draft_and_told() -> None:
    body = "{{#each items}}{{this}}{{/each}} {{#if x}}y{{else}}z{{/if}}"
    template, step = planned(read_dotprompt(body.encode(), "a", "x"))
    assert template.status is Status.DRAFT
    assert any("#each items" in note for note in step.notes)
    assert messages(template) == [("user", body)]


def test_github_models() -> None:
    source = b"""\
name: Summary
description: Shortens.
model: openai/gpt-4o-mini
modelParameters: {temperature: 0.5}
messages:
  - role: system
    content: Be brief.
  - role: user
    content: "Shorten: {{input}} {json}"
testData: [{input: x}]
"""
    template, _ = planned(read_github(source, "a", "x"))
    assert messages(template, input="long") == [("system", "Be brief."), ("user", "Shorten: long {json}")]
    assert template.model is not None
    assert template.model.reference == "openai/gpt-4o-mini"
    assert template.metadata["config"] == {"testData": [{"input": "x"}]}


def test_text() -> None:
    template, _ = planned(read_text(b"---\ndescription: D\ntags: [x]\n---\n# Hi {{name}}\n", "docs/a", "x"))
    assert render(template, {}, {"name": "Ada"}).text == "# Hi Ada\n"
    assert (template.description, template.tags) == ("D", ("x",))
    plain, _ = planned(read_text("환불 {% x %}".encode(), "a", "x"))
    assert render(plain, {}, {}).text == "환불 {% x %}"


@pytest.mark.parametrize("read", [read_prompty, read_dotprompt, read_github, read_text])
@pytest.mark.parametrize("data", [b"\xff", b"---\na: [\n---\nx", b"---\n- x\n---\nx"])
def test_what_cannot_be_read_is_told(read: Any, data: bytes) -> None:
    with pytest.raises(SourceUnreadable, match=r"x\.file"):
        read(data, "a", "x.file")


def test_a_line_of_blanks_is_looked_through_once() -> None:
    """In a process of its own: one that goes through the blanks for every blank would take minutes."""
    code = (
        "from registry.domain.importing.prompt_files import read_marked as r; print(len(list(r(' ' * 300_000 + 'x'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "1\n"
