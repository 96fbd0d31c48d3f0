"""The order in which an import writes, on a target that answers the sooner the longer the text is."""

import asyncio
from collections.abc import Mapping
from typing import Any

from registry.domain.ids import LabelName, TemplateName
from registry.domain.importing.langfuse import gather
from registry.domain.importing.outcomes import History, Presence
from registry.domain.importing.plans import Step, plan_import
from registry.domain.refs import Signature
from registry.services.importing import Importing


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
