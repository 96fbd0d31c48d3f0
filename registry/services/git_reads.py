"""Reads while the catalogue is away: from Git, as of the commit up to which the snapshot knows the numbers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from registry.domain.catalogue import VersionEntry
from registry.domain.errors import LabelNotFound, TemplateNotFound, Unavailable, VersionNotFound
from registry.domain.ids import CommitId, LabelName, RepositoryName, TemplateName
from registry.domain.labels import LATEST, label_path, read_labels
from registry.domain.names import LABELS, template_path
from registry.domain.registry_file import read_registry_file
from registry.domain.selectors import Selector
from registry.domain.template import Status
from registry.domain.tombstones import require_not_purged
from registry.ports.git import GitStore, Repositories
from registry.ports.snapshots import NumberedCommit, VersionSnapshot
from registry.services.revisions import state_at
from registry.services.template_source import Loaded, TemplateSource
from registry.services.templates import Renderable, TemplateRead, make_read
from registry.services.tree_changes import RULES_PATH, read_file

LOOKED_BACK = 50
"""So many versions are looked at for the newest that is valid, and no draft."""


@dataclass(frozen=True, slots=True)
class _At:
    """The repository at the snapshot's commit."""

    repository: RepositoryName
    store: GitStore
    commit: CommitId


class GitReads:
    """Templates by label, version or default without the catalogue. What cannot be said for sure is Unavailable."""

    def __init__(self, *, git: Repositories, snapshot: VersionSnapshot, source: TemplateSource) -> None:
        self._git = git
        self._snapshot = snapshot
        self._source = source

    async def read(self, repository: RepositoryName, name: TemplateName, selector: Selector) -> TemplateRead:
        """What ``Templates.read`` gives when the catalogue is there, the same ETag included.

        Raises TemplateNotFound, LabelNotFound, VersionNotFound, Unavailable.
        """
        async with self._opened(repository) as at:
            version, loaded = await self._find(at, name, selector)
            labels = tuple(word for word in _words(at) if _target(at, word, name) == version.number)
            return make_read(version, loaded, labels, selector, at.commit)

    async def renderable(self, repository: RepositoryName, name: TemplateName, selector: Selector) -> Renderable:
        """What ``Templates.renderable`` gives. Raises as ``read``."""
        async with self._opened(repository) as at:
            version, loaded = await self._find(at, name, selector)
            read = make_read(version, loaded, (), selector)
            return Renderable(read, loaded.template, loaded.partial_templates, at.commit)

    @asynccontextmanager
    async def _opened(self, repository: RepositoryName) -> AsyncIterator[_At]:
        reached = await self._snapshot.reached(repository)
        if reached is None:
            raise Unavailable(f"The catalogue is away, and nothing is known here yet of the versions in {repository}.")
        with self._git.open(repository) as store:
            yield _At(repository, store, CommitId(reached.commit))

    async def _find(self, at: _At, name: TemplateName, selector: Selector) -> tuple[VersionEntry, Loaded]:
        if selector.version is not None:
            numbered = await self._snapshot.find(at.repository, name, selector.version)
            if numbered is None:
                raise VersionNotFound(f"{name} has no version {selector.version}.")
            return self._load(at, numbered)
        await self._require_present(at, name)
        rules = read_registry_file(read_file(at.store, at.commit, RULES_PATH)).rules
        label = selector.label or rules.default_label
        if label is None or label == LATEST:
            return await self._newest(at, name, drafts=label is not None)
        number = _target(at, label, name)
        if number is None:
            raise LabelNotFound(f"{name} does not carry the label {label!r}.")
        numbered = await self._snapshot.find(at.repository, name, number)
        if numbered is None:
            raise VersionNotFound(f"{name} has no version {number}.")
        return self._load(at, numbered)

    async def _require_present(self, at: _At, name: TemplateName) -> None:
        if at.store.entry(at.commit, template_path(name)) is not None:
            return
        if await self._snapshot.newest(at.repository, name, 1):
            # Its versions come before the commit that they are of: a template that is new is not there for a moment.
            raise Unavailable(f"Whether {name} was deleted, renamed or just added is not known without the catalogue.")
        raise TemplateNotFound(f"There is no template {name!r} in {at.repository}.")

    async def _newest(self, at: _At, name: TemplateName, *, drafts: bool) -> tuple[VersionEntry, Loaded]:
        for numbered in await self._snapshot.newest(at.repository, name, LOOKED_BACK):
            if not numbered.valid:
                continue
            version, loaded = self._load(at, numbered)
            if drafts or loaded.document.get("status", Status.ACTIVE) != Status.DRAFT:
                return version, loaded
        raise VersionNotFound(f"{name} has no valid version{'' if drafts else ' that is not a draft'}.")

    def _load(self, at: _At, numbered: NumberedCommit) -> tuple[VersionEntry, Loaded]:
        entry, bodies = state_at(at.store, at.store.commit(numbered.commit), numbered.name)
        if not numbered.valid:
            require_not_purged(numbered.name, entry.closure, bodies)
            raise VersionNotFound(f"Version {numbered.number} of {numbered.name} is invalid and never served.")
        version = replace(
            entry,
            number=numbered.number,
            ordinal=numbered.ordinal,
            cause=numbered.cause,
            moved_from=numbered.moved_from,
        )
        loaded = self._source.find(version.name, version.digest)
        return version, loaded or self._source.load(version.name, version.closure, bodies)


def _words(at: _At) -> list[LabelName]:
    """Every label of the repository, sorted."""
    folders = (
        path.removeprefix(LABELS).removesuffix(".yaml") for path in at.store.children(at.commit, LABELS.strip("/"))
    )
    return sorted({LabelName(word) for word in folders})


def _target(at: _At, label: LabelName, name: TemplateName) -> int | None:
    """The version that a label of a template points to."""
    path = label_path(label, name)
    data = read_file(at.store, at.commit, path)
    target = read_labels(data, path).entries.get(name) if data is not None else None
    return target.version if target is not None else None
