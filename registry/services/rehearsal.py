"""An import that is only tried: what would come and what would be refused, with nothing written."""

from collections.abc import Mapping
from typing import Protocol

from registry.domain.ids import LabelName, TemplateName
from registry.domain.importing.outcomes import History, Presence
from registry.domain.importing.plans import Step
from registry.domain.names import template_path
from registry.domain.refs import Signature

_ETAG = '"rehearsed"'


class Questioned(Protocol):
    """What a rehearsal asks of an import's target. All calls raise Unavailable where there is no answer."""

    async def history(self, name: TemplateName) -> History:
        """What there is of a template."""
        ...

    async def check(self, files: Mapping[str, bytes], message: str) -> None:
        """Raises Refused where a commit of these files would be, Denied."""
        ...

    async def labels(self) -> Mapping[LabelName, Mapping[TemplateName, int]]:
        """Where labels point."""
        ...

    async def last_move(self, label: LabelName, name: TemplateName) -> str | None:
        """The subject of the commit that moved a template's label last; None where it never carried it."""
        ...


class Nowhere:
    """What is asked where there is nobody to ask: it holds nothing and refuses nothing."""

    async def history(self, _name: TemplateName) -> History:
        """Nothing."""
        return History(Presence.ABSENT)

    async def check(self, files: Mapping[str, bytes], message: str) -> None:
        """Refuses nothing."""

    async def labels(self) -> Mapping[LabelName, Mapping[TemplateName, int]]:
        """None."""
        return {}

    async def last_move(self, _label: LabelName, _name: TemplateName) -> str | None:
        """Never."""
        return None


class Rehearsal:
    """Stands for a target (``registry.services.importing.ImportTarget``) that it asks what it would take.

    Each version is judged on what is there, with what it includes as that would be by then. Labels are not judged.
    """

    def __init__(self, target: Questioned) -> None:
        self._target = target
        self._taken: dict[TemplateName, Step] = {}
        self._came: dict[TemplateName, list[tuple[int, str]]] = {}
        """The versions that would have come, as pairs (number, subject), newest first."""
        self._newest: dict[TemplateName, int] = {}

    async def history(self, name: TemplateName) -> History:
        """What there would be of a template."""
        found = await self._target.history(name)
        self._newest.setdefault(name, max((number for number, _ in found.versions), default=0))
        came = self._came.get(name, [])
        return History(Presence.HERE, [*came, *found.versions], _ETAG) if came else found

    async def commit(
        self, step: Step, _etag: str | None, message: str, _author: Signature | None
    ) -> tuple[int, str] | None:
        """Asks whether a step's file would be taken. Raises Refused where not."""
        await self._target.check(self._with_includes(step), message)
        self._taken[step.name] = step
        self._newest[step.name] += 1
        self._came.setdefault(step.name, []).insert(0, (self._newest[step.name], step.subject))
        return self._newest[step.name], _ETAG

    async def labels(self) -> Mapping[LabelName, Mapping[TemplateName, int]]:
        """Where labels point."""
        return await self._target.labels()

    async def last_move(self, label: LabelName, name: TemplateName) -> str | None:
        """The subject of the commit that moved a template's label last."""
        return await self._target.last_move(label, name)

    async def move(self, label: LabelName, name: TemplateName, version: int, message: str) -> None:
        """Moves nothing."""

    def _with_includes(self, step: Step) -> dict[str, bytes]:
        """A step's file, and those that it includes and that would have come before."""
        files: dict[str, bytes] = {}
        waiting = [step]
        while waiting:
            each = waiting.pop()
            path = template_path(each.name)
            if path not in files and each.source is not None:
                files[path] = each.source
                waiting += [self._taken[name] for name in each.includes if name in self._taken]
        return files
