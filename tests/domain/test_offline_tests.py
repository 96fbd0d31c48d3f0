import pytest

from registry.domain.offline_tests import message_text, run_tests
from registry.domain.template import (
    Json,
    Message,
    OfflineTest,
    Part,
    Template,
    TemplateType,
    Text,
    Variable,
    VariableType,
)

VARIABLES = {"ticket": Variable("ticket", VariableType.STRING)}


def chat(*tests: OfflineTest) -> Template:
    messages = (
        Message("system", Text("You sort tickets.", "/messages/0/content")),
        Message("user", (Part("text", {}, {"text": Text("<t>{{ ticket }}</t>", "/messages/1/content/0/text")}),)),
        Message("user", Text("Now.", "/messages/2/content")),
    )
    return Template(TemplateType.CHAT, variables=VARIABLES, messages=messages, tests=tests)


def problems(*expect: dict[str, Json], ticket: str = "환불 요청") -> tuple[str, ...]:
    (result,) = run_tests(chat(OfflineTest("t", {"ticket": ticket}, expect)), {})
    assert result.passed == (not result.problems)
    return result.problems


@pytest.mark.parametrize(
    ("good", "bad", "words"),
    [
        ({"contains": "<t>환불"}, {"contains": "nope"}, "'nope' somewhere"),
        ({"not_contains": "{{"}, {"not_contains": "환불"}, "<t>환불 요청</t>"),
        ({"equals": "Now.", "in": 2}, {"equals": "Now!", "in": 2}, "from character 4"),
        ({"matches": "<t>.+</t>"}, {"matches": "^[0-9]+$"}, "a match of"),
        ({"starts_with": "You sort"}, {"starts_with": "Me"}, "it begins 'You sort"),
        ({"ends_with": "Now."}, {"ends_with": "Then."}, "it ends"),
        ({"max_tokens": 20}, {"max_tokens": 3}, "at most 3 tokens; it has 11"),
        ({"min_tokens": 10}, {"min_tokens": 100}, "at least 100 tokens"),
        ({"max_length": 100}, {"max_length": 5}, "at most 5 characters"),
        ({"contains": "환불", "in": "user"}, {"contains": "환불", "in": "system"}, "(in system)"),
        ({"contains": "sort", "in": 0}, {"contains": "sort", "in": 7}, "no message 7"),
        ({"contains": "sort", "in": "system"}, {"contains": "x", "in": "tool"}, "0 (system), 1 (user), 2 (user)"),
    ],
)
def test_expectations(good: dict[str, Json], bad: dict[str, Json], words: str) -> None:
    assert problems(good) == ()
    (said,) = problems(bad)
    assert words in said


def test_everything_that_fails_is_told() -> None:
    assert len(problems({"contains": "a1"}, {"contains": "sort"}, {"max_length": 1})) == 2


def test_long_text_is_shortened() -> None:
    (said,) = problems({"contains": "nope"}, ticket="x" * 10_000)
    assert len(said) < 400


def test_a_rendering_that_fails_is_a_failed_test_unless_expected() -> None:
    template = chat(
        OfflineTest("missing", {}, ({"contains": "x"},)),
        OfflineTest("expected", {}, ({"error": "ticket is missing"},)),
        OfflineTest("other error", {}, ({"error": "on fire"},)),
        OfflineTest("no error", {"ticket": "a"}, ({"error": "missing"},)),
        OfflineTest("error and more", {}, ({"error": "missing"}, {"contains": "x"})),
        OfflineTest("undeclared", {"ticket": "a", "tikcet": "b"}, ({"contains": "a"},)),
    )
    results = {result.name: result for result in run_tests(template, {})}
    assert {name for name, result in results.items() if result.passed} == {"expected"}
    assert "does not render: ticket is missing" in results["missing"].problems[0]
    assert "ticket is missing" in results["other error"].problems[0]
    assert "it rendered: 'You sort tickets." in results["no error"].problems[0]
    assert "tikcet is not declared" in results["undeclared"].problems[0]


def test_a_broken_pattern_is_told() -> None:
    assert "no regular expression" in problems({"matches": "("})[0]


def test_text_templates_have_no_messages_to_look_in() -> None:
    tests = (OfflineTest("a", {}, ({"equals": "hi"},)), OfflineTest("b", {}, ({"equals": "hi", "in": 0},)))
    results = run_tests(Template(TemplateType.TEXT, text=Text("hi", "/text"), tests=tests), {})
    assert [result.passed for result in results] == [True, False]
    assert "leave `in` out" in results[1].problems[0]


def test_the_text_of_a_message_has_every_part() -> None:
    parts = [
        {"type": "text", "text": "a"},
        {"type": "tool_call", "id": "1", "name": "f", "arguments": {"x": 1}},
        {"type": "tool_result", "id": "1", "content": "r"},
        {"type": "image", "url": "https://u"},
        {"type": "file", "data": "aGk=", "media_type": "application/pdf"},
    ]
    assert message_text({"role": "user", "content": parts}) == 'a\nf {"x":1}\nr\nhttps://u\napplication/pdf'
    assert message_text({"role": "user", "content": "z"}) == "z"
