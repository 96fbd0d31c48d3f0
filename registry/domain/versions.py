"""Version numbers: they count the first-parent commits of the default branch in which a template's digest changed.

They follow from Git alone: replaying the commits one by one from the root, or going on from any checkpoint, gives the
same numbers. Whether a state is valid plays no part: a broken state takes a number too.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from registry.domain.graph import Change, Closure, TemplateGraph, closure_digest
from registry.domain.ids import BlobId, CommitId, Digest, TemplateName


@dataclass(frozen=True, slots=True)
class Numbered:
    """A template has a new version.

    ``cause`` is None where its own file changed, else the partial whose change made the version: the nearest along
    the includes, of several equally near the first by name. ``moved_from`` is the old name of an exact rename.
    """

    name: TemplateName
    number: int
    digest: Digest
    blob: BlobId
    closure: Closure
    cause: TemplateName | None
    moved_from: TemplateName | None


@dataclass(frozen=True, slots=True)
class Step:
    """What one commit does: new versions, and the names removed with where they moved to (None: deleted).

    Both are sorted by name.
    """

    versions: tuple[Numbered, ...]
    removed: tuple[tuple[TemplateName, TemplateName | None], ...]


class VersionState:
    """What numbering the next commit needs: the include graph of the last one, and the last number of every name.

    ``numbers`` keeps deleted names, so that the same bytes made again are a new number.
    """

    __slots__ = ("graph", "numbers")

    def __init__(self, graph: TemplateGraph | None = None, numbers: Mapping[TemplateName, int] | None = None) -> None:
        self.graph = graph if graph is not None else TemplateGraph()
        self.numbers: dict[TemplateName, int] = dict(numbers or {})

    def step(self, changes: Sequence[Change]) -> Step:
        """Goes one first-parent commit further.

        ``changes`` are the templates whose files differ between the commit and its first parent, in any order; those
        whose blob is what it was (a change of mode) do not count.
        """
        before = self.graph.blobs
        wanted = {change.name: change for change in changes}
        real = [change for name, change in wanted.items() if before.get(name) != change.blob]
        if not real:
            return Step((), ())
        removed = {change.name: before[change.name] for change in real if change.blob is None}
        added = {c.name: c.blob for c in real if c.blob is not None and c.name not in before}
        moves = pair_renames(removed, added)
        self.graph.apply(real)
        reached = self.graph.spread(change.name for change in real)
        versions = [self._number(name, reached[name], moves) for name in sorted(reached) if name in self.graph.blobs]
        moved_to = {old: new for new, old in moves.items()}
        return Step(tuple(versions), tuple((name, moved_to.get(name)) for name in sorted(removed)))

    def _number(self, name: TemplateName, cause: TemplateName, moves: Mapping[TemplateName, TemplateName]) -> Numbered:
        number = self.numbers.get(name, 0) + 1
        self.numbers[name] = number
        closure = self.graph.closure(name)
        return Numbered(
            name=name,
            number=number,
            digest=closure_digest(closure),
            blob=self.graph.blobs[name],
            closure=closure,
            cause=cause if cause != name else None,
            moved_from=moves.get(name),
        )


def make_reference(name: TemplateName, number: int | None, digest: Digest, commit: CommitId) -> str:
    """The string to log with what a model answers: ``support/triage@12#3f9ac1d2``.

    A state that is no version has the first twelve digits of its commit instead of a number.
    """
    return f"{name}@{number or commit[:12]}#{digest[:8]}"


def pair_renames(
    removed: Mapping[TemplateName, BlobId], added: Mapping[TemplateName, BlobId]
) -> dict[TemplateName, TemplateName]:
    """New name → old name of the exact renames among removed and added templates.

    Pairs have the same blob id; of several candidates those with the same last segment go together first, then the
    rest in sorted order.
    """
    old_by_blob: defaultdict[BlobId, list[TemplateName]] = defaultdict(list)
    for name in sorted(removed):
        old_by_blob[removed[name]].append(name)
    new_by_blob: defaultdict[BlobId, list[TemplateName]] = defaultdict(list)
    for name in sorted(added):
        if added[name] in old_by_blob:
            new_by_blob[added[name]].append(name)
    moves: dict[TemplateName, TemplateName] = {}
    for blob, news in new_by_blob.items():
        moves.update(_pair(old_by_blob[blob], news))
    return moves


def _pair(olds: Sequence[TemplateName], news: Sequence[TemplateName]) -> dict[TemplateName, TemplateName]:
    """Pairs two sorted lists: equal last segments first, then in order."""
    by_segment: defaultdict[str, list[TemplateName]] = defaultdict(list)
    for old in reversed(olds):
        by_segment[_last_segment(old)].append(old)
    pairs: dict[TemplateName, TemplateName] = {}
    for new in news:
        candidates = by_segment.get(_last_segment(new))
        if candidates:
            pairs[new] = candidates.pop()
    taken = set(pairs.values())
    free = [old for old in olds if old not in taken]
    pairs.update(zip([new for new in news if new not in pairs], free, strict=False))
    return pairs


def _last_segment(name: TemplateName) -> str:
    return name.rpartition("/")[2]
