"""What Git operations ask of their caller: transport and gate decide by it, and docs/permissions.md shows it."""

from collections.abc import Mapping
from enum import StrEnum

from registry.domain.access import Actor
from registry.domain.ids import RepositoryName
from registry.domain.needs import Need, Reach
from registry.domain.registry_rules import LabelRule
from registry.domain.rights import Place
from registry.domain.roles import Role


class Operation(StrEnum):
    """What is done with Git."""

    FETCH = "`clone`, `fetch`, `ls-remote`"
    TEMPLATE = "push a template"
    LABEL = "push labels"
    PROTECTED_LABEL = "push a label that has an entry under `labels:`"
    DRAFT = "push a template on another branch"
    OTHER_FILE = "push any other file"
    RULES = "push `.registry.yaml` or `CODEOWNERS` on the default branch"
    BRANCH = "make a branch of commits that are there"
    DELETE = "delete a branch"
    REWRITE = "rewrite a branch (`push --force`)"
    TAG = "make, move or delete a tag"
    DEFAULT_BRANCH = "delete or rewrite the default branch"
    OTHER_REF = "push a ref that is neither branch nor tag"


FETCH = Need(Role.READER, Reach.REPOSITORY)
"""Git cannot leave folders out. Who pushes needs it, too: Git shows him all refs."""

PUSH = Need(Role.AUTHOR, Reach.SOMEWHERE)
"""To begin; what the push changes is looked at then."""

FILE = Need(Role.AUTHOR, Reach.FOLDER)
BRANCH = Need(Role.AUTHOR, Reach.READING_ALL)
"""It gives nobody anything else, but a name for all files; what it brings is looked at as in any push."""

OTHER_FILE = Need(FILE.role, Reach.REPOSITORY)
RULES = Need(Role.MAINTAINER, Reach.REPOSITORY)
REWRITE = Need(Role.AUTHOR, Reach.REPOSITORY)
"""Tags, and what takes commits off a branch, are about all files."""

PROTECTED_LABEL = Need(min(LabelRule().move, key=lambda role: role.rank), Reach.FOLDER)
"""Where ``.registry.yaml`` says nothing else."""

GIT_NEEDS: Mapping[Operation, Need | None] = {
    Operation.FETCH: FETCH,
    Operation.TEMPLATE: FILE,
    Operation.LABEL: FILE,
    Operation.PROTECTED_LABEL: PROTECTED_LABEL,
    Operation.DRAFT: FILE,
    Operation.OTHER_FILE: OTHER_FILE,
    Operation.RULES: RULES,
    Operation.BRANCH: BRANCH,
    Operation.DELETE: REWRITE,
    Operation.REWRITE: REWRITE,
    Operation.TAG: REWRITE,
    Operation.DEFAULT_BRANCH: None,
    Operation.OTHER_REF: None,
}
"""What each asks; None: nobody may."""


def require_branch_maker(actor: Actor, repository: RepositoryName) -> None:
    """Asks what ``BRANCH`` says, for every way in but Git's own. Raises RepositoryNotFound, Denied, Unavailable."""
    actor.require(FETCH.role, Place(repository))
    actor.require_somewhere(BRANCH.role, repository)
