"""Whatever is exported comes back equal, in every format; and what was changed in the other tool counts."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from registry.domain.exporting.files import write_files
from registry.domain.exporting.forms import write_state
from registry.domain.exporting.histories import in_time, write_histories
from registry.domain.exporting.langfuse import LANGFUSE, write_entries
from registry.domain.exporting.mlflow import MLFLOW, read_version
from registry.domain.exporting.states import ExportedState
from registry.domain.ids import TemplateName
from registry.domain.importing.files import SourceFile, read_files
from registry.domain.importing.imported import Imported
from registry.domain.importing.langfuse import read_export
from registry.domain.importing.plans import plan_import
from registry.domain.names import template_path
from registry.domain.prompt_formats import PromptFormat
from registry.domain.template_file import read_template
from registry.domain.template_text import write_document

FILES = [PromptFormat.PROMPTY, PromptFormat.DOTPROMPT, PromptFormat.GITHUB, PromptFormat.PROMPTFOO, PromptFormat.TEXT]
TONE = "schema: prompt/v1\ntype: text\nvariables: {name: {type: string}}\ntext: |\n  Be kind to {{ name }}.\n"
TONE_NAME = TemplateName("partials/tone")


def state(document: Mapping[str, Any], name: str = "support/triage", number: int = 1) -> ExportedState:
    source = write_document(None, document).decode()
    partials = {TONE_NAME: TONE} if TONE_NAME in source else {}
    return ExportedState(TemplateName(name), number, source, document, partials)


def exported(form: PromptFormat, *states: ExportedState) -> dict[str, bytes]:
    """The files of an export, by path."""
    if form is PromptFormat.LANGFUSE:
        found: dict[TemplateName, list[ExportedState]] = {}
        for each in states:
            found.setdefault(each.name, []).append(each)
        if any(each.partials for each in states):
            found[TONE_NAME] = [state(read_template(TONE.encode(), "").document or {}, TONE_NAME)]
            found[TONE_NAME] = [ExportedState(TONE_NAME, 1, TONE, found[TONE_NAME][0].document)]
        return {"x.json": write_entries([each.data for each in write_histories(in_time(found), LANGFUSE)])}
    if form is PromptFormat.MLFLOW:
        return {each.name: json.dumps(write_state(each, MLFLOW, name="x.y").data).encode() for each in states}
    return {each.path: each.data for each in write_files(list(states), form)}


def imported(form: PromptFormat, files: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """What an import makes of files: documents by name, of the newest versions, without where they come from."""
    prompts: list[Imported]
    if form is PromptFormat.LANGFUSE:
        prompts = read_export(files["x.json"], "x.json")
    elif form is PromptFormat.MLFLOW:
        prompts = [read_version(json.loads(data), "x.y") for data in files.values()]
    else:
        prompts = list(read_files([SourceFile(path, data, path) for path, data in files.items()], None).prompts)
    found: dict[str, dict[str, Any]] = {}
    for plan in plan_import(prompts):
        step = plan.steps[-1]
        assert step.source is not None, step.notes
        read = read_template(step.source, template_path(plan.name))
        assert read.document is not None
        document = dict(read.document)
        metadata = {key: value for key, value in document.pop("metadata", {}).items() if key != "imported"}
        found[plan.name] = document | ({"metadata": metadata} if metadata else {})
    return found


def without_empty_metadata(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "metadata" or value}


FRAGMENTS = st.sampled_from([
    "Hello", " ", "\n", "\n\n", "{{ name }}", "{{name}}", "{{ tone.kind }}", "{% if name %}yes{% endif %}", '{{ "{{" }}',
    "{{ name|upper }}", "{# note #}", "{% raw %}{{ x }}{% endraw %}", '{% include "partials/tone" %}', "안녕 {{ 이름 }}",
    '{"a": {"b": 1}}', "\nuser:\n", "---\n", '{{ "{{name}}" }}', "@@@langfusePrompt:name=x|label=y@@@", "}}", "{", "'", '"',
    '{{ "role" }}', "{% for o in tone %}{{ o }}{% endfor %}", "\t", "# system:\n", "  ", "{%- if name -%} a {%- endif -%}",
    '\n{%- include "partials/tone" -%}\n', "\u00a0", "{{ '{%' }}",
])  # fmt: skip
TEXTS = st.lists(FRAGMENTS, min_size=1, max_size=6).map("".join)
VARIABLES = {
    "name": {"type": "string", "default": "Ada", "description": "Who"},
    "이름": {"type": "string", "required": False},
    "tone": {"type": "object", "default": {}},
    "history": {"type": "messages", "required": False},
    "대화": {"type": "messages", "required": False},
    "photo": {"type": "image", "required": False},
}
PARTS = st.one_of(
    TEXTS.map(lambda text: {"type": "text", "text": text}), st.just({"type": "image", "variable": "photo"})
)
MESSAGES = st.one_of(
    st.builds(
        lambda role, text: {"role": role, "content": text},
        st.sampled_from(["system", "developer", "user", "assistant"]),
        TEXTS,
    ),
    st.builds(lambda parts: {"role": "user", "name": "ada", "content": parts}, st.lists(PARTS, min_size=1, max_size=3)),
    st.sampled_from([{"placeholder": "history"}, {"placeholder": "대화"}]),
    st.just({"role": "assistant", "content": [{"type": "tool_call", "id": "1", "name": "look", "arguments": {}}]}),
)
SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "description": st.sampled_from(["What it is", "Two\nlines\n", "한국어 설명", "---", ""]),
        "tags": st.lists(st.sampled_from(["support", "환불", "a b"]), unique=True),
        "status": st.sampled_from(["draft", "active", "deprecated"]),
        "model": st.sampled_from([
            {"provider": "openai", "id": "gpt-4o-mini", "parameters": {"temperature": 0.5, "max_tokens": 10}},
            {"id": "a/b"}, {"id": "gpt-4o"}, {"provider": "x"}, {"parameters": {"stop": ["a"], "reasoning_effort": "low", "top_k": 3}}, {},
        ]),
        "tools": st.just([{"type": "function", "name": "look", "parameters": {"type": "object"}, "strict": True}]),
        "output": st.sampled_from([
            {"format": "json"}, {"format": "text"},
            {"format": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": False},
        ]),
        "tests": st.just([{"name": "t", "variables": {"name": "x"}, "expect": [{"min_tokens": 0}]}]),
        "metadata": st.sampled_from([{"team": "cx", "promptuary": {"format": "remainder/v1"}}, {"config": {"a": [1, None]}}]),
        "x-own": st.sampled_from([None, {"a": 1.5}, "yes"]),
    },
)  # fmt: skip
DOCUMENTS = st.one_of(
    st.builds(
        lambda text, more: {"schema": "prompt/v1", "type": "text", "variables": VARIABLES, "text": text, **more},
        TEXTS,
        SETTINGS,
    ),
    st.builds(
        lambda messages, more: {
            "schema": "prompt/v1", "type": "chat", "variables": VARIABLES, "messages": messages, **more,
        },
        st.lists(MESSAGES, min_size=1, max_size=4),
        SETTINGS,
    ),
)  # fmt: skip
CHAT = {"schema": "prompt/v1", "type": "chat", "variables": VARIABLES}


@pytest.mark.parametrize("form", [*FILES, PromptFormat.LANGFUSE, PromptFormat.MLFLOW])
@given(document=DOCUMENTS)
@example(document=CHAT | {"messages": [{"role": "user", "content": "a\nuser:\nb"}]})
@example(document=CHAT | {"messages": [{"placeholder": "history"}]})
@example(document={"schema": "prompt/v1", "type": "text", "text": "---\na: 1\n---\n"})
def test_what_is_exported_comes_back_equal(form: PromptFormat, document: dict[str, Any]) -> None:
    here = state(document)
    assume(read_template(here.source.encode(), "").template is not None)
    if form is PromptFormat.MLFLOW:
        assume(not here.partials)  # an include comes back where its partial comes along
    back = imported(form, exported(form, here))
    assert back[here.name] == without_empty_metadata(document)


@pytest.mark.parametrize("form", FILES)
@pytest.mark.parametrize("name", ["a?b/con", "README", "한국/이름", "a.prompt", "x.md/y.txt", "A: b*"])
def test_names_come_back(form: PromptFormat, name: str) -> None:
    document = {"schema": "prompt/v1", "type": "text", "text": "x"}
    files = exported(form, state(document, name))
    assert imported(form, files) == {name: document}
    assert not {sign for path in files for sign in path} & set('<>:"|?*\\')


CHANGED = CHAT | {
    "tags": ["a"],
    "status": "draft",
    "tests": [{"name": "t", "expect": [{"min_tokens": 1}]}],
    "messages": [
        {"role": "system", "content": 'Be brief. {% include "partials/tone" %}\n'},
        {"placeholder": "history"},
        {"role": "user", "content": "Sort {{ name }}\n"},
        {"role": "user", "content": [{"type": "text", "text": "See"}, {"type": "image", "variable": "photo"}]},
    ],
}


@pytest.mark.parametrize("form", [*FILES, PromptFormat.LANGFUSE])
def test_a_text_that_was_changed_there_counts_and_the_rest_stays(form: PromptFormat) -> None:
    files = exported(form, state(CHANGED))
    path = next(path for path in files if "triage" in path or path == "x.json")
    edited = re.sub(r"Sort \{\{ ?name ?\}\}", "Sort {{ name }} and {{ extra }}", files[path].decode())
    back = imported(form, files | {path: edited.encode()})["support/triage"]
    assert back["messages"][2]["content"].split() == ["Sort", "{{", "name", "}}", "and", "{{", "extra", "}}"]
    assert back["messages"][:2] + back["messages"][3:] == CHANGED["messages"][:2] + CHANGED["messages"][3:]
    assert back["variables"] == {**VARIABLES, "extra": {"type": "string", "required": False}}
    assert (back["status"], back["tests"]) == (CHANGED["status"], CHANGED["tests"])


def test_a_message_with_parts_keeps_them_when_its_text_changes() -> None:
    files = exported(PromptFormat.LANGFUSE, state(CHANGED))
    edited = files["x.json"].decode().replace('"See"', '"Look"')
    back = imported(PromptFormat.LANGFUSE, {"x.json": edited.encode()})["support/triage"]
    assert back["messages"][3]["content"] == [{"type": "text", "text": "Look"}, {"type": "image", "variable": "photo"}]


def test_messages_that_come_and_go_there_count() -> None:
    (entry,) = (
        each
        for each in json.loads(exported(PromptFormat.LANGFUSE, state(CHANGED))["x.json"])
        if "/t" in each["name"] and each["type"] == "chat"
    )
    del entry["prompt"][2]
    entry["prompt"].insert(0, {"role": "system", "content": "First {{x}}"})
    back = imported(PromptFormat.LANGFUSE, {"x.json": json.dumps([entry]).encode()})["support/triage"]
    first, second, placeholder, last = back["messages"]
    assert (first, placeholder) == ({"role": "system", "content": "First {{ x }}"}, {"placeholder": "history"})
    assert second["role"] == "system", "its partial did not come along, so its text stands there"
    assert last == CHANGED["messages"][3]


def test_settings_that_were_changed_there_count() -> None:
    document = CHANGED | {"model": {"provider": "openai", "id": "m", "parameters": {"temperature": 0.5}}}
    files = exported(PromptFormat.LANGFUSE, state(document))
    entries = json.loads(files["x.json"])
    entry = next(each for each in entries if each["name"] == "support/triage")
    entry["config"] |= {"temperature": 1, "extra": True}
    entry["tags"] = ["b"]
    back = imported(PromptFormat.LANGFUSE, {"x.json": json.dumps(entries).encode()})["support/triage"]
    assert back["model"] == {"provider": "openai", "id": "m", "parameters": {"temperature": 1}}
    assert (back["tags"], back["metadata"]) == (["b"], {"config": {"extra": True}})


@pytest.mark.parametrize(
    "spoilt",
    [
        None, 1, [], {}, {"format": "remainder/v1"}, {"format": "remainder/v1", "template": []},
        {"format": "remainder/v1", "template": {"type": "chat"}, "texts": [{"as": "x"}]},
        {"format": "remainder/v1", "template": {"type": "chat"}, "texts": [{"is": 1}]},
        {"format": "remainder/v1", "template": {"type": "chat"}, "texts": [{"seen": "x", "as": "plain", "around": 1}]},
        {"format": "remainder/v1", "template": {"type": "chat"}, "seen": {"body": 1}},
        {"format": "remainder/v1", "template": {"type": "chat"}, "name": ["x"]},
        {"format": "remainder/v1", "template": {"type": "chat", "messages": 1}},
        {"format": "remainder/v1", "template": {"type": [], "variables": [1], "metadata": 2}, "texts": []},
        {"format": "remainder/v1", "template": {"type": "text", "variables": {"a": 1}}, "texts": [{"is": {"content": [1]}}]},
    ],
)  # fmt: skip
def test_a_remainder_that_is_spoilt_is_left_alone(spoilt: Any) -> None:
    entry = {"name": "a", "version": 1, "prompt": "Hi {{x}}", "config": {"promptuary": spoilt}}
    back = imported(PromptFormat.LANGFUSE, {"x.json": json.dumps([entry]).encode()})
    assert back["a"]["text"] == "Hi {{ x }}"
