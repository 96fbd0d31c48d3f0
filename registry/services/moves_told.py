"""What a move of a ref means for the audit: forced or not, and which labels and rules changed with it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from registry.domain.audit import AuditAction, AuditDraft
from registry.domain.ids import CommitId, LabelName, RefName, TemplateName
from registry.domain.labels import label_of_path, read_labels
from registry.domain.refs import RefUpdate, TreeChange
from registry.ports.git import GitStore
from registry.services.tree_changes import read_file, sort_out

LABELS_AT_MOST = 1_000
"""Moves of labels that one move of a branch is told in; of more only how many there are of each label."""

Move = tuple[LabelName, TemplateName, int | None, int | None]


def moves_told(store: GitStore, whole: AuditDraft, update: RefUpdate, *, default: RefName) -> list[AuditDraft]:
    """The draft of the move, and on the default branch one for each label and file of rules that changed.

    Raises RevisionNotFound where a commit is gone.
    """
    is_branch = update.ref.startswith("refs/heads/")
    if whole.action is AuditAction.REF_UPDATED and is_branch and not store.is_reachable(update.old, [update.new]):
        whole = replace(whole, action=AuditAction.REF_FORCED)
    if update.ref != default or update.deletes:
        return [whole]
    old = None if update.creates else update.old
    delta = sort_out(store.changes(old, update.new))
    moves = sorted(
        (move for change in delta.labels for move in _moves(store, old, update.new, change)), key=lambda m: m[:2]
    )
    rules = [change for change in (delta.rules, delta.owners) if change is not None]
    told = [*_labels_told(whole, moves), *(_rules_told(whole, change) for change in rules)]
    return [whole, *(replace(each, operation=f"{whole.operation}/{n}") for n, each in enumerate(told, 1))]


def _moves(store: GitStore, old: CommitId | None, new: CommitId, change: TreeChange) -> list[Move]:
    where = label_of_path(change.path)
    if where is None:
        return []
    before, after = (_targets(store, commit, change.path) for commit in (old, new))
    found = ((where[0], name, before.get(name), after.get(name)) for name in {*before, *after})
    return [move for move in found if move[2] != move[3]]


def _targets(store: GitStore, commit: CommitId | None, path: str) -> dict[TemplateName, int]:
    data = read_file(store, commit, path)
    return {name: target.version for name, target in read_labels(data, path).entries.items()} if data else {}


def _labels_told(whole: AuditDraft, moves: Sequence[Move]) -> list[AuditDraft]:
    moved = replace(whole, action=AuditAction.LABEL_MOVED, old=None, new=None)
    if len(moves) > LABELS_AT_MOST:
        counted = Counter(move[0] for move in moves)
        return [replace(moved, label=label, new={"templates": n}) for label, n in sorted(counted.items())]
    return [
        replace(moved, label=label, name=name, old=_version(old), new=_version(new)) for label, name, old, new in moves
    ]


def _version(number: int | None) -> dict[str, Any] | None:
    return {"version": number} if number is not None else None


def _rules_told(whole: AuditDraft, change: TreeChange) -> AuditDraft:
    old, new = ({"path": change.path, "blob": side.id} if side else None for side in (change.old, change.new))
    return replace(whole, action=AuditAction.SETTINGS_CHANGED, old=old, new=new)
