"""What numbering knows of each repository, in memory, at the checkpoint of the catalogue."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from registry.domain.catalogue import PROJECTION_SCHEMA
from registry.domain.errors import RevisionNotFound
from registry.domain.graph import Change, TemplateGraph
from registry.domain.ids import CommitId, RepositoryName, TemplateName
from registry.domain.versions import VersionState
from registry.ports.git import GitStore
from registry.ports.projection import Projection
from registry.services.tree_changes import template_changes

KEPT_CHANGES = 1_000
"""So many changes between two commits are kept for the next commit on top of them."""


@dataclass(frozen=True, slots=True)
class _Ahead:
    """What changes from one commit to the one at which the graph was asked for last."""

    start: CommitId | None
    commit: CommitId
    changes: Mapping[TemplateName, Change]


@dataclass(slots=True)
class Projected:
    """A repository as far as it has been projected; ``commit`` is None where it never was."""

    commit: CommitId | None
    ordinal: int
    versions: VersionState
    ahead: _Ahead | None = None
    """What ``graph_at`` remembers."""


class States:
    """Holds one state a repository, loaded from the catalogue once and moved on by each projection."""

    def __init__(self, *, projection: Projection) -> None:
        self._projection = projection
        self._held: dict[RepositoryName, Projected] = {}
        self._loading: defaultdict[RepositoryName, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def nearest(self, repository: RepositoryName) -> Projected:
        """The held state, else the checkpoint's; read-only (but by ``graph_at``) unless you hold the projecting lock.

        It may run ahead of the checkpoint while a batch is made, or fall behind where another process projects. Commit
        and versions always belong together, so changes can be looked at from any.
        """
        held = self._held.get(repository)
        if held is not None:
            return held
        async with self._loading[repository]:
            return self._held.get(repository) or await self._load(repository)

    async def _load(self, repository: RepositoryName) -> Projected:
        checkpoint = await self._projection.checkpoint(repository)
        while checkpoint is not None and checkpoint.schema == PROJECTION_SCHEMA:
            versions = await self._projection.load_state(repository)
            again = await self._projection.checkpoint(repository)
            if again == checkpoint:
                state = self._held[repository] = Projected(checkpoint.commit, checkpoint.ordinal, versions)
                return state
            checkpoint = again  # another process projected meanwhile: what was loaded may be of either commit
        return Projected(None, 0, VersionState())

    def hold(self, repository: RepositoryName, state: Projected) -> None:
        """Keeps the state that a finished batch has reached."""
        self._held[repository] = state

    async def compare(self, repository: RepositoryName) -> bool:
        """Drops what is held where the catalogue does not say the same: somebody emptied it, or put it back.

        True where that was so.
        """
        held = self._held.get(repository)
        if held is None:
            return False
        checkpoint = await self._projection.checkpoint(repository)
        differs = checkpoint is None or (checkpoint.commit, checkpoint.schema) != (held.commit, PROJECTION_SCHEMA)
        if differs:
            self.forget(repository)
        return differs

    def forget(self, repository: RepositoryName) -> None:
        """Drops what is held, because a batch that had changed it was not written."""
        self._held.pop(repository, None)


def graph_at(store: GitStore, projected: Projected, commit: CommitId | None) -> TemplateGraph:
    """The include graph at a commit, as an overlay over the projected one. Do not hold it across an await."""
    if commit is None:
        return TemplateGraph()
    if projected.commit == commit:
        return projected.versions.graph
    try:
        return projected.versions.graph.overlay(_changes_to(store, projected, commit))
    except RevisionNotFound:
        return TemplateGraph(template_changes(store, None, commit))


def _changes_to(store: GitStore, projected: Projected, commit: CommitId) -> Collection[Change]:
    """The changes since the projected commit; the writes of a turn stand one on the other, so each adds its own."""
    ahead = projected.ahead
    if ahead is not None and ahead.start != projected.commit:
        ahead = None
    if ahead is not None and ahead.commit == commit:
        return ahead.changes.values()
    known: Mapping[TemplateName, Change] = {}
    since = projected.commit
    if ahead is not None and ahead.commit in store.commit(commit).parents[:1]:
        known, since = ahead.changes, ahead.commit
    changes = {**known, **{change.name: change for change in template_changes(store, since, commit)}}
    projected.ahead = _Ahead(projected.commit, commit, changes) if len(changes) <= KEPT_CHANGES else None
    return changes.values()
