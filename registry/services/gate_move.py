"""A branch's move that is judged, and what was found out about it on the way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from registry.domain.access import Actor
from registry.domain.graph import Change, Closure, TemplateGraph
from registry.domain.ids import BlobId, CommitId, RepositoryName, TemplateName
from registry.domain.refs import RefUpdate
from registry.domain.registry_rules import RegistryRules
from registry.domain.rights import NOWHERE, Sight
from registry.ports.git import GitStore
from registry.services.states import Projected, graph_at
from registry.services.tree_changes import Delta, Run, graph_changes, read_many, sort_out

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Move:
    """One branch's move: by whom, under which rules; ``bodies`` is what was read of its new files."""

    repository: RepositoryName
    store: GitStore
    update: RefUpdate
    actor: Actor
    rules: RegistryRules
    bodies: Mapping[BlobId, bytes]
    run: Run
    progress: Progress
    rollback: bool

    @property
    def old(self) -> CommitId | None:
        """Where the branch was."""
        return None if self.update.creates else self.update.old


@dataclass(frozen=True, slots=True)
class Tip:
    """A branch's new tip: what changed in it and the include graph's view of that, taken without an await.

    ``orphaned`` holds what is removed and still included, with those that include it.
    """

    delta: Delta
    changed: frozenset[TemplateName]
    removed: frozenset[TemplateName]
    orphaned: Mapping[TemplateName, list[TemplateName]]
    closures: Mapping[TemplateName, Closure]


def _as_seen(graph: TemplateGraph, name: TemplateName, before: frozenset[TemplateName], sight: Sight) -> Closure:
    """A changed template's closure, in which a partial that it includes newly and whose author may not read is missing.

    Else he would read it by including it. What it included before somebody put there who may read it.
    """
    hidden = [each for each in graph.includes(name) - before if not sight.has(each)]
    return (graph.overlay(Change(each, None) for each in hidden) if hidden else graph).closure(name)


async def read_tip(move: Move, projected: Projected, old: CommitId | None) -> Tip:
    """The new tip as it differs from ``old``."""
    delta = sort_out(await move.run(move.store.changes, old, move.update.new))
    changes = graph_changes(delta.templates, await read_many(move.store, delta.blobs(), move.bodies))
    # From here on without an await: the projected state may move on at any.
    graph: TemplateGraph = graph_at(move.store, projected, old).overlay(changes)
    changed = frozenset(change.name for change in changes if change.blob is not None)
    removed = frozenset(change.name for change in changes if change.blob is None)
    affected = graph.affected(changed | removed)
    closures = {name: graph.closure(name) for name in sorted(affected) if graph.blob(name) is not None}
    sight = move.actor.rights.sight(move.repository) or NOWHERE
    if not sight.is_whole:
        before = graph_at(move.store, projected, old)
        for name in changed:
            closures[name] = _as_seen(graph, name, before.includes(name), sight)
    includers = {name: sorted(each for each in graph.includers(name) if each in closures) for name in sorted(removed)}
    return Tip(delta, changed, removed, {name: found for name, found in includers.items() if found}, closures)
