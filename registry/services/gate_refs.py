"""What a push may do to refs: which it may touch, how they are called, who may move them and how."""

from collections.abc import Mapping, Sequence

from registry.domain.access import Actor
from registry.domain.branches import HEADS, TAGS, branch_name, misread_as
from registry.domain.diagnostics import Diagnostic
from registry.domain.errors import RevisionNotFound
from registry.domain.git_needs import PUSH, REWRITE
from registry.domain.ids import CommitId, RefName, RepositoryName
from registry.domain.names import path_key, printable
from registry.domain.refs import RefUpdate
from registry.domain.registry_rules import BranchRule, RegistryRules
from registry.domain.rights import Place
from registry.domain.secrets import find_secrets
from registry.ports.git import GitStore

PUSHABLE = ("refs/heads/", "refs/tags/")
MAX_REF_BYTES = 255


def check_refs(
    store: GitStore,
    updates: Sequence[RefUpdate],
    *,
    refs: Mapping[RefName, CommitId],
    default: RefName,
    rules: RegistryRules,
    repository: RepositoryName,
    actor: Actor,
    rollback: bool = False,
) -> list[Diagnostic]:
    """What is wrong with the ref updates themselves; ``refs`` are the tips before them.

    Who may change the files is not asked here, only whether somebody may move such a ref in such a way at all.
    """
    found: list[Diagnostic] = []
    spellings = {path_key(ref): ref for ref in refs}
    for update in updates:
        problem = _form(update.ref) or _misread(update) or _shadow(update, refs) or _collision(update, spellings)
        if problem is None:
            problem = _access(update, default, rules, actor, repository, rollback=rollback)
        if problem is None and not update.deletes:
            problem = _movement(store, update, default, rules) or _rewriting(store, update, rules, actor, repository)
        elif problem is None:
            problem = _deletion(update.ref, default, rules) or _rewriting(store, update, rules, actor, repository)
        if problem is not None:
            found.append(Diagnostic(problem[0], problem[1], "" if problem[0] == "secret" else update.ref))
    return found


def _form(ref: str) -> tuple[str, str] | None:
    if not ref.startswith(PUSHABLE):
        return (
            "ref-not-allowed",
            "Only branches (refs/heads/) and tags (refs/tags/) can be pushed; "
            "refs/merge-requests/ is the server's own.",
        )
    if len(ref.encode("utf-8", "surrogateescape")) > MAX_REF_BYTES:
        return "ref-name", f"The ref's name is longer than {MAX_REF_BYTES} bytes; use a shorter one."
    for component in ref.split("/")[2:]:
        if component.startswith("-"):
            return "ref-name", "A component of a ref's name must not begin with '-', which git reads as an option."
        if not component.isprintable():
            return "ref-name", "The ref's name holds control characters or bytes that are no UTF-8; use another name."
    if find_secrets(ref, ""):
        return "secret", "The ref's name looks like a credential: use another name, and revoke it where it was issued."
    return None


def _misread(update: RefUpdate) -> tuple[str, str] | None:
    """A new ref that whoever asks for another one, or for a commit, would get."""
    reason = misread_as(update.ref.split("/", 2)[2]) if update.creates else None
    return ("ref-name", f"It cannot be called so: {reason}. Use another name.") if reason else None


def _shadow(update: RefUpdate, refs: Mapping[RefName, CommitId]) -> tuple[str, str] | None:
    """A new branch that whoever asks for a tag would get from now on."""
    name = branch_name(update.ref)
    if not update.creates or not update.ref.startswith(HEADS) or f"{TAGS}{name}" not in refs:
        return None
    message = f"There is a tag {printable(name)}, and who asks for it would get the branch instead; use another name."
    return "ref-name", message


def _collision(update: RefUpdate, spellings: dict[str, RefName]) -> tuple[str, str] | None:
    """A new ref that some systems take for another one: for one that is there, or one created by the same push."""
    if not update.creates:
        return None
    other = spellings.setdefault(path_key(update.ref), update.ref)
    if other == update.ref:
        return None
    return (
        "ref-name",
        f"It differs from {printable(other)} only in case or Unicode form; use that one, or another name.",
    )


def _access(
    update: RefUpdate,
    default: RefName,
    rules: RegistryRules,
    actor: Actor,
    repository: RepositoryName,
    *,
    rollback: bool,
) -> tuple[str, str] | None:
    role = actor.rights.strongest(repository)
    if role is None or not role.includes(PUSH.role):
        return "push-not-allowed", actor.missing(PUSH.role, Place(repository))
    if not update.ref.startswith("refs/heads/") or rollback or update.deletes:
        return None
    branch = update.ref.removeprefix("refs/heads/")
    if (rules.may_create if update.creates else rules.may_push)(branch, role):
        return None
    entry = rules.branch_entry(branch)
    if update.creates:
        return "push-not-allowed", (
            f"{branch} is made only by those whom .registry.yaml names under branches.{entry}.create (under push where "
            f"that is not there); with this key or login you are {role}. Use another name, or ask one of them."
        )
    way_out = "push another branch" if update.ref == default else "use another branch"
    return (
        "push-not-allowed",
        f"{branch} takes changes only through merge requests or from those whom .registry.yaml names under "
        f"branches.{entry}.push; with this key or login you are {role}. "
        f"Merge requests are not there yet: {way_out} and ask a maintainer.",
    )


def _movement(store: GitStore, update: RefUpdate, default: RefName, rules: RegistryRules) -> tuple[str, str] | None:
    """How the tip moves: any way for tags and free branches, along its first-parent chain for the default branch."""
    new = _commit_of(store, update.new)
    if new is None or (new != update.new and update.ref.startswith("refs/heads/")):
        return "ref-target", "A branch must point to a commit, a tag to a commit or to an annotated tag of one."
    if update.creates or not update.ref.startswith("refs/heads/"):
        return None
    if update.ref == default:
        return _default_movement(store, update)
    branch = update.ref.removeprefix("refs/heads/")
    if rules.branch_rule(branch).force_push is not None or store.is_reachable(update.old, [update.new]):
        return None
    return (
        "force-push",
        f".registry.yaml does not allow {branch} to be rewritten (branches.{rules.branch_entry(branch)}.force_push). "
        "Fetch and put your commits on top, or push another branch.",
    )


def _rewriting(
    store: GitStore, update: RefUpdate, rules: RegistryRules, actor: Actor, repository: RepositoryName
) -> tuple[str, str] | None:
    """Tags, and what takes commits off a branch, are about all files: the role in the whole repository counts."""
    whole, branch = Place(repository), branch_name(update.ref)
    role, is_branch = actor.rights.role_at(whole), update.ref.startswith(HEADS)
    is_author = role is not None and role.includes(REWRITE.role)
    may = rules.may_delete if update.deletes else rules.may_force_push
    if role is not None and is_author and (not is_branch or may(branch, role)):
        return None
    if is_branch and not update.deletes and (update.creates or store.is_reachable(update.old, [update.new])):
        return None
    rule = "force-push" if is_branch and not update.deletes else "push-not-allowed"
    if not is_author:
        return rule, actor.missing(REWRITE.role, whole)
    return rule, (
        f"{branch} is rewritten and deleted only by those whom .registry.yaml names under "
        f"branches.{rules.branch_entry(branch)}.{_deciding(rules.branch_rule(branch), update)}; "
        f"with this key or login you are {role} at {whole}."
    )


def _deciding(rule: BranchRule, update: RefUpdate) -> str:
    """The key that says who rewrites or deletes a branch: one that says nothing of its own follows another."""
    if update.deletes and rule.delete != rule.force_push:
        return "delete"
    return "force_push" if rule.force_push != rule.push else "push"


def _deletion(ref: RefName, default: RefName, rules: RegistryRules) -> tuple[str, str] | None:
    """Whether a ref may go: tags and free branches may, the default branch never."""
    if ref == default:
        return "default-branch", "The default branch cannot be deleted: all version numbers follow from it."
    branch = ref.removeprefix("refs/heads/")
    if branch == ref or rules.branch_rule(branch).delete is not None:
        return None
    return (
        "force-push",
        f".registry.yaml does not allow {branch} to be deleted (branches.{rules.branch_entry(branch)}.force_push). "
        "Leave it, or have a maintainer say there, on the default branch, who may (delete: [maintainer]).",
    )


def _default_movement(store: GitStore, update: RefUpdate) -> tuple[str, str] | None:
    if store.first_parents(update.new, update.old) is not None:
        return None
    if store.is_reachable(update.old, [update.new]):
        return (
            "first-parent",
            "The branch's present tip is not on the first-parent chain of what you push "
            "(a merge made by 'git pull'). Put your commits on top instead: git pull --rebase, then push again; "
            "or push another branch.",
        )
    return (
        "default-branch",
        "The default branch cannot be rewritten: version numbers follow from its history. "
        "Fetch and put your commits on top: git pull --rebase, then push again; to undo a change use git revert.",
    )


def _commit_of(store: GitStore, object_id: CommitId) -> CommitId | None:
    """The commit behind an object id: itself, or what an annotated tag names; None where it is neither."""
    try:
        return store.resolve(object_id)
    except RevisionNotFound:
        return None
