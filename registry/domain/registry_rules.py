"""The repository's own rules, as values: who may push, move labels and roll back, and what templates may be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from registry.domain.ids import LabelName, TemplateName
from registry.domain.limits import Limits
from registry.domain.roles import Role

Roles = frozenset[Role]
_AUTHORS: Roles = frozenset({Role.AUTHOR})


class Compatibility(StrEnum):
    """How a changed template must fit its callers."""

    BACKWARD = "backward"
    FORWARD = "forward"
    FULL = "full"
    NONE = "none"


class CommitIdentity(StrEnum):
    """Whether the committer's e-mail has to be the pusher's."""

    OFF = "off"
    VERIFIED = "verified"


@dataclass(frozen=True, slots=True)
class MergeRule:
    """What a merge request into a branch needs."""

    approvals: int = 0
    owners: bool = False
    resolved: bool = False
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BranchRule:
    """The rule of the branches that a pattern names: of each act the roles, each with those above it; None: nobody.

    ``create`` is about the name: what the new branch holds beyond the default branch is asked for as in a push.
    """

    push: Roles = _AUTHORS
    create: Roles = _AUTHORS
    force_push: Roles | None = None
    delete: Roles | None = None
    merge: MergeRule = MergeRule()


@dataclass(frozen=True, slots=True)
class LabelRule:
    """The rule of a protected label. ``review``: only a merge request may move it; ``rollback`` may do only that."""

    move: Roles = frozenset({Role.MAINTAINER})
    review: bool = False
    rollback: Roles = frozenset()


@dataclass(frozen=True, slots=True)
class CompatibilityRule:
    """The default, and what holds in folders: the nearest on a template's path."""

    default: Compatibility = Compatibility.BACKWARD
    folders: Mapping[str, Compatibility] = field(default_factory=dict)


_FREE_BRANCH = BranchRule(force_push=_AUTHORS, delete=_AUTHORS)
_FREE_LABEL = LabelRule(move=_AUTHORS)
_CLOSED_BRANCH = BranchRule(push=frozenset(), create=frozenset())
_CLOSED_LABEL = LabelRule(move=frozenset())


@dataclass(frozen=True, slots=True)
class RegistryRules:
    """What ``.registry.yaml`` says; the defaults are those of a repository without one.

    Administrators may always push, make branches, move and roll back, so that no file locks everybody out; what nobody
    may rewrite or delete is kept from them, too, until the file says otherwise. ``closed`` rules are those of a file
    that cannot be read: only administrators may do anything, no history is rewritten, no model is allowed.
    """

    default_label: LabelName | None = None
    branches: Mapping[str, BranchRule] = field(default_factory=dict)
    labels: Mapping[LabelName, LabelRule] = field(default_factory=dict)
    compatibility: CompatibilityRule = CompatibilityRule()
    commit_identity: CommitIdentity = CommitIdentity.OFF
    limits: Limits = field(default_factory=Limits)
    allowed_models: tuple[str, ...] | None = None
    closed: bool = False

    def branch_rule(self, branch: str) -> BranchRule:
        """The rule of a branch (``main``, not its full ref name).

        An entry of exactly that name comes first, then the first pattern in the file that fits (``release/*``; ``*``
        takes slashes too). A branch without an entry is free: authors push to it, and may rewrite it.
        """
        return _CLOSED_BRANCH if self.closed else self.branches.get(self.branch_entry(branch), _FREE_BRANCH)

    def branch_entry(self, branch: str) -> str:
        """What the entry of a branch is called in the file: the pattern that fits it, or its own name."""
        if branch in self.branches:
            return branch
        return next((pattern for pattern in self.branches if fnmatchcase(branch, pattern)), branch)

    def may_push(self, branch: str, role: Role) -> bool:
        """Whether a role may push to a branch, or write to it over REST."""
        return allows(self.branch_rule(branch).push, role)

    def may_create(self, branch: str, role: Role) -> bool:
        """Whether a role may make a branch of that name."""
        return allows(self.branch_rule(branch).create, role)

    def may_force_push(self, branch: str, role: Role) -> bool:
        """Whether a role may rewrite the branch; the default branch nobody, whatever this says."""
        return allows(self.branch_rule(branch).force_push, role)

    def may_delete(self, branch: str, role: Role) -> bool:
        """Whether a role may delete the branch; the default branch nobody, whatever this says."""
        return allows(self.branch_rule(branch).delete, role)

    def label_rule(self, label: LabelName) -> LabelRule:
        """The rule of a label; one without an entry is free: authors move it."""
        return _CLOSED_LABEL if self.closed else self.labels.get(label, _FREE_LABEL)

    def is_protected(self, label: LabelName) -> bool:
        """Whether the label has an entry; drafts cannot carry it."""
        return self.closed or label in self.labels

    def may_move(self, label: LabelName, role: Role) -> bool:
        """Whether a role may set, move or drop a label. Ask ``needs_review`` too."""
        return allows(self.label_rule(label).move, role)

    def needs_review(self, label: LabelName) -> bool:
        """Whether only a merge request may move the label."""
        return self.label_rule(label).review

    def may_roll_back(self, label: LabelName, role: Role) -> bool:
        """Whether a role may take a label back to a version that it had; who may move it may."""
        rule = self.label_rule(label)
        return allows(rule.rollback | rule.move, role)

    def compatibility_of(self, name: TemplateName) -> Compatibility:
        """What holds for a template: its nearest folder's entry, else the default."""
        folder = name
        while folder:
            folder = TemplateName(folder.rpartition("/")[0])
            found = self.compatibility.folders.get(folder)
            if found is not None:
                return found
        return self.compatibility.default

    def model_allowed(self, reference: str | None) -> bool:
        """Whether a template may name a model (``openai/gpt-4o``); naming none is always allowed."""
        if reference is None:
            return True
        if self.closed:
            return False
        return self.allowed_models is None or any(fnmatchcase(reference, pattern) for pattern in self.allowed_models)


def allows(roles: Roles | None, role: Role) -> bool:
    """Whether a role is among those, or above one of them, or the administrator; None: nobody, not even he."""
    return roles is not None and (role is Role.ADMINISTRATOR or any(role.includes(needed) for needed in roles))
