"""Whether somebody may change what a branch's move changes: each file where it lies, the rules by maintainers alone."""

from collections.abc import Iterable
from dataclasses import replace

from registry.domain.branches import branch_name
from registry.domain.diagnostics import Diagnostic, has_errors
from registry.domain.ids import CommitId, RepositoryName
from registry.domain.labels import label_of_path
from registry.domain.names import LABELS, PROMPTS, decode_segment, folder_of, template_name
from registry.domain.rights import Place, Sight
from registry.domain.roles import Role
from registry.services.gate_move import Move
from registry.services.tree_changes import OWNERS_PATH, RULES_PATH

RULE, COLLISION = "change-not-allowed", "name-collision"

_OF_MAINTAINERS = frozenset({RULES_PATH, OWNERS_PATH})
"""Who could change these could let himself do everything else."""


def check_default_rights(move: Move, paths: Iterable[str]) -> list[Diagnostic]:
    """One finding for each path that the pusher may not change on the default branch."""
    found = []
    for path in sorted(set(paths)):
        needed = Role.MAINTAINER if path in _OF_MAINTAINERS else Role.AUTHOR
        place = place_of_path(move.repository, path)
        role = move.actor.rights.role_at(place)
        if role is None or not role.includes(needed):
            found.append(_missing(path, needed, place, role))
        elif not move.rollback and not move.rules.may_push(branch_name(move.update.ref), role):
            message = (
                f"The branch takes changes there from nobody who is {role} at {place} "
                f"(branches.{branch_name(move.update.ref)}.push in .registry.yaml)."
            )
            found.append(Diagnostic(RULE, message, path))
    return found


def check_draft_rights(move: Move, paths: Iterable[str], default: CommitId | None) -> list[Diagnostic]:
    """The same of new commits on another branch.

    ``default`` is where it parted from the default branch: what it has as it is there may have been merged from there.
    """
    found = []
    for path in sorted(set(paths)):
        place = place_of_path(move.repository, path)
        role = move.actor.rights.role_at(place)
        if role is not None and role.includes(Role.AUTHOR):
            continue
        if default is None or move.store.entry(move.update.new, path) != move.store.entry(default, path):
            found.append(_missing(path, Role.AUTHOR, place, role))
    return found


def refuse_unseen(repository: RepositoryName, paths: Iterable[str], sight: Sight) -> list[Diagnostic]:
    """One finding for each path that is outside of what somebody sees, the same whether there is such a file or not.

    Who does not see all has no role in the whole repository, where files count that are neither template nor labels.
    """
    if sight.is_whole:
        return []
    places = {path: place_of_path(repository, path) for path in paths}
    hidden = (path for path, place in places.items() if not place.folder or not _is_seen(path, sight))
    needed = {path: Role.MAINTAINER if path in _OF_MAINTAINERS else Role.AUTHOR for path in places}
    return [_missing(path, needed[path], places[path], None) for path in hidden]


def only_seen(found: Iterable[Diagnostic], sight: Sight) -> list[Diagnostic]:
    """The findings, without what would tell of templates that are not seen: that some would break is said once."""
    if sight.is_whole:
        return list(found)
    told = list(found)
    seen = [_unnamed(each) if each.rule == COLLISION else each for each in told if _is_seen(each.path, sight)]
    if has_errors(each for each in told if not _is_seen(each.path, sight)):
        message = (
            "Templates that you may not read would be broken by it. Ask somebody who may read the whole repository."
        )
        seen.append(Diagnostic(RULE, message))
    return seen


def _unnamed(found: Diagnostic) -> Diagnostic:
    """A collision of names, without the other name: whoever is told may not see it."""
    message = (
        "It differs from something that is there only in case or Unicode form, which some systems take for the same: "
        "use another name."
    )
    return replace(found, message=message)


def _is_seen(path: str, sight: Sight) -> bool:
    """Files that are neither a template's nor labels belong to all; of folders those that lead to what is seen do."""
    name, label = template_name(path), label_of_path(path)
    if name is not None:
        return sight.has(name)
    if label is not None:
        return sight.has(f"{label[1]}/x")
    if path.startswith(PROMPTS):
        segments = [decode_segment(each) or each for each in path.removeprefix(PROMPTS).split("/")]
        return bool(sight.below("/".join(segments)))
    return not path.startswith(LABELS)


def place_of_path(repository: RepositoryName, path: str) -> Place:
    """Where a file counts: a template's or label file's folder, for all other files the whole repository."""
    name = template_name(path)
    if name is not None:
        return Place(repository, folder_of(name))
    label = label_of_path(path)
    return Place(repository, label[1] if label is not None else "")


def _missing(path: str, needed: Role, place: Place, role: Role | None) -> Diagnostic:
    mine = f"you are {role} there" if role is not None else "you have no role there"
    return Diagnostic(RULE, f"Changing it needs the role {needed} at {place}; {mine}.", path)
