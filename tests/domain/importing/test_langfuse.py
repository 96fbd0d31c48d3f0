"""Langfuse's prompts become templates, with every oddity that theirs may have."""

import json
import re
import time
from typing import Any

import pytest

from registry.domain.importing.imported import SourceUnreadable
from registry.domain.importing.langfuse import read_export
from registry.domain.importing.plans import PromptPlan, in_order, plan_import
from registry.domain.importing.source_names import name_templates
from registry.domain.names import template_path
from registry.domain.rendering import render
from registry.domain.template import Template
from registry.domain.template_file import read_template


def entry(name: str, prompt: Any, version: int = 1, **more: Any) -> dict[str, Any]:
    kind = "text" if isinstance(prompt, str) else "chat"
    return {"name": name, "version": version, "type": kind, "prompt": prompt, "config": {}, "labels": [], **more}


def plans(*entries: dict[str, Any], folder: str = "") -> dict[str, PromptPlan]:
    found = plan_import(read_export(json.dumps(entries).encode(), "export.json"), folder)
    return {plan.old_name: plan for plan in found}


def template(plan: PromptPlan, index: int = 0) -> Template:
    step = plan.steps[index]
    assert step.source is not None, step.notes
    read = read_template(step.source, template_path(step.name))
    assert read.template is not None, read.diagnostics
    return read.template


def text(plan: PromptPlan, **values: Any) -> str | None:
    return render(template(plan), {}, values).text


def test_what_is_nested_too_deeply_is_told_so() -> None:
    deep: Any = "x"
    for _ in range(600):
        deep = [deep]
    step = plans(entry("a", "Hi", config={"custom": deep}))["a"].steps[0]
    assert step.notes == ('"custom" is left out: it is nested too deeply',)


def test_versions_labels_tags_and_config() -> None:
    plan = plans(
        entry("support/triage", "Two {{ticket}}", 2, labels=["production", "latest"], createdAt="2024-02-01T00:00:00Z"),
        entry(
            "support/triage",
            [{"role": "system", "content": "One"}, {"type": "placeholder", "name": "chat history"}],
            1,
            labels=["tenant_1"],
            tags=["support", "a,b", "SUPPORT"],
            createdBy="ada@example.com",
            createdAt="2024-01-01T00:00:00.000Z",
            commitMessage="Begin",
            config={
                "model": "openai/gpt-4o",
                "temperature": 0.2,
                "max_completion_tokens": 9,
                "custom": [1],
                "tools": [{"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}],
            },
        ),
    )["support/triage"]
    assert [step.number for step in plan.steps] == [1, 2]
    first = template(plan)
    assert first.model is not None
    assert (first.model.provider, first.model.id) == ("openai", "gpt-4o")
    assert first.model.parameters == {"temperature": 0.2, "max_tokens": 9}
    assert first.tags == ("support", "a-b")
    assert first.tools[0]["name"] == "find"
    assert first.metadata["config"] == {"custom": [1]}
    assert first.metadata["imported"]["variables"] == {"chat_history": "chat history"}
    rendered = render(first, {}, {"chat_history": [{"role": "user", "content": "Hi"}]}).messages
    assert rendered == ({"role": "system", "content": "One"}, {"role": "user", "content": "Hi"})
    assert plan.labels == {"tenant-1": 1, "production": 2}
    assert "the label tenant_1 is tenant-1 here" in plan.notes[0].replace('"', "")
    assert (plan.steps[0].author, plan.steps[0].message) == ("ada@example.com", "Begin")
    assert plan.steps[0].time is not None


@pytest.mark.parametrize(
    ("config", "known"),
    [
        ({"model": "gpt-4o"}, ("openai", "gpt-4o")),
        ({"model": "o3-mini"}, ("openai", "o3-mini")),
        ({"model": "claude-3-5-sonnet-20241022"}, ("anthropic", "claude-3-5-sonnet-20241022")),
        ({"model": "gemini-1.5-pro"}, ("google", "gemini-1.5-pro")),
        ({"model": "mistral-large-latest"}, ("mistral", "mistral-large-latest")),
        ({"model": "command-r"}, ("cohere", "command-r")),
        ({"model": "deepseek-chat"}, ("deepseek", "deepseek-chat")),
        ({"model": "Llama-3.3-70B-Instruct"}, ("meta", "Llama-3.3-70B-Instruct")),
    ],
)
def test_a_well_known_model_without_a_provider_is_its_makers(config: dict[str, Any], known: tuple[str, str]) -> None:
    plan = plans(entry("a", "x", config=config))["a"]
    model = template(plan).model
    assert model is not None
    assert (model.provider, model.id) == known
    assert plan.steps[0].notes == (f'the model "{known[1]}" names no provider: it is {"/".join(known)} here',)


@pytest.mark.parametrize(
    ("config", "known"),
    [
        ({"model": "gpt-4o", "provider": "azure"}, ("azure", "gpt-4o")),
        ({"model": "bedrock/claude-3"}, ("bedrock", "claude-3")),
        ({"model": "our-own"}, (None, "our-own")),
        ({"model": "o1ympus"}, (None, "o1ympus")),
    ],
)
def test_a_provider_that_is_named_or_unknown_stays_so(config: dict[str, Any], known: tuple[str | None, str]) -> None:
    plan = plans(entry("a", "x", config=config))["a"]
    model = template(plan).model
    assert model is not None
    assert (model.provider, model.id, plan.steps[0].notes) == (*known, ())


def test_variables_that_are_no_identifiers_are_renamed_and_told() -> None:
    plan = plans(entry("a", "{{user-name}} {{user_name}} {{ 1st }} {{class}} {{loop}} {{이름}} {{a b}} {{{raw}}}"))["a"]
    names = template(plan).metadata["imported"]["variables"]
    assert sorted(names.values()) == ["1st", "a b", "loop", "user-name"]
    values = {old: f"<{old}>" for old in ("user-name", "user_name", "1st", "class", "loop", "이름", "a b", "raw")}
    here = {old: new for new, old in names.items()}
    rendered = text(plan, **{here.get(old, old): value for old, value in values.items()})
    assert rendered == "<user-name> <user_name> <1st> <class> <loop> <이름> <a b> <raw>"
    assert any("user-name" in note for note in plan.steps[0].notes)


@pytest.mark.parametrize(
    "literal",
    [
        '{{"json": {"a": 1}}}', "{% if x %}{# no #}", "{{#each xs}}{{/each}}", "{", "{{", "{%", "}}", "{{}}",
        "{{ a | b }}", '{% include "partials/tone" %}', "\r\n tab\t \x07 \u2028 end", "환불", "  indented\n\n", "---\n# x",
    ],
)  # fmt: skip
def test_what_is_literal_there_stays_literal(literal: str) -> None:
    assert text(plans(entry("a", literal))["a"]) == literal
    assert text(plans(entry("a", f"{literal}{{{{x}}}}{literal}"))["a"], x="v") == f"{literal}v{literal}"


def test_half_of_a_surrogate_pair_is_replaced_and_told() -> None:
    plan = plans(entry("a", "x\ud800y"))["a"]
    assert text(plan) == "x\ufffdy"
    assert "U+FFFD" in plan.steps[0].notes[0]


def test_names_are_made_legal_apart_and_kept() -> None:
    odd = ["A/b", "a/B", "a/b", "12", "x.json", ".hidden", 'q"uote', "a//b/", "/", "con", "e\u0301t", "y" * 300, "a:b"]
    found = plans(*(entry(name, "x") for name in odd), folder="moved")
    names = [plan.name for plan in found.values()]
    assert len({name.lower() for name in names}) == len(odd)
    assert all(name.startswith("moved/") for name in names)
    for old, plan in found.items():
        assert template(plan).metadata["imported"] == {"from": "langfuse", "name": old, "version": 1}
    assert found["a:b"].name == "moved/a:b"
    assert found["12"].name == "moved/prompt-12"
    assert len({name.split("/")[1] for name in names if name.lower().startswith("moved/a/")}) == 1, "one folder"


def test_references_become_includes_in_order() -> None:
    found = plans(
        entry("main", "A @@@langfusePrompt:name=tone|label=production@@@ {{x}}", createdAt="2024-01-01T00:00:00Z"),
        entry("tone", "Be {{how-so}}.", 1, createdAt="2024-01-02T00:00:00Z"),
        entry("tone", "Be {{how-so}} {{more}}.", 2, createdAt="2024-01-03T00:00:00Z"),
    )
    assert [(p.name, s.number) for p, s in in_order(list(found.values()))] == [("tone", 1), ("main", 1), ("tone", 2)]
    main = template(found["main"])
    assert main.text is not None
    assert '{% include "tone" %}' in main.text.source
    assert set(main.variables) == {"x", "how_so", "more"}
    rendered = render(main, {"tone": template(found["tone"])}, {"x": "1", "how_so": "kind"})  # type: ignore[dict-item]  # a name
    assert rendered.text == "A Be kind. 1"
    assert any("newest version of tone" in note for note in found["main"].steps[0].notes)


def test_variables_of_an_included_prompt_are_required_as_long_as_it_always_takes_them() -> None:
    found = plans(
        entry("main", "@@@langfusePrompt:name=tone|label=production@@@ {{x}}"),
        entry("tone", "Be {{how}}. @@@langfusePrompt:name=name|label=production@@@", 1),
        entry("tone", "Be {{how}} {{more}}. @@@langfusePrompt:name=name|label=production@@@", 2),
        entry("name", "{{who}}"),
    )
    main = template(found["main"])
    assert {name: variable.required for name, variable in main.variables.items()} == {
        "x": True, "how": True, "more": False, "who": True,
    }  # fmt: skip


def test_more_variables_than_a_template_may_declare_are_told() -> None:
    text_of = {count: "".join(f"{{{{v{number}}}}}" for number in range(count)) for count in (200, 201)}
    found = plans(entry("fits", text_of[200]), entry("not", text_of[201]))
    assert len(template(found["fits"]).variables) == 200
    (step,) = found["not"].steps
    assert (step.source, "takes 201 variables, and at most 200 go" in step.notes[-1]) == (None, True)


def test_variables_are_told_apart_only_where_prompts_hang_together() -> None:
    reference = "@@@langfusePrompt:name=tone|label=production@@@"
    found = plans(
        entry("main", f"{reference} {{{{user_name}}}}"), entry("tone", "{{user.name}}"),
        entry("apart", "@@@langfusePrompt:name=other|label=x@@@ {{user.name}}"), entry("other", "{{tone}}"),
    )  # fmt: skip
    assert "user_name" in template(found["apart"]).variables
    assert len(template(found["main"]).variables) == 2


@pytest.mark.parametrize("target", ["nobody", "chat", "a"])
def test_references_that_cannot_be_includes_stay_text(target: str) -> None:
    reference = f"@@@langfusePrompt:name={target}|version=1@@@"
    found = plans(entry("a", reference), entry("chat", [{"role": "user", "content": "x"}]))
    assert text(found["a"]) == reference
    assert "stays as text" in found["a"].steps[0].notes[0]


def test_circles_of_references_are_cut() -> None:
    found = plans(
        entry("a", "@@@langfusePrompt:name=b|label=x@@@"),
        entry("b", "@@@langfusePrompt:name=a|label=x@@@"),
        entry("c", "@@@langfusePrompt:name=a|label=x@@@"),
    )
    assert text(found["a"]) == "@@@langfusePrompt:name=b|label=x@@@"
    assert template(found["c"]).text.source == '{% include "a" %}'  # type: ignore[union-attr]  # it is a text


def test_what_is_refused_is_left_out_alone_and_told() -> None:
    config = {"model": "gpt-4o", "temperature": -1, "api_key": "x", "base_url": "https://x", "kept": True}
    plan = plans(entry("a", [{"role": "alien", "content": "{{x}}"}], config=config))["a"]
    read = template(plan)
    assert read.metadata["config"] == {"kept": True}
    assert read.model is None
    said = " ".join(plan.steps[0].notes)
    assert all(word in said for word in ("alien", "api_key", "base_url", "model"))


def test_a_prompt_that_no_template_can_hold_is_told() -> None:
    plan = plans(entry("a", "x" * 300_000), entry("b", []))
    assert [each.steps[0].source for each in plan.values()] == [None, None]
    assert "no template can be made of it" in plan["a"].steps[0].notes[-1]


@pytest.mark.parametrize(
    "data", [b"", b"7", b'"x"', b"[1]", b'[{"name": "a"}]', b"\xff", b'[{"name":"a","version":0,"prompt":""}]', b"[" * 9999]
)  # fmt: skip
def test_a_file_that_is_no_export_is_told(data: bytes) -> None:
    with pytest.raises(SourceUnreadable, match=r"export\.json"):
        read_export(data, "export.json")


def test_lines_and_pages_are_read_too() -> None:
    one, two = (json.dumps(entry(name, "x")) for name in "ab")
    assert [each.name for each in read_export(f"{one}\n{two}\n".encode(), "x")] == ["a", "b"]
    assert [each.name for each in read_export(f'{{"data": [{one}, {two}], "meta": {{}}}}'.encode(), "x")] == ["a", "b"]
    assert [each.name for each in read_export(one.encode(), "x")] == ["a"]


def test_a_credential_is_left_out_and_not_shown() -> None:
    secret = "sk-" + "a1B2c3D4e5F6g7H8i9J0"
    said = entry("x", "Text", config={"api_key": secret, "kept": "yes"})
    plan = plans(said)["x"]
    assert template(plan).metadata["imported"]["name"] == "x"
    notes = " ".join(plan.steps[0].notes)
    assert '"api_key" is left out' in notes
    assert secret not in notes
    assert secret.encode() not in (plan.steps[0].source or b"")


def test_empty_bodies_come_as_they_are() -> None:
    found = plans(entry("빈 글", ""), entry("빈 대화", [{"role": "user", "content": ""}]), entry("none", []))
    assert text(found["빈 글"]) == ""
    assert render(template(found["빈 대화"]), {}, {}).messages == ({"role": "user", "content": ""},)
    assert found["none"].steps[0].source is None, "a chat without messages is no template"


def test_ten_thousand_prompts_in_one_file_take_ten_times_as_long_as_a_thousand() -> None:
    def seconds(count: int) -> float:
        many = [entry(f"폴더 {index % 50}/P{index % (count // 2)}", "Hi {{x}}", index + 1) for index in range(count)]
        data = json.dumps(many).encode()
        begin = time.perf_counter()
        names = name_templates([each.name for each in read_export(data, "export.json")], "moved")
        assert len(set(names.values())) == len(names) == len({each["name"] for each in many})
        return time.perf_counter() - begin

    seconds(1_000)
    assert seconds(10_000) < 40 * seconds(1_000) + 0.5


def test_a_number_that_no_version_has_is_not_said_again_in_full() -> None:
    with pytest.raises(SourceUnreadable) as refused:
        plans(entry("a", "x", int("9" * 4000)))
    assert "version a number from 1 to" in str(refused.value)
    with pytest.raises(SourceUnreadable) as odd:
        plans(entry("n" * 100_000, 7))
    assert len(str(refused.value)) + len(str(odd.value)) < 800


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "it is empty"),
        (b"<html>", "a value is needed here (line 1, column 1)"),
        (b'[{"name": "a",\n  "prompt" "x"}]', "a colon is needed after the key (line 2, column 12)"),
        (b'{"name": "a"}\n\n{"name": \n', "a value is needed here (line 3, column 10)"),
        (b"[1, 2", "a comma, or the end of the list or object, is needed here (line 1, column 6)"),
        (b"\xff", "no UTF-8"),
        (b"[" * 100_000, "nests too deeply"),
    ],
)
def test_what_is_no_json_is_told_in_words_with_its_place(data: bytes, said: str) -> None:
    with pytest.raises(SourceUnreadable, match=re.escape(said)) as caught:
        read_export(data, "export.json")
    assert "char 0" not in str(caught.value)


def test_a_line_separator_in_a_line_does_not_end_it() -> None:
    lines = "\n".join(json.dumps(entry(name, "one\u2028two"), ensure_ascii=False) for name in "ab")
    assert [each.name for each in read_export(lines.encode(), "x.jsonl")] == ["a", "b"]
