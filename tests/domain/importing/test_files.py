"""Which files of many hold prompts, and what of the others is said."""

import pytest

from registry.domain.importing.files import SourceFile, read_files
from registry.domain.importing.imported import Found, SourceUnreadable
from registry.domain.importing.plans import in_order, plan_import
from registry.domain.prompt_formats import PromptFormat

TONE = b"schema: prompt/v1\ntype: text\ntext: Be kind.  # as ever\n"
TRIAGE = b"# ours\nschema: prompt/v1\r\ntype: text\r\ntext: '{% include \"partials/tone\" %} x'\r\n"


def files(*named: tuple[str, bytes], form: PromptFormat | None = None, aside: tuple[str, ...] = ()) -> Found:
    given = (SourceFile(name, data, f"in/{name}") for name, data in named if name not in aside)
    return read_files(given, form, dict(named))


def names(found: Found) -> list[tuple[str, str]]:
    return [(each.source, each.name) for each in found.prompts]


def test_what_looks_like_a_prompt_and_is_none_is_left_out_and_told() -> None:
    found = files(
        ("package.json", b'{"name": "x", "version": "1.0.0"}'),
        ("tsconfig.json", b'{"compilerOptions": {}} // no JSON'),
        ("broken.prompty", b"---\na: [\n---\nx"),
        ("other.prompt.yml", b"a: 1\n"),
        ("prompts.json", b'[{"name": "a", "version": 1, "prompt": "Hi {{name}}"}]'),
        ("list.json", b"[1, 2]"),
        ("photo.png", b"\x89PNG"),
        ("binary.txt", b"\xff\xfe"),
        ("환불.md", "환불 {{이름}}".encode()),
    )
    assert names(found) == [("langfuse", "a"), ("text", "환불")]
    assert [each.what for each in found.left_out] == [
        "package.json", "tsconfig.json", "broken.prompty", "other.prompt.yml", "list.json", "photo.png", "binary.txt",
    ]  # fmt: skip
    assert all(each.why.startswith("in/") for each in found.left_out)


@pytest.mark.parametrize(
    "name", ["README.md", "docs/CHANGELOG.md", "LICENSE.txt", "README.ko.md", "requirements-dev.txt"]
)
def test_files_about_a_project_are_left_out_unless_alone(name: str) -> None:
    found = files((name, b"# About"), ("a.md", b"Hi"))
    assert (names(found), [each.what for each in found.left_out]) == ([("text", "a")], [name])
    assert names(files((name, b"# About"))) == [("text", name.rpartition(".")[0])]


def test_of_two_prompts_of_one_name_the_first_comes() -> None:
    found = files(("a.md", b"One"), ("a.txt", b"Two"))
    assert found.prompts[0].versions[0].body == "One"
    assert [(each.what, '"a"' in each.why) for each in found.left_out] == [("a.txt", True)]


def test_nothing_at_all_is_told_with_the_first_reason() -> None:
    with pytest.raises(SourceUnreadable, match=r"package\.json"):
        files(("package.json", b"{}"), ("x.json", b"[]"))
    with pytest.raises(SourceUnreadable, match="no file"):
        files()


def test_templates_are_taken_byte_for_byte_after_what_they_include() -> None:
    found = files(
        ("prompts/support/triage.prompt.yaml", TRIAGE),
        ("prompts/partials/tone.prompt.yaml", TONE),
        ("labels/production/support.yaml", b"triage: 1\n"),
        aside=("labels/production/support.yaml",),
    )
    assert names(found) == [("promptuary", "support/triage"), ("promptuary", "partials/tone")]
    steps = [step for _, step in in_order(plan_import(found.prompts))]
    assert [(step.name, step.source) for step in steps] == [("partials/tone", TONE), ("support/triage", TRIAGE)]
    assert [each.what for each in found.left_out] == ["labels/production/support.yaml"]


def test_templates_below_a_folder_include_what_is_called_so_there() -> None:
    found = files(("support/triage.prompt.yaml", TRIAGE), ("partials/tone.prompt.yaml", TONE))
    plan = {each.old_name: each for each in plan_import(found.prompts, "moved")}["support/triage"]
    assert plan.name == "moved/support/triage"
    assert plan.steps[0].source == TRIAGE.replace(b"partials/tone", b"moved/partials/tone")
    assert any("moved/partials/tone" in note for note in plan.steps[0].notes)


def test_a_template_is_told_from_a_file_of_github_models_by_its_schema() -> None:
    both = (
        ("a.prompt.yaml", TONE),
        ("b.prompt.yml", b"messages: [{role: user, content: Hi}]\n"),
        ("c.prompt.yaml", b'{"schema": "prompt/v1", "type": "text", "text": "x"}'),
        ("what%3F.prompt.yaml", TONE),
    )
    assert names(files(*both)) == [("promptuary", "a"), ("github", "b"), ("promptuary", "c"), ("promptuary", "what?")]
    found = files(*both, form=PromptFormat.PROMPTUARY)
    assert [each.what for each in found.left_out] == ["b.prompt.yml"]


@pytest.mark.parametrize("data", [TONE + b"nosuch: 1\n", b"schema: prompt/v1\ntype: [\n"])
def test_a_template_that_is_broken_is_told(data: bytes) -> None:
    (plan,) = plan_import(files(("a.prompt.yaml", data)).prompts)
    assert plan.steps[0].source is None
    assert "no valid template" in plan.steps[0].notes[0]


def test_long_names_of_templates_stay() -> None:
    name = "/".join(["가" * 70, "b" * 100])
    (plan,) = plan_import(files((f"prompts/{name}.prompt.yaml", TONE)).prompts)
    assert plan.name == name
