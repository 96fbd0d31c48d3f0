"""Many templates are judged in other processes; whatever happens to those, the findings are the same."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from registry.bootstrap import Registry
from registry.domain.errors import Unavailable
from registry.domain.graph import Change, TemplateGraph
from registry.domain.ids import BlobId, TemplateName
from registry.domain.includes import raw_includes
from registry.domain.judging import Case, Checked, Outcome, judge, judge_file
from registry.processes import usable_cores
from registry.services.checking import MANY, Checker
from registry.services.checkout import blob_id
from tests.pushing import MAIN, REPOSITORY, Pusher, rules, text_template


class Elsewhere:
    """Judges in this process, in a later turn, and fails where it is told to."""

    def __init__(self, *, room: int = 4, failing: Sequence[int] = ()) -> None:
        self._room = room
        self._failing = failing
        self.batches: list[int] = []
        self.prepared = 0

    def prepare(self) -> None:
        self.prepared += 1

    def room(self) -> int:
        return self._room

    async def judge(
        self, cases: Sequence[Case], bodies: Mapping[BlobId, bytes], *, whole: bool
    ) -> Sequence[tuple[Outcome, Checked | None]]:
        self.batches.append(len(cases))
        assert self.prepared, "nobody was sent for"
        self._room -= 1
        number = len(self.batches)
        await asyncio.sleep(0.001 * (5 - number % 5))
        self._room += 1
        if number in self._failing:
            raise Unavailable("it is gone")
        needed = {blob for _, closure in cases for _, blob in closure if blob is not None}
        assert needed == bodies.keys()
        checked = [judge(case, lambda name, blob: judge_file(name, bodies[blob])) for case in cases]
        return [(each.outcome, each if whole and each.outcome.tested else None) for each in checked]

    async def close(self) -> None:
        pass


def files(count: int) -> dict[str, bytes]:
    tests = "tests: [{name: greets, expect: [{contains: Hello}]}]\n"
    found = {"prompts/partials/tone.prompt.yaml": text_template("kindly", variables="{}").encode()}
    for number in range(count):
        text = f"Hello {number} {{% include 'partials/tone' %}}" if number % 10 != 7 else "Hello {{ nobody }}"
        more = tests if number % 5 == 0 else ""
        found[f"prompts/many/n{number}.prompt.yaml"] = text_template(text, variables="{}", more=more).encode()
    return found


def cases_of(bodies: Mapping[str, bytes]) -> list[Case]:
    names = {path: TemplateName(path.removeprefix("prompts/").removesuffix(".prompt.yaml")) for path in bodies}
    graph = TemplateGraph(Change(names[p], blob_id(b), raw_includes(b)) for p, b in bodies.items())
    return [(name, graph.closure(name)) for name in names.values()]


@pytest.mark.parametrize("elsewhere", [Elsewhere(), Elsewhere(room=1), Elsewhere(room=0), Elsewhere(failing=(1, 3, 4))])
async def test_the_findings_are_the_same_wherever_templates_are_judged(
    registry: Registry, pusher: Pusher, elsewhere: Elsewhere
) -> None:
    some = files(300)
    pusher.commit(some)
    cases = cases_of(some)
    with registry.git.open(REPOSITORY) as store:
        here = await Checker().outcomes(store, cases)
        checker = Checker(elsewhere)
        there = await checker.outcomes(store, cases, whole=True)
        assert there == here
        assert elsewhere.prepared >= 1 + len(elsewhere._failing), "what was lost was not sent for again"
        assert sum(elsewhere.batches) == (0 if elsewhere.room() == 0 else len(cases))
        assert await checker.outcomes(store, cases) == here
        assert sum(elsewhere.batches) == (0 if elsewhere.room() == 0 else len(cases)), "what is known was judged again"
        tested = [case for case in cases if here[case].tested]
        assert [each.outcome for each in (await checker.check(store, tested)).values()] == [here[c] for c in tested]


async def test_few_are_judged_here(registry: Registry, pusher: Pusher) -> None:
    some = files(MANY - 1)
    pusher.commit(some)
    elsewhere = Elsewhere()
    with registry.git.open(REPOSITORY) as store:
        assert len(await Checker(elsewhere).outcomes(store, cases_of(some))) == MANY
    assert (elsewhere.prepared, elsewhere.batches) == (0, [])


def children() -> set[int]:
    """The judging processes of this one."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                if parent == str(os.getpid()) and b"judge_worker" in (folder / "cmdline").read_bytes():
                    found.add(int(folder.name))
            except OSError:
                continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot be kept to some cores")
def test_cores_that_the_process_may_not_use_do_not_count() -> None:
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert usable_cores() == len(allowed)


async def test_a_push_passes_while_its_judges_are_killed(registry: Registry, pusher: Pusher) -> None:
    good = {path: body for path, body in files(1_200).items() if b"nobody" not in body}
    commit = pusher.commit(good)
    pushing = asyncio.create_task(pusher.push_commit(commit))
    killed: set[int] = set()
    while not pushing.done():
        for pid in children() - killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        await asyncio.sleep(0.01)
    assert (await pushing).accepted
    assert killed
    assert pusher.tip(MAIN) == commit
    assert await registry.verifying.verify(REPOSITORY) == []


async def test_a_large_push_is_refused_for_one_that_is_broken(pusher: Pusher) -> None:
    some = {path: body for path, body in files(500).items() if b"nobody" not in body}
    verdict = await pusher.push({**some, "prompts/bad/one.prompt.yaml": text_template("{{ nobody }}", variables="{}")})
    assert rules(verdict) == ["variable-undeclared"]
