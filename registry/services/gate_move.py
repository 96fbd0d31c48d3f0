"""A branch's move that is judged, and what was found out about it on the way."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from registry.domain.access import Actor
from registry.domain.graph import Change, Closure, TemplateGraph
from registry.domain.ids import BlobId, CommitId, RepositoryName, TemplateName
from registry.domain.refs import RefUpdate
from registry.domain.registry_rules import RegistryRules
from registry.domain.rights import Sight
from registry.ports.git import GitStore
from registry.services.states import Projected, graph_at
from registry.services.tree_changes import Delta, Run, graph_changes, read_many, sort_out, template_changes

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

    ``orphaned`` holds what is removed and still included, with those that include it; ``unseen`` the partials that
    changed templates include newly though whoever changes them may not read them, there or not.
    """

    delta: Delta
    changed: frozenset[TemplateName]
    removed: frozenset[TemplateName]
    orphaned: Mapping[TemplateName, list[TemplateName]]
    closures: Mapping[TemplateName, Closure]
    unseen: Mapping[TemplateName, frozenset[TemplateName]]


def _unseen(
    graph: TemplateGraph, before: TemplateGraph, changes: Iterable[Change], sight: Sight
) -> dict[TemplateName, frozenset[TemplateName]]:
    """What changed templates include newly, and their author may not read: else he would read it by including it.

    What a template, or one that goes where it comes, included before stays: somebody put it there who may read it.
    """
    told = list(changes)
    gone = {change.name for change in told if change.blob is None and sight.has(change.name)}
    moved = frozenset(each for name in gone for each in before.includes(name))
    found = {}
    for change in told:
        had = moved if before.blob(change.name) is None else before.includes(change.name)
        hidden = frozenset(each for each in graph.includes(change.name) - had if not sight.has(each))
        if hidden:
            found[change.name] = hidden
    return found


async def read_tip(move: Move, projected: Projected, old: CommitId | None) -> Tip:
    """The new tip as it differs from ``old``."""
    delta = sort_out(await move.run(move.store.changes, old, move.update.new))
    changes = graph_changes(delta.templates, await read_many(move.store, delta.blobs(), move.bodies))
    # From here on without an await: the projected state may move on at any.
    graph: TemplateGraph = graph_at(move.store, projected, old).overlay(changes)
    changed = frozenset(change.name for change in changes if change.blob is not None)
    removed = frozenset(change.name for change in changes if change.blob is None)
    affected = graph.affected(changed | removed)
    sight = move.actor.rights.seen(move.repository)
    unseen: Mapping[TemplateName, frozenset[TemplateName]] = {}
    shown = graph
    if not sight.is_whole:
        own = changes if old == move.old else template_changes(move.store, move.old, move.update.new)
        unseen = _unseen(graph, graph_at(move.store, projected, move.old), own, sight)
        hidden = frozenset(each for names in unseen.values() for each in names)
        shown = graph.overlay(Change(each, None) for each in hidden)  # to nobody are they there
    closures = {name: shown.closure(name) for name in sorted(affected) if shown.blob(name) is not None}
    includers = {name: sorted(each for each in graph.includers(name) if each in closures) for name in sorted(removed)}
    return Tip(delta, changed, removed, {name: found for name, found in includers.items() if found}, closures, unseen)
