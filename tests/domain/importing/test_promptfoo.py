"""promptfoo's configurations become templates, with all that they refer to and nothing else."""

import json
from typing import Any

import pytest

from registry.domain.importing.files import SourceFile, read_files
from registry.domain.importing.imported import Found, SourceUnreadable
from registry.domain.importing.plans import Step, plan_import
from registry.domain.names import template_path
from registry.domain.offline_tests import run_tests
from registry.domain.prompt_formats import PromptFormat
from registry.domain.rendering import render
from registry.domain.template import Status, Template
from registry.domain.template_file import read_template

CONFIG = "promptfooconfig.yaml"


def found(config: str, name: str = CONFIG, form: PromptFormat | None = None, **files: str) -> Found:
    given = {name: config, **{path.replace("__", "/"): text for path, text in files.items()}}
    return read_files([SourceFile(path, text.encode(), path) for path, text in given.items()], form)


def planned(config: str, **files: str) -> dict[str, tuple[Template, Step]]:
    made: dict[str, tuple[Template, Step]] = {}
    for plan in plan_import(found(config, **files).prompts):
        step = plan.steps[0]
        assert step.source is not None, step.notes
        read = read_template(step.source, template_path(step.name))
        assert read.template is not None, read.diagnostics
        made[plan.old_name] = read.template, step
    return made


def text(template: Template, **values: Any) -> str | None:
    return render(template, {}, values).text


def said(step: Step) -> str:
    return " ".join(step.notes)


def test_texts_objects_and_files() -> None:
    made = planned(
        """
        description: Compare
        prompts:
          - "번역: {{ text }} into {{language}}"
          - file://prompts/support.txt
          - prompts/plain.md
          - {id: file://prompts/one.j2, label: 상담/하나}
          - {label: named, raw: "Hi {{name|upper}}"}
          - {id: by-id, raw: "{% if vip %}Sir{% else %}You{% endif %}"}
        providers: [{id: openai:chat:gpt-4o, config: {temperature: 0.5, apiKey: x, custom: 1}}]
        """,
        prompts__support__="unused",
        **{
            "prompts/support.txt": "First {{a}}\n\n---\nSecond\n---\n\n",
            "prompts/plain.md": "# Title\n---\nstays one",
            "prompts/one.j2": "{{ one }}",
        },
    )
    assert set(made) == {
        "prompt-1", "prompts/support", "prompts/support-2", "prompts/plain", "상담/하나", "named", "by-id",
    }  # fmt: skip
    first, _ = made["prompt-1"]
    assert text(first, text="환불", language="en") == "번역: 환불 into en"
    assert first.description == "Compare"
    assert first.model is not None
    assert (first.model.provider, first.model.id, first.model.parameters) == ("openai", "gpt-4o", {"temperature": 0.5})
    assert first.metadata["config"] == {"custom": 1}
    assert text(made["prompts/support"][0], a="x") == "First x"
    assert text(made["prompts/support-2"][0]) == "Second"
    assert text(made["prompts/plain"][0]) == "# Title\n---\nstays one"
    assert text(made["named"][0], name="ada") == "Hi ADA"
    assert text(made["by-id"][0], vip="yes") == "Sir"


def test_chat_in_json_and_yaml_and_rows_of_a_table() -> None:
    made = planned(
        """
        prompts: [file://chat.json, file://chat.yaml, "file://rows.csv", "file://lines.jsonl", '[{"role": "user", "content": "{{q}}"}]']
        """,
        **{
            "chat.json": json.dumps(
                [{"role": "system", "content": "너는 {{역할}}"}, {"role": "user", "content": "{{ q }}"}]
            ),
            "chat.yaml": "- role: system\n  content: Be {{how}}.\n- role: assistant\n  content: OK\n",
            "rows.csv": 'label,prompt\none,"Say ""{{x}}"""\ntwo,Plain\n',
            "lines.jsonl": '[{"role": "user", "content": "A\u2028A"}]\n\n[{"role": "user", "content": "B"}]\n',
        },
    )
    chat = render(made["chat"][0], {}, {"역할": "상담원", "q": "Hi"}).messages
    assert chat == ({"role": "system", "content": "너는 상담원"}, {"role": "user", "content": "Hi"})
    assert text(made["rows"][0], x="1") == 'Say "1"'
    assert set(made) == {"chat", "chat-2", "rows", "rows-2", "lines", "lines-2", "prompt-5"}
    assert render(made["prompt-5"][0], {}, {"q": "Q"}).messages == ({"role": "user", "content": "Q"},)


def test_what_a_program_makes_is_told_and_the_rest_comes() -> None:
    result = found(
        """
        prompts:
          - file://make.js
          - file://make.py:create
          - exec:./run.sh
          - langfuse://some-prompt
          - file://nowhere.txt
          - file://../outside.txt
          - file:///etc/passwd
          - {function: x, label: by function}
          - 7
          - Fine
        """,
        **{"outside.txt": "no", "make.js": "x", "etc/passwd": "no"},
    )
    assert [(each.source, each.name) for each in result.prompts] == [("promptfoo", "prompt-10"), ("text", "outside")]
    told = {each.what.rpartition(": ")[2]: each.why for each in result.left_out}
    assert all(
        "program" in told[name] for name in ("file://make.js", "file://make.py:create", "exec:./run.sh", "by function")
    )
    assert "elsewhere" in told["langfuse://some-prompt"]
    assert all(
        "no such file" in told[name] for name in ("file://nowhere.txt", "file://../outside.txt", "file:///etc/passwd")
    )
    assert "no text" in told["prompt-9"]


def test_patterns_reach_files_of_the_source_in_order() -> None:
    result = found(
        "prompts: ['file://../prompts/**/*.txt', file://more]",
        name=f"eval/{CONFIG}",
        **{
            "prompts/b/two.txt": "2",
            "prompts/one.txt": "1",
            "prompts/x.md": "text of its own",
            "eval/more/three.md": "3",
        },
    )
    assert [(each.source, each.name) for each in result.prompts] == [
        ("promptfoo", "prompts/b/two"), ("promptfoo", "prompts/one"), ("promptfoo", "eval/more/three"), ("text", "prompts/x"),
    ]  # fmt: skip


def test_values_of_tests_become_examples_and_types() -> None:
    made = planned(
        """
        prompts: ["{{ticket-id}}", "{{count}} {% for each in items %}{{ each }}{% endfor %} {{ user.name }} {{ unused }}"]
        providers: [openai:gpt-4o, "anthropic:messages:claude-sonnet-4-5"]
        defaultTest: {vars: {count: 2}, assert: [{type: llm-rubric, value: kind}]}
        tests:
          - vars: {items: [a, b], user: {name: Ada}}
            assert: [{type: contains, value: Bonjour}]
          - vars: {count: 3, made: file://x.py}
          - file://cases.csv
          - file://nowhere.yaml
        """,
        **{"cases.csv": "count,__expected\n9,contains:x\n"},
    )
    template, step = made["prompt-2"]
    assert template.variables["count"].type.value == "integer"
    assert template.variables["items"].type.value == "array"
    assert template.variables["user"].type.value == "object"
    assert template.variables["count"].examples == (2, 3)
    assert template.variables["items"].examples == (["a", "b"],)
    assert template.tests == ()
    assert template.model is not None
    assert template.model.reference == "openai/gpt-4o"
    for word in ("5 assertions", "of another type", "claude-sonnet", "nowhere.yaml", "x.py"):
        assert word in said(step), step.notes


def test_assertions_on_the_prompt_itself_become_offline_tests() -> None:
    made = planned(
        """
        prompts: ["Hi {{name}} {{class}}"]
        providers: [echo]
        tests:
          - description: greets
            vars: {name: Ada, class: x}
            assert:
              - {type: contains, value: Hi}
              - {type: not-contains, value: "{{"}
              - {type: icontains, value: "aDA (x)?"}
              - {type: regex, value: '^Hi \\w+'}
              - {type: contains-all, value: [Hi, Ada]}
              - {type: latency, threshold: 5}
        """
    )
    template, step = made["prompt-1"]
    (test,) = template.tests
    assert test.name == "greets"
    assert [dict(each) for each in test.expect] == [
        {"contains": "Hi"}, {"not_contains": "{{"}, {"matches": "(?i)aDA\\ \\(x\\)\\?"}, {"matches": "^Hi \\w+"},
        {"contains": "Hi"}, {"contains": "Ada"},
    ]  # fmt: skip
    (result,) = run_tests(template, {})
    assert len(result.problems) == 1, "only what was not in the prompt there either"
    assert "latency" in said(step)
    assert template.model is None


def test_nunjucks_that_is_not_allowed_here_is_a_draft() -> None:
    template, step = planned("prompts: ['{{ x | dump }}']")["prompt-1"]
    assert template.status is Status.DRAFT
    assert "draft" in said(step)


def test_messages_that_a_tag_makes_stay_one_text() -> None:
    source = '[{"role": "user", "content": "a"}{% for m in more %},{"role": "user", "content": "{{ m }}"}{% endfor %}]'
    template, step = planned("prompts: [file://chat.json]", **{"chat.json": source})["chat"]
    assert text(template, more=["b"]) == source.partition("{%")[0] + ',{"role": "user", "content": "b"}]'
    assert "one text" in said(step)


@pytest.mark.parametrize(
    "config", ["", "[1]", "a: 1", "prompts: [", "prompts: []", "prompts: 7", "p: &a x\nprompts: [*a]"]
)
def test_what_is_no_configuration_is_told(config: str) -> None:
    with pytest.raises(SourceUnreadable):
        found(config)


def test_any_configuration_is_read_when_it_is_said_to_be_one() -> None:
    result = found('{"prompts": ["x"]}', name="eval.json", form=PromptFormat.PROMPTFOO)
    assert [each.name for each in result.prompts] == ["prompt-1"]
    named = found("prompts: [x]", form=PromptFormat.PROMPTFOO, **{"other.yaml": "a: 1", "a.md": "text"})
    assert [each.source for each in named.prompts] == ["promptfoo"]


def test_a_format_that_comes_from_an_address_is_told() -> None:
    with pytest.raises(SourceUnreadable, match="address"):
        read_files([SourceFile("x.json", b"{}", "x.json")], PromptFormat.MLFLOW)
