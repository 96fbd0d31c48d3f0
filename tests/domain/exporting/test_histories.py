"""Versions of many templates as one history: references to the state that was included, and an order of commits."""

from datetime import UTC, datetime, timedelta
from typing import Any

from registry.domain.exporting.histories import by_time, in_time, write_histories
from registry.domain.exporting.langfuse import LANGFUSE
from registry.domain.exporting.partials import settle
from registry.domain.exporting.states import ExportedState
from registry.domain.ids import TemplateName
from registry.domain.yaml_reader import read_yaml

TONE, TRIAGE = TemplateName("tone"), TemplateName("triage")
TIME = datetime(2024, 1, 1, tzinfo=UTC)


def text(content: str) -> str:
    return f"schema: prompt/v1\ntype: text\ntext: |\n  {content}\n"


def state(name: TemplateName, number: int, content: str, tone: str = "", **more: Any) -> ExportedState:
    source = text(content)
    partials = {TONE: text(tone)} if tone else {}
    return ExportedState(name, number, source, read_yaml(source.encode(), "").value, partials, **more)


INCLUDE = '{% include "tone" %}'


def prompts(histories: dict[TemplateName, list[ExportedState]]) -> dict[tuple[str, int], str]:
    return {(each.state.name, each.state.number): each.data["prompt"] for each in write_histories(histories, LANGFUSE)}


def test_a_reference_names_the_state_that_was_included() -> None:
    told = prompts(
        {
            TONE: [state(TONE, 1, "Be kind"), state(TONE, 2, "Be brief"), state(TONE, 4, "Be kind")],
            TRIAGE: [
                state(TRIAGE, 1, INCLUDE, "Be brief"),
                state(TRIAGE, 2, f"{INCLUDE}!", "Gone"),
                state(TRIAGE, 3, INCLUDE, "Be kind"),
            ],
        }
    )
    assert told[TRIAGE, 1] == "@@@langfusePrompt:name=tone|version=2@@@\n"
    assert told[TRIAGE, 2] == "Gone\n!\n", "what is nowhere to be referred to is taken in"
    assert told[TRIAGE, 3] == "@@@langfusePrompt:name=tone|label=latest@@@\n"


def test_the_newest_state_that_has_an_older_partial_names_its_version() -> None:
    told = prompts({TONE: [state(TONE, 1, "a"), state(TONE, 2, "b")], TRIAGE: [state(TRIAGE, 1, INCLUDE, "a")]})
    assert told[TRIAGE, 1] == "@@@langfusePrompt:name=tone|version=1@@@\n"


def test_commits_of_one_second_keep_their_order() -> None:
    told = in_time(
        {
            TONE: [state(TONE, 1, "a", commit="z", time=TIME), state(TONE, 2, "b", commit="a", time=TIME)],
            TRIAGE: [
                state(TRIAGE, 1, INCLUDE, "a", commit="m", time=TIME),
                state(TRIAGE, 2, INCLUDE, "b", commit="a", time=TIME),
            ],
        }
    )
    times = {each.commit: each.time for states in told.values() for each in states if each.time}
    assert times["z"] < times["a"]
    assert times["m"] < times["a"], "the commit of the partial made the next version"
    assert {time.replace(microsecond=0) for time in times.values()} == {TIME}


def test_versions_by_time_have_partials_first() -> None:
    histories = {
        TONE: [state(TONE, 1, "a", time=TIME), state(TONE, 2, "b", time=TIME + timedelta(seconds=2))],
        TemplateName("a"): [
            state(TemplateName("a"), 1, INCLUDE, "a", time=TIME + timedelta(seconds=1)),
            state(TemplateName("a"), 2, INCLUDE, "b", time=TIME),  # a clock that went backwards
            state(TemplateName("a"), 3, INCLUDE, "b", time=TIME + timedelta(seconds=2)),
        ],
    }
    told = [(each.name, each.number) for each in by_time(histories)]
    assert told == [(TONE, 1), ("a", 1), ("a", 2), (TONE, 2), ("a", 3)]


def test_a_partial_that_others_have_in_another_state_is_taken_in() -> None:
    states = [
        state(TemplateName("a"), 1, INCLUDE, "one"),
        state(TemplateName("b"), 1, INCLUDE, "two"),
        state(TONE, 3, "two"),
    ]
    told = {each.state.name: (each.state.document["text"], each.notes) for each in settle(states)}
    assert told["b"] == (f"{INCLUDE}\n", ())
    assert told["a"][0] == "one\n\n"
    assert "tone" in told["a"][1][0]


def test_what_is_included_comes_along() -> None:
    told = settle([state(TRIAGE, 1, INCLUDE, "one")])
    assert [(each.state.name, each.state.number) for each in told] == [(TONE, 0), (TRIAGE, 1)]
    assert "comes along" in told[0].notes[0]
