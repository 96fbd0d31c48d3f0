"""What differs between two states of a template: structure, text, and the partials that it includes."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from registry.domain.catalogue import VersionEntry
from registry.domain.diffing import ChangeKind, StructuralDiff, diff_templates
from registry.domain.errors import TemplateNotFound, VersionNotFound
from registry.domain.ids import RepositoryName, TemplateName
from registry.domain.labels import LATEST
from registry.domain.names import template_path
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.seen_versions import as_seen
from registry.domain.selectors import Selector
from registry.domain.text_diff import text_diff
from registry.ports.catalogue import VersionIndex
from registry.services.template_source import Loaded
from registry.services.templates import Templates

AT_ONCE = 2
"""Comparisons that run at a time: they are pure computing, so that more would only be in the way of reads."""

PAGE = 100


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two states."""

    version: VersionEntry
    loaded: Loaded


@dataclass(frozen=True, slots=True)
class PartialDiff:
    """An included template that came, went or differs, as a unified diff."""

    name: TemplateName
    kind: ChangeKind
    text: str


@dataclass(frozen=True, slots=True)
class TemplateDiff:
    """All that differs from ``old`` (None: there was nothing before) to ``new``; ``text`` is a unified diff."""

    old: VersionEntry | None
    new: VersionEntry
    structure: StructuralDiff
    text: str
    partials: tuple[PartialDiff, ...]


class Diffs:
    """Compares states of a template."""

    def __init__(self, *, templates: Templates, versions: VersionIndex) -> None:
        self._templates = templates
        self._versions = versions
        self._room = asyncio.Semaphore(AT_ONCE)

    async def diff(
        self,
        repository: RepositoryName,
        name: TemplateName,
        old: Selector | None,
        new: Selector,
        *,
        sight: Sight = EVERYTHING,
    ) -> TemplateDiff:
        """What differs from ``old`` to ``new``; without ``old``, from the predecessor of ``new``.

        The predecessor of a version is the valid version before it, of a renamed template that of the old name where
        that is seen; of a state that is no version it is the newest version of where its branch left the default
        branch. Raises as a read of each side does.
        """
        version, loaded = await self._templates.find(repository, name, new, sight)
        after = Side(version, loaded)
        before = await (
            self._predecessor(repository, after, sight) if old is None else self._side(repository, name, old, sight)
        )
        async with self._room:
            return await asyncio.to_thread(_compare, before, after)

    async def _side(
        self, repository: RepositoryName, name: TemplateName, selector: Selector, sight: Sight = EVERYTHING
    ) -> Side:
        version, loaded = await self._templates.find(repository, name, selector, sight)
        return Side(version, loaded)

    async def _predecessor(self, repository: RepositoryName, after: Side, sight: Sight) -> Side | None:
        version = after.version
        if not version.number:
            try:
                left = await self._side(repository, version.name, Selector(label=LATEST, ref=version.commit))
            except (TemplateNotFound, VersionNotFound):
                return None
            if left.version.digest != version.digest:
                return left
            version = left.version
        before = await self._version_before(repository, as_seen(version, sight))
        return await self._side(repository, before.name, Selector(version=before.number)) if before else None

    async def _version_before(self, repository: RepositoryName, version: VersionEntry) -> VersionEntry | None:
        name = version.moved_from or version.name
        cursor: str | None = None
        while True:
            page = await self._versions.list_versions(repository, name, limit=PAGE, cursor=cursor)
            for entry in page.items:
                if entry.ordinal < version.ordinal and entry.valid:
                    return entry
            cursor = page.next_cursor
            if cursor is None:
                return None


def _compare(before: Side | None, after: Side) -> TemplateDiff:
    """Long: at most about a second for the largest files."""
    old, new = before.loaded if before else None, after.loaded
    return TemplateDiff(
        old=before.version if before else None,
        new=after.version,
        structure=diff_templates(old.template if old else None, new.template),
        text=_unified(
            before.version.name if before else after.version.name,
            after.version.name,
            old.source if old else None,
            new.source,
        ),
        partials=_partials(old.partials if old else {}, new.partials),
    )


def _partials(old: Mapping[TemplateName, str], new: Mapping[TemplateName, str]) -> tuple[PartialDiff, ...]:
    found: list[PartialDiff] = []
    for name in sorted(old.keys() | new.keys()):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        kind = ChangeKind.ADDED if before is None else ChangeKind.REMOVED if after is None else ChangeKind.CHANGED
        found.append(PartialDiff(name, kind, _unified(name, name, before, after)))
    return tuple(found)


def _unified(old_name: TemplateName, new_name: TemplateName, old: str | None, new: str | None) -> str:
    """A unified diff as Git names its sides."""
    return text_diff(
        old or "",
        new or "",
        old_name=f"a/{template_path(old_name)}" if old is not None else "/dev/null",
        new_name=f"b/{template_path(new_name)}" if new is not None else "/dev/null",
    )
