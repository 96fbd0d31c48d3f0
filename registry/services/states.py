"""What numbering knows of each repository, in memory, at the checkpoint of the catalogue."""

from dataclasses import dataclass

from registry.domain.catalogue import PROJECTION_SCHEMA
from registry.domain.errors import RevisionNotFound
from registry.domain.graph import TemplateGraph
from registry.domain.ids import CommitId, RepositoryName
from registry.domain.versions import VersionState
from registry.ports.git import GitStore
from registry.ports.projection import Projection
from registry.services.tree_changes import template_changes


@dataclass(slots=True)
class Projected:
    """A repository as far as it has been projected; ``commit`` is None where it never was."""

    commit: CommitId | None
    ordinal: int
    versions: VersionState


class States:
    """Holds one state a repository and makes sure that it is the checkpoint's, whoever projected last."""

    def __init__(self, *, projection: Projection) -> None:
        self._projection = projection
        self._held: dict[RepositoryName, Projected] = {}

    async def current(self, repository: RepositoryName) -> Projected:
        """The state at the catalogue's checkpoint. Treat it as read-only unless you hold the projecting lock."""
        while True:
            checkpoint = await self._projection.checkpoint(repository)
            if checkpoint is None or checkpoint.schema != PROJECTION_SCHEMA:
                return Projected(None, 0, VersionState())
            held = self._held.get(repository)
            if held is not None and held.commit == checkpoint.commit:
                return held
            versions = await self._projection.load_state(repository)
            # Read again: another process may have projected between the two look-ups.
            self._held[repository] = Projected(checkpoint.commit, checkpoint.ordinal, versions)

    async def nearest(self, repository: RepositoryName) -> Projected:
        """A state to look at changes from: the held one, even where it runs ahead of the checkpoint just now.

        Commit and versions always belong together, so any commit serves; read-only.
        """
        return self._held.get(repository) or await self.current(repository)

    def hold(self, repository: RepositoryName, state: Projected) -> None:
        """Keeps the state that a finished batch has reached."""
        self._held[repository] = state

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
        return projected.versions.graph.overlay(template_changes(store, projected.commit, commit))
    except RevisionNotFound:
        return TemplateGraph(template_changes(store, None, commit))
