"""Reading templates: by label, version, revision or default; listing; rendering."""

import hashlib
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from cachetools import LRUCache

from registry.domain.catalogue import Page, SortBy, TemplateEntry, TemplateFilter, VersionEntry
from registry.domain.errors import LabelNotFound, VersionNotFound
from registry.domain.ids import CommitId, Digest, LabelName, RepositoryName, TemplateName
from registry.domain.labels import LATEST
from registry.domain.registry_file import read_registry_file
from registry.domain.registry_rules import RegistryRules
from registry.domain.rendering import Rendered
from registry.domain.rights import EVERYTHING, Sight
from registry.domain.selected_state import SelectedState
from registry.domain.selectors import Selector
from registry.domain.template import Json, Status, Template
from registry.domain.tombstones import require_not_purged
from registry.domain.version_words import versions_there_are
from registry.ports.catalogue import TemplateIndex, VersionIndex
from registry.ports.projection import Projection
from registry.ports.renderer import Renderer
from registry.services.removals import explain_unknown, require_present, require_readable
from registry.services.revisions import Revisions
from registry.services.shown_states import ShownStates
from registry.services.template_source import Loaded, Shown, TemplateSource

ANSWER_FORMAT = 2
"""Part of every ETag: raised when the same state is answered in another form."""

KNOWN = 1024
"""For how many selectors it is kept which version they name; what that consists of ``TemplateSource`` alone holds."""


@dataclass(frozen=True, slots=True)
class TemplateRead:
    """One state of a template, with all that is needed to use it.

    ``version`` is None for a state read by ``ref`` that is no version. ``labels`` are those that point to this
    version. ``reference`` (``support/triage@12#3f9ac1d2``) is what an application should log. ``indexed`` is the commit
    that the catalogue had come to, where it was asked.
    """

    name: TemplateName
    version: int | None
    commit: CommitId
    digest: Digest
    labels: tuple[LabelName, ...]
    source: str
    document: Mapping[str, Any]
    partials: Mapping[TemplateName, str]
    status: Status
    replaced_by: str | None
    updated_at: datetime
    author_name: str
    author_email: str
    message: str
    etag: str
    reference: str
    cause: TemplateName | None = None
    moved_from: TemplateName | None = None
    indexed: CommitId | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    """What a selector names while the stamp is the same."""

    stamp: Hashable
    version: VersionEntry
    indexed: CommitId | None


@dataclass(frozen=True, slots=True)
class Renderable:
    """A state that can be rendered; ``indexed`` is the commit that finding it has seen at least."""

    read: TemplateRead
    template: Template
    partials: Mapping[TemplateName, Template]
    indexed: CommitId | None


def make_etag(version: int | None, digest: str, state: str = "") -> str:
    """An opaque tag over version, digest, label state and answer format: a revert has an old digest, a new version."""
    told = hashlib.sha256(f"{state}\0{ANSWER_FORMAT}".encode()).hexdigest()[:8]
    return f'"{f"v{version}" if version is not None else "r"}.{digest[:16]}.{told}"'


@lru_cache(64)
def parse_rules(text: str | None) -> RegistryRules:
    """The rules of a ``.registry.yaml``; None gives the defaults."""
    return read_registry_file(text.encode() if text is not None else None).rules


class Templates:
    """The templates of the default branch, and of any revision."""

    def __init__(
        self,
        *,
        templates: TemplateIndex,
        versions: VersionIndex,
        projection: Projection,
        source: TemplateSource,
        shown: ShownStates,
        revisions: Revisions,
        renderer: Renderer,
    ) -> None:
        self._templates = templates
        self._versions = versions
        self._projection = projection
        self._source = source
        self._shown = shown
        self._revisions = revisions
        self._renderer = renderer
        self._known: LRUCache[tuple[RepositoryName, TemplateName, Selector], _Known] = LRUCache(KNOWN)

    async def list_templates(
        self,
        repository: RepositoryName,
        where: TemplateFilter,
        *,
        sort: SortBy = SortBy.NAME,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[TemplateEntry]:
        """A page of the templates of the default branch. Raises BadRequest for a cursor that is none."""
        return await self._templates.list_templates(repository, where, sort=sort, limit=limit, cursor=cursor)

    async def read(
        self, repository: RepositoryName, name: TemplateName, selector: Selector, sight: Sight = EVERYTHING
    ) -> TemplateRead:
        """The state that the selector names; ``sight`` is the reader's, for what is said of a name that is unknown.

        Raises TemplateNotFound (with the nearest names), TemplateMoved, TemplateGone, LabelNotFound,
        VersionNotFound, RevisionNotFound. Never falls back to another state.
        """
        if selector.ref is not None or selector.at is not None:
            version, loaded = await self.find(repository, name, selector)
            return make_read(version, loaded, (), selector)
        entry, version, found = await self._select(repository, name, selector, sight)
        labels = tuple(sorted(label for label, number in entry.labels.items() if number == version.number))
        return make_read(version, await self._shown.load(version, found.bodies), labels, selector, found.indexed)

    async def renderable(
        self,
        repository: RepositoryName,
        name: TemplateName,
        selector: Selector,
        stamp: Hashable,
        sight: Sight = EVERYTHING,
    ) -> Renderable:
        """What the selector names, for ``render``. Raises as ``read``.

        It is found once while the caller's ``stamp``, which changes with the repository's projection, is the same.
        """
        key = (repository, name, selector)
        known = self._known.get(key)
        if known is not None and known.stamp == stamp:
            loaded = await self._load(repository, known.version)
        elif selector.ref is not None or selector.at is not None:
            checkpoint = await self._projection.checkpoint(repository)
            version, loaded = await self.find(repository, name, selector)
            # It is not kept: other refs move without a projection.
            known = _Known(stamp, version, checkpoint.commit if checkpoint is not None else None)
        else:
            _, version, found = await self._select(repository, name, selector, sight)
            loaded = self._loaded(version, found)
            known = self._known[key] = _Known(stamp, version, found.indexed)
        return self._renderable(known, loaded, selector)

    @staticmethod
    def _renderable(known: _Known, loaded: Loaded, selector: Selector) -> Renderable:
        read = make_read(known.version, loaded, (), selector)
        return Renderable(read, loaded.template, loaded.partial_templates, known.indexed)

    async def last_renderable(
        self, repository: RepositoryName, name: TemplateName, selector: Selector
    ) -> Renderable | None:
        """What the selector named when that was last found out. Raises Unavailable where its texts are not known."""
        known = self._known.get((repository, name, selector))
        return self._renderable(known, await self._load(repository, known.version), selector) if known else None

    async def require_readable(self, repository: RepositoryName, text: str, sight: Sight) -> TemplateName:
        """The name that somebody reads by. Raises BadRequest, TemplateMoved."""
        return await require_readable(self._templates, repository, text, sight)

    async def render(self, found: Renderable, values: Mapping[str, Json], *, strict: bool = False) -> Rendered:
        """Renders with values. Raises VariablesInvalid, RenderFailed, RenderLimit, Unavailable."""
        return await self._renderer.render(found.template, found.partials, values, strict=strict)

    async def find(
        self, repository: RepositoryName, name: TemplateName, selector: Selector, sight: Sight = EVERYTHING
    ) -> tuple[VersionEntry, Loaded]:
        """The state that the selector names, all of it parsed (a ``number`` of 0: no version). Raises as ``read``."""
        if selector.ref is not None or selector.at is not None:
            version, bodies = await self._revisions.read(repository, name, selector)
            loaded = self._source.find(name, version.digest) or self._source.load(name, version.closure, bodies)
            return version, loaded
        _, version, found = await self._select(repository, name, selector, sight)
        return version, self._loaded(version, found)

    def _loaded(self, version: VersionEntry, found: SelectedState) -> Loaded:
        known = self._source.find(version.name, version.digest)
        return known or self._source.load(version.name, version.closure, found.bodies)

    async def _select(
        self, repository: RepositoryName, name: TemplateName, selector: Selector, sight: Sight
    ) -> tuple[TemplateEntry, VersionEntry, SelectedState]:
        """The version that the selector names on the default branch, which is valid."""
        found = await self._versions.find_selected(repository, name, label=selector.label, version=selector.version)
        entry, version = found.entry, found.version
        if entry is None:
            if found.indexed is None:
                self._revisions.require_unborn(repository)
            await explain_unknown(self._templates, repository, name, sight)
        number = await self._number(repository, entry, selector, found.rules)
        if selector.version is None and (version is None or version.number != number):  # the default is a label
            again = await self._versions.find_selected(repository, name, version=number)
            # The labels are those of the first: an answer must not name a commit that part of it has not seen.
            version, found = again.version, replace(again, indexed=found.indexed)
        if version is None:
            raise VersionNotFound(f"{name} has no version {number}; {versions_there_are(entry.version)}.")
        if not version.valid:
            require_not_purged(name, version.closure, found.bodies)
            reason = f": {version.diagnostics[0]}" if version.diagnostics else ""
            raise VersionNotFound(f"Version {number} of {name} is invalid and never served{reason}")
        return entry, version, found

    async def _number(self, repository: RepositoryName, entry: TemplateEntry, selector: Selector, rules: Json) -> int:
        if selector.version is not None:
            return selector.version
        await require_present(self._templates, repository, entry)
        label = selector.label or parse_rules(rules).default_label
        if label is not None:
            return _labelled(entry, label)
        if entry.default is None:
            ways = f"label=latest or version={entry.version}"
            raise VersionNotFound(f"{entry.name} has no valid version that is not a draft; ask for {ways}.")
        return entry.default

    async def _load(self, repository: RepositoryName, version: VersionEntry) -> Loaded:
        known = self._source.find(version.name, version.digest)
        if known is not None:
            return known
        blobs = [blob for _, blob in version.closure if blob is not None]
        return self._source.load(version.name, version.closure, await self._templates.read_bodies(repository, blobs))


def _labelled(entry: TemplateEntry, label: LabelName) -> int:
    if label == LATEST:
        if entry.latest is None:
            raise VersionNotFound(f"{entry.name} has no valid version.")
        return entry.latest
    if label not in entry.labels:
        carried = ", ".join(f"{word} (version {n})" for word, n in sorted(entry.labels.items())) or "none"
        raise LabelNotFound(
            f"{entry.name} does not carry the label {label!r}; it carries: {carried}. "
            f"Its newest valid version is {entry.latest}."
        )
    return entry.labels[label]


def make_read(
    version: VersionEntry,
    shown: Shown,
    labels: tuple[LabelName, ...],
    selector: Selector,
    indexed: CommitId | None = None,
) -> TemplateRead:
    """The read of a state that the selector named and that ``labels`` point to, as of a commit of the projection."""
    number = version.number or None
    state = f"{','.join(labels)}|{selector.label or ''}|{'' if number else version.commit}"
    return TemplateRead(
        name=version.name,
        version=number,
        commit=version.commit,
        digest=version.digest,
        labels=labels,
        source=shown.source,
        document=shown.document,
        partials=shown.partials,
        status=Status(shown.document.get("status", Status.ACTIVE)),
        replaced_by=shown.document.get("replaced_by"),
        updated_at=version.committed_at,
        author_name=version.author_name,
        author_email=version.author_email,
        message=version.subject,
        etag=make_etag(number, version.digest, state),
        reference=version.reference,
        cause=version.cause,
        moved_from=version.moved_from,
        indexed=indexed,
    )
