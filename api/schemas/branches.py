"""Branches over HTTP."""

from collections.abc import Sequence

from pydantic import Field

from api.schemas.fields import COMMIT, TIME, Answered, Author, Body, QueryInt, QueryModel, Time, example
from api.schemas.problems import DiagnosticBody
from registry.domain.branches import Branch
from registry.domain.catalogue import Page
from registry.domain.diagnostics import Diagnostic

BRANCH_EXAMPLE = {
    "name": "feature/shorter-answers",
    "default": False,
    "commit": COMMIT,
    "ahead": 2,
    "behind": 1,
    "updated_at": TIME,
    "author": {"name": "Ada Park", "email": "ada@example.com"},
    "subject": "Shorten the tone partial",
}


class BranchesQuery(QueryModel):
    """Which page."""

    limit: QueryInt = Field(50, ge=1, le=200, description="How many branches a page has at most.")
    cursor: str | None = Field(None, description="`next_cursor` of the page before.")


class BranchBody(Answered):
    """A branch and its tip."""

    model_config = example(**BRANCH_EXAMPLE)

    name: str
    default: bool = Field(description="Whether versions, labels and search follow from this one.")
    commit: str = Field(description="The tip.")
    ahead: int | None = Field(description="How many commits it has that the default branch has not.")
    behind: int | None = Field(description="How many commits of the default branch it has not.")
    updated_at: Time = Field(description="When the tip was committed.")
    author: Author
    subject: str = Field(description="The first line of the tip's message.")

    @classmethod
    def from_domain(cls, branch: Branch) -> "BranchBody":
        """The body for a branch."""
        return cls(
            name=branch.name,
            default=branch.default,
            commit=branch.tip.id,
            ahead=branch.ahead,
            behind=branch.behind,
            updated_at=branch.tip.committer.time,
            author=Author(name=branch.tip.author.name, email=branch.tip.author.email),
            subject=branch.tip.subject,
        )


class BranchList(Answered):
    """A page of branches, by name."""

    model_config = example(branches=[BRANCH_EXAMPLE], next_cursor=None)

    branches: list[BranchBody]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")

    @classmethod
    def from_domain(cls, page: Page[Branch]) -> "BranchList":
        """The body for a page."""
        return cls(branches=[BranchBody.from_domain(b) for b in page.items], next_cursor=page.next_cursor)


class BranchRequest(Body):
    """The new branch, and where it begins."""

    model_config = example(name="feature/shorter-answers", **{"from": "main"})

    name: str = Field(min_length=1, max_length=200)
    start: str | None = Field(
        None, alias="from", description="A branch, tag or reachable commit; the default branch where absent."
    )


class BranchMade(Answered):
    """The branch as it was made, and what the gate warns of."""

    model_config = example(branch={**BRANCH_EXAMPLE, "ahead": 0, "behind": 0}, warnings=[])

    branch: BranchBody
    warnings: list[DiagnosticBody]

    @classmethod
    def from_domain(cls, branch: Branch, warnings: Sequence[Diagnostic]) -> "BranchMade":
        """The body for what the service made."""
        return cls(branch=BranchBody.from_domain(branch), warnings=[DiagnosticBody.from_domain(d) for d in warnings])
