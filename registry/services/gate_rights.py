"""Whether somebody may change what a branch's move changes: each file where it lies, the rules by maintainers alone."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from registry.domain.access import Actor
from registry.domain.branches import branch_name
from registry.domain.diagnostics import Diagnostic, has_errors
from registry.domain.git_needs import FILE, RULES
from registry.domain.ids import CommitId, RepositoryName
from registry.domain.labels import label_of_path
from registry.domain.names import LABELS, PROMPTS, decode_segment, folder_of, template_name
from registry.domain.rights import Place, Sight
from registry.domain.roles import Role
from registry.ports.git import GitStore
from registry.services.gate_move import Move
from registry.services.tree_changes import OWNERS_PATH, RULES_PATH, Run

RULE, COLLISION = "change-not-allowed", "name-collision"

_OF_MAINTAINERS = frozenset({RULES_PATH, OWNERS_PATH})
"""Who could change these could let himself do everything else."""


def check_default_rights(move: Move, paths: Iterable[str]) -> list[Diagnostic]:
    """One finding for each path that the pusher may not change on the default branch."""
    faults = [_fault(move, path, _needed(path)) for path in sorted(set(paths))]
    return [each for each in faults if each is not None]


async def check_draft_rights(move: Move, default_tip: CommitId | None) -> list[Diagnostic]:
    """The same of what another branch gets, whoever made the commits: as it was before against as it will be.

    Who starts a branch that is open to all authors gives nobody anything else.
    """
    branch, role = branch_name(move.update.ref), move.actor.rights.role_at(Place(move.repository))
    if role is not None and role.includes(FILE.role) and move.rules.may_push(branch, role):
        return []
    reserved = not move.rules.may_push(branch, FILE.role)
    if move.old is None and not reserved:
        return []
    return await move.run(_draft_faults, move, default_tip, reserved)


def _draft_faults(move: Move, default_tip: CommitId | None, reserved: bool) -> list[Diagnostic]:
    """What came from the default branch is not asked for again, but where the branch is reserved for some roles."""
    store, new, old = move.store, move.update.new, move.old
    if old is None and default_tip is not None:
        old = store.parting(new, default_tip)
    faults = [_fault(move, change.path, FILE.role) for change in store.changes(old, new)]
    found = [each for each in faults if each is not None]
    if not found or reserved or default_tip is None or old is None:
        return found
    merged, before = store.parting(new, default_tip), store.parting(old, default_tip)
    return [each for each in found if not _is_merged(store, each.path, new, merged, before)]


async def check_new_commits(
    repository: RepositoryName, store: GitStore, commits: Sequence[CommitId], actor: Actor, run: Run
) -> list[Diagnostic]:
    """One finding for each path that new commits change where their pusher may not, also where the next takes it back.

    All of them can be read by ``?ref=``. What a merge commit has from one of its parents is not its own: that is new,
    too, or it was there.
    """
    if actor.rights.includes(FILE.role, Place(repository)):
        return []
    return await run(_commit_faults, repository, store, commits, actor)


def _commit_faults(
    repository: RepositoryName, store: GitStore, commits: Sequence[CommitId], actor: Actor
) -> list[Diagnostic]:
    found: dict[str, Diagnostic] = {}
    for commit in commits:
        parents = store.commit(commit).parents
        for change in store.changes(parents[0] if parents else None, commit):
            place = place_of_path(repository, change.path)
            if change.path in found or actor.rights.includes(FILE.role, place):
                continue
            if not any(store.entry(parent, change.path) == change.new for parent in parents[1:]):
                role = actor.rights.role_at(place)
                found[change.path] = _missing(change.path, FILE.role, place, role)
    return [found[path] for path in sorted(found)]


def without_told(found: Iterable[Diagnostic], others: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The findings of rights whose path has none yet among the others."""
    told = {each.path for each in others if each.rule == RULE}
    return [each for each in found if each.path not in told]


def _is_merged(store: GitStore, path: str, new: CommitId, merged: CommitId | None, before: CommitId | None) -> bool:
    """Whether a file is as the default branch has it, and that has changed it since it was merged ``before``.

    Else somebody would undo what was changed on the branch alone, by making it as it is on the default branch.
    """
    if merged is None or before is None:
        return False
    entry = store.entry(merged, path)
    return store.entry(new, path) == entry and store.entry(before, path) != entry


def _fault(move: Move, path: str, needed: Role) -> Diagnostic | None:
    """What forbids that a file changes on a branch."""
    place, branch = place_of_path(move.repository, path), branch_name(move.update.ref)
    role = move.actor.rights.role_at(place)
    if role is None or not role.includes(needed):
        return _missing(path, needed, place, role)
    if move.rollback or move.rules.may_push(branch, role):
        return None
    message = (
        f"The branch takes changes there only from those whom .registry.yaml names under "
        f"branches.{move.rules.branch_entry(branch)}.push; with this key or login you are {role} at {place}."
    )
    return Diagnostic(RULE, message, path)


def _needed(path: str) -> Role:
    """The role that may change a file on the default branch."""
    return (RULES if path in _OF_MAINTAINERS else FILE).role


def refuse_unseen(repository: RepositoryName, paths: Iterable[str], sight: Sight) -> list[Diagnostic]:
    """One finding for each path that is outside of what somebody sees, the same whether there is such a file or not.

    Who does not see all has no role in the whole repository, where files count that are neither template nor labels.
    """
    if sight.is_whole:
        return []
    places = {path: place_of_path(repository, path) for path in paths}
    hidden = (path for path, place in places.items() if not place.folder or not _is_seen(path, sight))
    return [_missing(path, _needed(path), places[path], None) for path in hidden]


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
