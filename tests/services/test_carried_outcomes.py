"""A partial's new text is judged without parsing what includes it, and nothing is said that judging would not say."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry.domain import closure_rules
from registry.domain.errors import RevisionNotFound
from registry.domain.graph import Change, TemplateGraph
from registry.domain.ids import BlobId, TemplateName
from registry.domain.includes import raw_includes
from registry.domain.judging import Case, Outcome, judge, judge_file
from registry.services.checking import Checker
from registry.services.checkout import blob_id
from tests.pushing import text_template

HEAD = "schema: prompt/v1\ntype: text\n"
PARTIALS = (
    text_template("kind", variables="{}"),
    text_template("much kinder, in more words", variables="{}"),
    text_template("to {{ who }}", variables="{who: {type: string}}"),
    text_template("{{ who }} and {{ who }}", variables="{who: {type: string}}"),
    text_template("for {{ who }}", variables="{who: {type: integer}}"),
    text_template("for {{ who }}", variables="{who: {type: string, untrusted: true}}"),
    text_template("{% set who = 'x' %}{{ who }}", variables="{}"),
    text_template("see {% include 'partials/b' %}", variables="{}"),
    text_template("{{ nobody }}", variables="{}"),
    "schema: prompt/v1\ntype: chat\nmessages: [{role: user, content: hi}]\n",
    f"{HEAD}text: [broken",
)
CHAT = """schema: prompt/v1
type: chat
variables: {who: {type: string}}
messages:
  - {role: system, content: "{% include 'partials/a' %}"}
  - {role: user, content: "{{ who }}"}
"""
TESTED = "tests: [{name: greets, variables: {who: Kim}, expect: [{contains: K}]}]\n"
INCLUDERS = (
    CHAT,
    CHAT + TESTED,
    text_template("{% include 'partials/a' %}", variables="{}"),
    text_template("{% include 'partials/a' %}", variables="{who: {type: string}}"),
    text_template("{% set who = 'me' %}{% include 'partials/a' %} {% include 'partials/b' %}", variables="{}"),
    text_template("{{ who }} {% include 'partials/b' %}", variables="{who: {type: string}}"),
)
NAMES = ("partials/a", "partials/b", "one", "two")
one_state = st.tuples(*(st.sampled_from(some) for some in (PARTIALS, PARTIALS, INCLUDERS, INCLUDERS)))


class Blobs:
    """Git's blobs, in memory, and which were asked for."""

    def __init__(self) -> None:
        self.held: dict[BlobId, bytes] = {}
        self.asked: list[BlobId] = []

    def read(self, blobs: Sequence[BlobId]) -> Iterator[tuple[BlobId, bytes]]:
        self.asked += blobs
        for blob in blobs:
            if blob not in self.held:
                raise RevisionNotFound(blob)
            yield blob, self.held[blob]

    def put(self, files: Mapping[str, str]) -> list[Case]:
        """The cases of some files."""
        bodies = {TemplateName(name): text.encode() for name, text in files.items()}
        self.held.update((blob_id(body), body) for body in bodies.values())
        graph = TemplateGraph(Change(name, blob_id(body), raw_includes(body)) for name, body in bodies.items())
        return [(name, graph.closure(name)) for name in bodies]

    def judged(self, cases: Sequence[Case]) -> dict[Case, Outcome]:
        """What is said by who remembers nothing."""
        return {case: judge(case, lambda name, blob: judge_file(name, self.held[blob])).outcome for case in cases}


@settings(deadline=None)
@given(st.lists(one_state, min_size=2, max_size=5))
@example([(PARTIALS[2], PARTIALS[0], *INCLUDERS[2:4]), (PARTIALS[4], PARTIALS[0], *INCLUDERS[2:4])])
@example([(PARTIALS[2], PARTIALS[0], *INCLUDERS[:2]), (PARTIALS[5], PARTIALS[0], *INCLUDERS[:2])])
@example([(PARTIALS[0], PARTIALS[0], *INCLUDERS[2:4]), (PARTIALS[7], PARTIALS[0], *INCLUDERS[2:4])])
def test_whatever_was_said_before_the_same_is_said_as_by_who_judges_anew(states: list[tuple[str, ...]]) -> None:
    blobs, checker = Blobs(), Checker()
    for number, state in enumerate(states):
        cases = blobs.put(dict(zip(NAMES, state, strict=True)))
        found = asyncio.run(checker.outcomes(blobs, cases, whole=number % 2 == 0))
        assert found == blobs.judged(cases)


def files(partial: str, includer: str = INCLUDERS[3]) -> dict[str, str]:
    return {"partials/a": partial, **{f"many/n{number}": f"{includer}# {number}\n" for number in range(100)}}


async def test_what_includes_a_partial_that_asks_the_same_is_not_read_again() -> None:
    blobs, checker = Blobs(), Checker(files=10, results=10)
    await checker.outcomes(blobs, blobs.put(files(PARTIALS[2])))
    cases = blobs.put(files(PARTIALS[3]))
    blobs.asked.clear()
    found = await checker.outcomes(blobs, cases)
    assert found == blobs.judged(cases)
    assert len(blobs.asked) <= 2, "the two states of the partial"
    assert await checker.outcomes(blobs, cases) == found
    moved = blobs.put(files("# a line that moves all others\n" + PARTIALS[3]))
    blobs.asked.clear()
    await checker.outcomes(blobs, moved)
    assert len(blobs.asked) <= 2, "where a variable stands says nothing"
    blobs.asked.clear()
    cases = blobs.put(files(PARTIALS[4]))
    assert await checker.outcomes(blobs, cases) == blobs.judged(cases)
    assert len(blobs.asked) > 50, "it asks for something else now"


async def test_what_was_said_of_a_refused_push_does_not_hold_up_the_next() -> None:
    blobs, checker = Blobs(), Checker(files=10, results=10)
    refused = blobs.put(files(PARTIALS[2]))
    await checker.outcomes(blobs, refused)
    cases = blobs.put(files(PARTIALS[3]))
    await checker.outcomes(blobs, blobs.put({f"other/n{number}": PARTIALS[0] for number in range(11)}))
    del blobs.held[blob_id(PARTIALS[2].encode())]
    assert await checker.outcomes(blobs, cases) == blobs.judged(cases)


async def test_a_partial_that_grows_over_the_limit_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.domain.judging.MAX_BYTES", 200)
    monkeypatch.setattr(closure_rules, "MAX_BYTES", 200)
    blobs, checker = Blobs(), Checker()
    for text in ("small", "large " * 50, "small again"):
        cases = blobs.put(files(text_template(text, variables="{}"), INCLUDERS[2]))
        found = await checker.outcomes(blobs, cases)
        assert found == blobs.judged(cases)
        assert any(d.rule == "closure-size" for d in found[cases[1]].diagnostics) == text.startswith("large")


async def test_another_repository_with_the_same_names_does_not_get_in_the_way() -> None:
    blobs, checker = Blobs(), Checker(files=10, results=10)
    await checker.outcomes(blobs, blobs.put(files(PARTIALS[2])))
    await checker.outcomes(blobs, blobs.put(files(PARTIALS[0], INCLUDERS[2])))
    cases = blobs.put(files(PARTIALS[3]))
    blobs.asked.clear()
    assert await checker.outcomes(blobs, cases) == blobs.judged(cases)
    assert len(blobs.asked) <= 2, "the two states of the partial"
