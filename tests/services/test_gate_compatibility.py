"""The gate and callers: what breaks them needs a commit that says why."""

import asyncio
import gc
import itertools
import time

import pytest

from registry.domain.diagnostics import Place, Severity
from registry.domain.ids import ZERO_COMMIT, CommitId, LabelName, RefName, TemplateName
from registry.domain.refs import RefUpdate
from registry.services.gate import Verdict
from tests.pushing import ADMIN, AUTHOR, MAIN, Pusher, rules, text_template

GREET = "prompts/support/greet.prompt.yaml"
LABELS = "labels/{}/support.yaml"
RULES = ".registry.yaml"
WHY = "Shorter names\n\nBreaking-Change: names are cut anyway\n"
RULE = "breaking-change"


def named(variables: str, more: str = "") -> str:
    """A template that says nothing of its variables, so that any may be declared."""
    return text_template("Hello", variables=variables, more=more)


STRING, SHORT, SHORTER = (
    "{n: {type: string}}",
    "{n: {type: string, max_length: 9}}",
    "{n: {type: string, max_length: 5}}",
)


def broken(verdict: Verdict) -> list[str]:
    return [d.message.split(", so", 1)[0] for d in verdict.diagnostics if d.rule == RULE]


async def pushed(pusher: Pusher, files: dict[str, str | bytes | None], message: str = "change\n") -> Verdict:
    return await pusher.push_commit(pusher.commit(files, parent=pusher.tip(), message=message))


async def test_a_breaking_change_is_refused_at_its_place(pusher: Pusher) -> None:
    await pusher.land({GREET: named(STRING)})
    verdict = await pusher.push({GREET: named(SHORT)})
    assert not verdict.accepted
    [error] = [d for d in verdict.diagnostics if d.severity is Severity.ERROR]
    assert (error.rule, error.path, error.place) == (RULE, GREET, Place(3, 31))
    assert error.message.startswith("n (max_length): was not set, is 9, so calls that fit the state before")


async def test_compatible_changes_and_new_templates_pass(pusher: Pusher) -> None:
    await pusher.land({GREET: named(SHORT)})
    await pusher.land({GREET: named(STRING)})
    await pusher.land({GREET: named("{n: {type: string}, more: {type: string, required: false}}")})
    await pusher.land({"prompts/support/other.prompt.yaml": named(SHORT)})
    await pusher.land({GREET: None})
    await pusher.land({GREET: named(SHORT)})


async def test_a_commit_that_says_why_brings_it(pusher: Pusher) -> None:
    await pusher.land({GREET: named(STRING)})
    assert (await pushed(pusher, {GREET: named(SHORT)}, WHY)).accepted
    refused = await pushed(pusher, {GREET: named(SHORTER)}, "Shorter\n\nBreaking-Change:\n")
    assert broken(refused) == ["n (max_length): was 9, is 5"]


async def test_the_trailer_counts_for_the_files_of_its_commit_only(pusher: Pusher) -> None:
    other = "prompts/support/other.prompt.yaml"
    await pusher.land({GREET: named(STRING), other: named(STRING)})
    first = pusher.commit({GREET: named(SHORT)}, parent=pusher.tip(), message=WHY)
    second = pusher.commit({other: named(SHORT)}, parent=first)
    verdict = await pusher.push_commit(second)
    assert [d.path for d in verdict.diagnostics if d.rule == RULE] == [other]
    third = pusher.commit({other: named(SHORT)}, parent=first, message=WHY)
    assert (await pusher.push_commit(third)).accepted


async def test_every_version_that_a_label_names_counts(pusher: Pusher) -> None:
    enum = "{n: {type: string, enum: [a, b]}}"
    await pusher.land({GREET: named(enum)})
    await pusher.land({LABELS.format("production"): "greet: 1\n", LABELS.format("staging"): "greet: 1\n"})
    await pusher.land({GREET: named("{}")})
    verdict = await pusher.push({GREET: named("{n: {type: string, enum: [a], required: false}}")})
    assert broken(verdict) == ['n (enum): was ["a", "b"], is ["a"]']
    assert "version 1 (production, staging)" in verdict.diagnostics[0].message
    await pusher.land({LABELS.format("production"): "greet: 2\n", LABELS.format("staging"): None})
    await pusher.land({GREET: named("{n: {type: string, enum: [a], required: false}}")})


async def test_what_was_announced_once_is_not_asked_for_again(pusher: Pusher) -> None:
    await pusher.land({GREET: named(STRING)})
    await pusher.land({LABELS.format("production"): "greet: 1\n"})
    assert (await pushed(pusher, {GREET: named(SHORT)}, WHY)).accepted
    await pusher.land({GREET: named(SHORT).replace("Hello", "Good day")})
    await pusher.land({GREET: named("{n: {type: string, max_length: 9}, m: {type: string, default: x}}")})
    again = await pusher.push({GREET: named(SHORTER)})
    assert set(broken(again)) == {"n (max_length): was 9, is 5", "n (max_length): was not set, is 5"}


async def test_folders_have_their_own_mode(pusher: Pusher) -> None:
    folder = "compatibility: {folders: {support: none, support/vip: forward}}"
    vip = "prompts/support/vip/greet.prompt.yaml"
    await pusher.land({RULES: f"schema: registry/v1\n{folder}\n", GREET: named(SHORT), vip: named(SHORT)})
    await pusher.land({GREET: named(SHORTER), vip: named(SHORTER)})
    verdict = await pusher.push({vip: named(STRING)})
    assert broken(verdict) == ["n (max_length): was 5, is not set"]
    assert "may be refused by the state before" in verdict.diagnostics[0].message


async def test_a_draft_has_no_callers_until_a_label_sends_some(pusher: Pusher) -> None:
    await pusher.land({GREET: named(STRING, "status: draft\n")})
    verdict = await pusher.push({GREET: named(SHORT, "status: draft\n")})
    assert (verdict.accepted, broken(verdict)) == (True, ["n (max_length): was not set, is 9"])
    await pusher.land({LABELS.format("trial"): "greet: 2\n"})
    assert not (await pusher.push({GREET: named(SHORTER)})).accepted


async def test_on_other_branches_it_is_a_warning(pusher: Pusher) -> None:
    await pusher.land({GREET: named(STRING)})
    verdict = await pusher.push({GREET: named(SHORT)}, RefName("refs/heads/work"))
    assert (verdict.accepted, rules(verdict)[-1]) == (True, RULE)
    merged = await pusher.push_commit(pusher.tip(RefName("refs/heads/work")) or CommitId(""))
    assert not merged.accepted


async def test_what_the_default_branch_has_got_since_is_no_change_of_another(pusher: Pusher) -> None:
    root = await pusher.land({GREET: named(STRING)})
    other, used = "prompts/support/other.prompt.yaml", "prompts/partials/used.prompt.yaml"
    await pushed(pusher, {GREET: named(SHORT), used: text_template("x")}, WHY)
    await pusher.land({other: text_template('{% include "partials/used" %}')})
    work = RefName("refs/heads/work")
    started = await pusher.judge(RefUpdate(work, ZERO_COMMIT, root))
    assert (started.accepted, started.diagnostics) == (True, ())
    verdict = await pusher.push_commit(pusher.commit({other: named(STRING)}, parent=root), work)
    assert (verdict.accepted, {(d.rule, d.path) for d in verdict.diagnostics}) == (True, {("variable-unused", other)})


async def test_a_branch_that_says_why_lands(pusher: Pusher) -> None:
    await pusher.land({GREET: named(STRING)})
    commit = pusher.commit({GREET: named(SHORT)}, parent=pusher.tip(), message=WHY)
    work = RefName("refs/heads/work")
    assert broken(await pusher.push_commit(commit, work)) == []
    assert (await pusher.push_commit(commit)).accepted


async def test_partials_ask_for_what_they_declare(pusher: Pusher) -> None:
    tone = "prompts/partials/tone.prompt.yaml"
    include = named(STRING).replace("  Hello", '  {% include "partials/tone" %}')
    await pusher.land({tone: named("{}"), GREET: include})
    await pusher.land({tone: named("{}").replace("Hello", "Good day")})
    verdict = await pusher.push({tone: named(STRING)})
    assert [d.path for d in verdict.diagnostics if d.rule == RULE] == [tone]


async def test_a_roll_back_is_never_refused(pusher: Pusher) -> None:
    await pusher.land({GREET: named(STRING)})
    await pusher.land({LABELS.format("production"): "greet: 1\n"})
    assert (await pushed(pusher, {GREET: named(SHORT)}, WHY)).accepted
    await pusher.land({LABELS.format("production"): "greet: 2\n"})
    await pusher.land({LABELS.format("production"): "greet: 1\n"})
    labels = pusher.registry.labels
    await labels.roll_back(
        pusher.repository, LabelName("production"), TemplateName("support/greet"), actor=ADMIN, to=2, reason="oops"
    )


@pytest.mark.parametrize("old", [b"schema: prompt/v1\ntext: [", b"\xff"])
async def test_a_broken_predecessor_has_no_callers(pusher: Pusher, old: bytes) -> None:
    first = pusher.commit({GREET: old})
    with pusher.registry.git.open(pusher.repository) as store:
        store.flush()
        store.move(RefUpdate(MAIN, ZERO_COMMIT, first))
    assert (await pusher.push({GREET: named(SHORT)}, actor=AUTHOR)).accepted


async def test_a_thousand_changed_declarations_leave_others_their_turns(pusher: Pusher) -> None:
    paths = [f"prompts/f{i % 20}/t{i}.prompt.yaml" for i in range(1_000)]
    await pusher.land(dict.fromkeys(paths, named(STRING)))
    commit = pusher.commit(dict.fromkeys(paths, named(SHORT)), parent=pusher.tip())
    turns = [time.thread_time()]

    async def tick() -> None:
        while True:
            await asyncio.sleep(0)
            turns.append(time.thread_time())

    gc.disable()  # one collection over all that a long run of tests holds takes longer than what is looked for
    try:
        ticking = asyncio.create_task(tick())
        verdict = await pusher.judge(RefUpdate(MAIN, pusher.tip() or ZERO_COMMIT, commit))
        ticking.cancel()
    finally:
        gc.enable()
    assert len(broken(verdict)) == 1_000
    longest = max(after - before for before, after in itertools.pairwise(turns))
    assert longest < (turns[-1] - turns[0]) / 4, "nobody else's turn came during most of the work"
