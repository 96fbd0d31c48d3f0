"""Branches: how they may be called, and what lists show of them."""

import re
from dataclasses import dataclass

from registry.domain.errors import BadRequest
from registry.domain.ids import RefName
from registry.domain.names import printable
from registry.domain.refs import Commit

HEADS = "refs/heads/"
TAGS = "refs/tags/"
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")
_COMMIT_ID = re.compile(r"[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch and its tip; ``ahead`` and ``behind`` count the commits that only it, or only the default branch, has.

    Both are None where there is no default branch to compare with.
    """

    name: str
    tip: Commit
    default: bool
    ahead: int | None
    behind: int | None


def parse_branch(text: str) -> RefName:
    """The full ref name of a branch that somebody names (``feature/x``). Raises BadRequest with Git's reason."""
    problem = _problem(text)
    if problem:
        raise BadRequest(f"{printable(text)} is no branch name: {problem}")
    return RefName(f"{HEADS}{text}")


def branch_name(ref: RefName) -> str:
    """The name without ``refs/heads/``."""
    return ref.removeprefix(HEADS)


def _problem(text: str) -> str | None:
    """Why Git would not take the name, or would read it as something else."""
    found = _FORBIDDEN.search(text)
    parts = text.split("/")
    wrong = next((part for part in parts if part.startswith((".", "-")) or part.endswith(".lock")), None)
    if found:
        return f"Git takes no {printable(found[0])} in it"
    if ".." in text or "@{" in text or text == "@":
        return "Git reads .., @{ and @ as something else"
    if "" in parts:
        return "it is empty, or a part of it between slashes is"
    if wrong is not None:
        return f"the part {printable(wrong)} begins with a dot or dash, or ends in .lock"
    if text.endswith("."):
        return "it ends in a dot"
    return misread_as(text)


def misread_as(name: str) -> str | None:
    """Why the short name of a branch or tag would be read as something else, where it would be."""
    if _COMMIT_ID.fullmatch(name):
        return "it would be read as a commit"
    if name == "HEAD" or name.startswith("refs/"):
        return "it would be read as the full name of another ref"
    return None
