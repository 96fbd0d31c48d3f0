"""Every state of a prompt in a history becomes a version of it."""

from datetime import UTC, datetime, timedelta

import pytest

from registry.domain.importing.histories import SourceCommit, read_history
from registry.domain.importing.imported import Found, Imported, SourceUnreadable
from registry.domain.importing.plans import in_order, plan_import

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
TONE = "schema: prompt/v1\ntype: text\ntext: Be {}.\n"
MAIN = "schema: prompt/v1\ntype: text\ntext: '{{% include \"tone\" %}} {}'\n"


def history(*commits: dict[str, str | None], days: tuple[int, ...] = ()) -> Found:
    return read_history(
        [
            SourceCommit(
                f"c{index}",
                "Ada <ada@example.com>",
                BEGIN + timedelta(days=days[index] if days else index),
                f"Message {index}",
                {path: None if text is None else text.encode() for path, text in files.items()},
            )
            for index, files in enumerate(commits)
        ],
        "repo",
    )


def prompt(found: Found, name: str) -> Imported:
    return next(each for each in found.prompts if each.name == name)


def texts(found: Found, name: str) -> list[object]:
    return [each.body for each in prompt(found, name).versions]


def told(found: Found) -> dict[str, str]:
    return {each.what: each.why for each in found.left_out}


def test_states_with_who_when_and_why() -> None:
    found = history({"환불.md": "One"}, {"other.md": "x"}, {"환불.md": "Two"}, {"환불.md": "One"})
    assert texts(found, "환불") == ["One", "Two", "One"]
    second = prompt(found, "환불").versions[1]
    assert (second.number, second.author, second.message) == (2, "Ada <ada@example.com>", "Message 2")
    assert second.time == BEGIN + timedelta(days=2)


def test_a_move_takes_the_history_along_and_a_deletion_is_told() -> None:
    found = history(
        {"a.md": "One", "gone.md": "x", "dir/b.md": "B"},
        {"a.md": "Two"},
        {"a.md": None, "new/a.md": "Two", "dir/b.md": None, "c.md": "B changed"},
        {"new/a.md": "Three", "gone.md": None},
    )
    assert texts(found, "new/a") == ["One", "Two", "Three"]
    assert texts(found, "c") == ["B changed"]
    assert set(told(found)) == {"gone", "dir/b"}
    assert "there no more" in told(found)["gone"]


def test_a_file_that_came_back_goes_on() -> None:
    found = history({"a.md": "One", "b.md": "x"}, {"a.md": None}, {"a.md": "Two"})
    assert (texts(found, "a"), found.left_out) == (["One", "Two"], ())


def test_states_that_cannot_be_read_are_told() -> None:
    found = history({"a.prompty": "---\nx: [\n---\n"}, {"a.prompty": "Hi"}, {"README.md": "x", "package.json": "{}"})
    assert len(prompt(found, "a").versions) == 1
    assert set(told(found)) == {"a.prompty at c0", "README.md", "package.json at c2", "package.json"}


def test_times_never_go_back() -> None:
    found = history({"a.md": "One"}, {"a.md": "Two"}, {"b.md": "x"}, days=(5, 3, 4))
    assert [each.time for each in prompt(found, "a").versions] == [BEGIN + timedelta(days=5)] * 2
    assert prompt(found, "b").versions[0].time == BEGIN + timedelta(days=5)


def test_templates_come_byte_for_byte_with_their_labels() -> None:
    found = history(
        {"prompts/tone.prompt.yaml": TONE.format("kind"), "prompts/main.prompt.yaml": MAIN.format(1)},
        {"prompts/tone.prompt.yaml": TONE.format("brief")},
        {"prompts/main.prompt.yaml": MAIN.format(2)},
        {"labels/production.yaml": "main: 2\ntone: 1\n", "labels/staging.yaml": "main: 3\ntone: 9\n"},
    )
    main, tone = prompt(found, "main"), prompt(found, "tone")
    assert [each.template for each in main.versions] == [MAIN.format(1).encode(), MAIN.format(2).encode()]
    assert [each.labels for each in main.versions] == [("production",), ("staging",)], "version 2 was the partial's"
    assert [each.labels for each in tone.versions] == [("production",), ()]
    assert "no version 9" in told(found)["labels/staging.yaml"]
    steps = [(step.name, step.number) for _, step in in_order(plan_import(found.prompts))]
    assert steps == [("tone", 1), ("main", 1), ("tone", 2), ("main", 2)]


def test_a_configuration_of_promptfoo_follows_its_files() -> None:
    found = history(
        {"promptfooconfig.yaml": "prompts: [file://a.txt]", "a.txt": "One"}, {"a.txt": "Two"}, {"x.md": "text"}
    )
    assert [(each.source, each.name) for each in found.prompts] == [("promptfoo", "a"), ("text", "x")]
    assert texts(found, "a") == ["One", "Two"]


@pytest.mark.parametrize("files", [{"main.py": "x"}, {".hidden/a.md": "x"}, {"README.md": None}])
def test_a_history_without_prompts_is_told(files: dict[str, str | None]) -> None:
    with pytest.raises(SourceUnreadable, match="repo holds no file"):
        history(files)
