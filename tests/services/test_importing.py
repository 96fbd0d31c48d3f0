"""The order in which an import writes, on a target that answers the sooner the longer the text is."""

import asyncio
import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest

from registry.domain.errors import Conflict, PreconditionFailed, Refused
from registry.domain.ids import LabelName, TemplateName
from registry.domain.importing.langfuse import gather
from registry.domain.importing.outcomes import History, Presence
from registry.domain.importing.plans import Step, plan_import
from registry.domain.refs import Signature
from registry.services.importing import ATTEMPTS, FIRST_PAUSE_SECONDS, LATER_CAME, Importing

TONE = TemplateName("tone")
TRIAGE = TemplateName("triage")


class Strict:
    """Takes a new tone only beside the new triage, as a gate does that looks at both."""

    def __init__(self, *came: int) -> None:
        self.came: dict[TemplateName, list[int]] = {TONE: list(came), TRIAGE: []}
        self.subjects: dict[tuple[TemplateName, int], str] = {}

    async def history(self, name: TemplateName) -> History:
        subjects = [(n, self.subjects[name, n]) for n in reversed(self.came[name])]
        return History(Presence.HERE if subjects else Presence.ABSENT, subjects, '"1"' if subjects else None)

    async def commit(
        self, step: Step, _etag: str | None, _message: str, _author: Signature | None
    ) -> tuple[int, str] | None:
        if step.name == TONE and step.number == 2 and 2 not in self.came[TRIAGE]:
            raise Refused("Refused.", diagnostics=[])
        self.came[step.name].append(step.number)
        self.subjects[step.name, step.number] = step.subject
        return step.number, f'"{step.number}"'

    async def labels(self) -> Mapping[LabelName, Mapping[TemplateName, int]]:
        return {}

    async def last_move(self, _label: LabelName, _name: TemplateName) -> str | None:
        return None

    async def move(self, _label: LabelName, _name: TemplateName, _version: int, _message: str) -> None:
        """Nowhere."""


class Slow:
    """Takes everything, and keeps in which order it was done."""

    def __init__(self) -> None:
        self.done: list[tuple[str, int]] = []

    async def history(self, _name: TemplateName) -> History:
        return History(Presence.ABSENT)

    async def commit(
        self, step: Step, _etag: str | None, _message: str, _author: Signature | None
    ) -> tuple[int, str] | None:
        assert step.source is not None
        await asyncio.sleep(0.1 / len(step.source) * 100)
        self.done.append((step.name, step.number))
        return step.number, f'"{step.number}"'

    async def labels(self) -> Mapping[LabelName, Mapping[TemplateName, int]]:
        return {}

    async def last_move(self, _label: LabelName, _name: TemplateName) -> str | None:
        return None

    async def move(self, _label: LabelName, _name: TemplateName, _version: int, _message: str) -> None:
        """Nowhere."""


class Outrun(Slow):
    """Has always changed meanwhile, and keeps when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    async def commit(
        self, _step: Step, _etag: str | None, _message: str, _author: Signature | None
    ) -> tuple[int, str] | None:
        self.asked.append(time.monotonic())
        raise PreconditionFailed


def version(name: str, prompt: str, number: int, day: int) -> dict[str, Any]:
    return {"name": name, "version": number, "prompt": prompt, "createdAt": f"2024-01-{day:02}T00:00:00Z"}


async def test_a_version_has_what_it_includes_as_it_was_then() -> None:
    target = Slow()
    await Importing(target).run(
        plan_import(
            gather(
                [
                    version("z-tone", "short", 1, 1),
                    version("triage", "@@@langfusePrompt:name=z-tone|label=latest@@@", 1, 2),
                    version("z-tone", "much longer than all of the others " * 20, 2, 3),
                    version("triage", "@@@langfusePrompt:name=z-tone|label=latest@@@ 2", 2, 3),
                ],
                "x",
            )
        )
    )
    assert target.done == [("z-tone", 1), ("triage", 1), ("z-tone", 2), ("triage", 2)]


async def test_what_fits_only_with_its_neighbours_is_tried_again_after_them() -> None:
    target = Strict()
    entries = [version(name, f"{name} {n}", n, n) for name in ("tone", "triage") for n in (1, 2)]
    outcomes = await Importing(target).run(plan_import(gather(entries, "x")))
    assert target.came == {TONE: [1, 2], TRIAGE: [1, 2]}
    assert [(each.refused, each.said) for each in outcomes] == [([], []), ([], [])]


async def test_an_older_version_never_comes_on_top_of_a_later_one() -> None:
    target = Strict()
    entries = [version("tone", f"tone {n}", n, n) for n in (1, 2, 3)]
    plans = plan_import(gather(entries, "x"))
    (first,) = await Importing(target).run(plans)
    assert (first.written, first.refused, first.said) == ([1, 3], [2], [(2, "Refused.")])
    target.came[TRIAGE] = [2]  # now it would be taken
    target.subjects[TRIAGE, 2] = "Made here"
    (again,) = await Importing(target).run(plans)
    assert (again.written, again.refused, again.said) == ([], [2], [(2, LATER_CAME)])
    assert target.came[TONE] == [1, 3]


async def test_a_conflict_that_does_not_end_is_called_one_and_tries_are_apart() -> None:
    target = Outrun()
    with pytest.raises(Conflict, match="Somebody else keeps changing tone"):
        await Importing(target).run(plan_import(gather([version("tone", "x", 1, 1)], "x")))
    assert len(target.asked) == ATTEMPTS
    pauses = [after - before for before, after in pairwise(target.asked)]
    assert all(pause >= FIRST_PAUSE_SECONDS * 2**n / 2 for n, pause in enumerate(pauses)), pauses
