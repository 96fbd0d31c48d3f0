"""Whether changed templates still fit their callers: the gate's rule ``breaking-change``."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from registry.domain.compatibility import Break, announces, breaks, declares_alike, declares_same_bytes, diagnose
from registry.domain.diagnostics import Diagnostic, Severity
from registry.domain.ids import BlobId, CommitId, TemplateName
from registry.domain.names import template_name, template_path
from registry.domain.registry_rules import Compatibility
from registry.domain.template import Status, Template
from registry.ports.catalogue import VersionIndex
from registry.ports.git import GitStore
from registry.services.checking import SLICE_SECONDS, Checker
from registry.services.gate_labels import labels_of
from registry.services.gate_move import Move, Tip
from registry.services.states import Projected
from registry.services.tree_changes import REGULAR, read_many

FILES_AT_ONCE = 500
"""How many templates are compared at a time; old and new files of so many are held."""

BEFORE = "the state before"


@dataclass(frozen=True, slots=True)
class Pair:
    """A template that a change replaces: both blobs, and what must hold between them."""

    name: TemplateName
    old: BlobId
    new: BlobId
    mode: Compatibility


@dataclass(frozen=True, slots=True)
class _Differing:
    """A pair whose declarations differ, read."""

    pair: Pair
    old: Template
    new: Template


class CompatibilityRules:
    """The gate's rule for what callers rely on.

    A changed template is compared with its predecessor and with every version that a label names. What a label's
    version shares with the predecessor was announced when it came, so it is not told again.
    """

    def __init__(self, *, versions: VersionIndex, checker: Checker) -> None:
        self._versions = versions
        self._checker = checker

    async def check_tip(self, move: Move, tip: Tip, base: CommitId | None, projected: Projected) -> list[Diagnostic]:
        """What breaks between a commit and a branch's new tip, and is not announced by a commit on the way.

        ``projected`` is the nearest state: where it is the commit's own, its numbers save look-ups. A roll-back changes
        labels only; nothing here can refuse it. Yields to other tasks on the way.
        """
        if base is None or move.rollback:
            return []
        pairs = _pairs(move, tip)
        found: list[Diagnostic] = []
        for start in range(0, len(pairs), FILES_AT_ONCE):
            part = pairs[start : start + FILES_AT_ONCE]
            wanted = [blob for pair in part for blob in (pair.old, pair.new) if blob not in move.bodies]
            read = await read_many(move.store, wanted)
            bodies = {blob: read[blob] if blob in read else move.bodies[blob] for p in part for blob in (p.old, p.new)}
            differing = await self._differing(move.store, part, bodies)
            labels = _labels(move.store, base, [each.pair.name for each in differing]) if differing else {}
            for each in differing:
                name = each.pair.name
                newest = projected.versions.numbers.get(name) if projected.commit == base else None
                named = await self._labelled(move, each, labels.get(name, {}), newest)
                found += _findings(each, named, bodies[each.pair.new])
                await asyncio.sleep(0)
        if not found:
            return []
        announced = await _announced(move, base)
        return [each for each in found if each.path not in announced]

    async def _differing(
        self, store: GitStore, pairs: Sequence[Pair], bodies: Mapping[BlobId, bytes]
    ) -> list[_Differing]:
        """Those whose declarations differ; most changes are of texts, which the bytes tell."""
        turn = time.monotonic()
        unlike: list[Pair] = []
        for pair in pairs:
            if not declares_same_bytes(bodies[pair.old], bodies[pair.new]):
                unlike.append(pair)
            if time.monotonic() - turn > SLICE_SECONDS:
                await asyncio.sleep(0)
                turn = time.monotonic()
        files = [(pair.name, blob) for pair in unlike for blob in (pair.old, pair.new)]
        templates = await self._checker.templates(store, files, bodies) if files else {}
        found: list[_Differing] = []
        for pair in unlike:
            old, new = templates[pair.name, pair.old], templates[pair.name, pair.new]
            if old is not None and new is not None and not declares_alike(old, new):
                found.append(_Differing(pair, old, new))
        return found

    async def _labelled(
        self, move: Move, changed: _Differing, labels: Mapping[int, Sequence[str]], newest: int | None
    ) -> list[tuple[str, Template]]:
        """What labels name of a template: in words, and as it was; ``newest`` is the predecessor's number if known."""
        name = changed.pair.name
        found: list[tuple[str, Template]] = []
        for number, words in sorted(labels.items()):
            template: Template | None = changed.old
            if number != newest:
                version = await self._versions.find_version(move.repository, name, number)
                if version is None:
                    continue
                template = (await self._checker.templates(move.store, [(name, version.blob)]))[name, version.blob]
            if template is not None:
                found.append((f"version {number} ({', '.join(words)})", template))
        return found


def _labels(
    store: GitStore, commit: CommitId, names: Sequence[TemplateName]
) -> dict[TemplateName, dict[int, list[str]]]:
    """Name → version → the labels that name it in a commit's tree."""
    found: dict[TemplateName, dict[int, list[str]]] = {}
    for _, label, name, target in labels_of(store, commit, names):
        found.setdefault(name, {}).setdefault(target.version, []).append(label)
    return found


def _pairs(move: Move, tip: Tip) -> list[Pair]:
    found: list[Pair] = []
    for change in tip.delta.templates:
        name, old, new = template_name(change.path), change.old, change.new
        if name is None or old is None or new is None or old.mode not in REGULAR or new.mode not in REGULAR:
            continue
        mode = move.rules.compatibility_of(name)
        if mode is not Compatibility.NONE:
            found.append(Pair(name, old.id, new.id, mode))
    return found


def _findings(changed: _Differing, labelled: Iterable[tuple[str, Template]], body: bytes) -> Iterator[Diagnostic]:
    """A draft has no callers but those that a label sends: what differs from it alone is a warning."""
    mode, path = changed.pair.mode, template_path(changed.pair.name)
    told: dict[Break, list[str]] = {}
    for base, template in labelled:
        shared = set(breaks(template, changed.old, mode))  # none where it is the predecessor itself
        for each in breaks(template, changed.new, mode):
            if each not in shared:
                told.setdefault(each, []).append(base)
    before = {each: BEFORE for each in breaks(changed.old, changed.new, mode) if each not in told}
    severity = Severity.WARNING if changed.old.status is Status.DRAFT else Severity.ERROR
    yield from diagnose({each: " and ".join(bases) for each, bases in told.items()}, path, body)
    yield from diagnose(before, path, body, severity=severity)


async def _announced(move: Move, base: CommitId) -> set[str]:
    """The paths that a commit with the trailer changes, among those that the move brings to the branch."""
    found: set[str] = set()
    for commit_id in await move.run(move.store.new_commits, [move.update.new], [base]):
        commit = move.store.commit(commit_id)
        if announces(commit.message):
            parent = commit.parents[0] if commit.parents else None
            found.update(change.path for change in await move.run(move.store.changes, parent, commit_id))
    return found
