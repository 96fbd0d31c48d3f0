"""Versions over HTTP."""

from pydantic import Field

from api.schemas.fields import COMMIT, DIGEST, NAME, REFERENCE, TIME, Answered, Author, Time, example
from api.schemas.problems import DiagnosticBody
from registry.domain.catalogue import Page, VersionEntry
from registry.services.versions import Removed

VERSION_EXAMPLE = {
    "name": NAME,
    "version": 12,
    "commit": COMMIT,
    "digest": DIGEST,
    "reference": "support/triage@12#3f9ac1d2",
    "valid": True,
    "status": "active",
    "committed_at": TIME,
    "authored_at": TIME,
    "author": {"name": "Ada Park", "email": "ada@example.com"},
    "pushed_by": "kim",
    "subject": "Shorten the tone partial",
    "imported_subject": None,
    "cause": "partials/tone",
    "moved_from": None,
    "diagnostics": [],
}


class Version(Answered):
    """One state of a template on the default branch."""

    model_config = example(**VERSION_EXAMPLE)

    name: str
    version: int
    commit: str
    digest: str = Field(description="SHA-256 over the template and everything that it includes.")
    reference: str = Field(description=REFERENCE)
    valid: bool = Field(description="An invalid version has a number but is never served and cannot be labelled.")
    status: str
    committed_at: Time
    authored_at: Time = Field(description="When its author wrote it: of an imported version, when it was made there.")
    author: Author
    pushed_by: str | None = Field(
        description="The user who brought the commit here, by a push or over REST, whoever wrote it; known within a "
        "second, and null where nobody knows it: of older commits, and of what was pushed to the folder."
    )
    subject: str = Field(description="The first line of the commit's message.")
    imported_subject: str | None = Field(description="Of an imported version: what it said there.")
    cause: str | None = Field(description="The partial whose change made this version, if not the template's own file.")
    moved_from: str | None = Field(description="The name that the template had before, where this version renamed it.")
    diagnostics: list[DiagnosticBody]

    @classmethod
    def from_domain(cls, entry: VersionEntry) -> "Version":
        """The body for a version."""
        return cls(
            name=entry.name,
            version=entry.number,
            commit=entry.commit,
            digest=entry.digest,
            reference=entry.reference or "",
            valid=entry.valid,
            status=entry.status.value,
            committed_at=entry.committed_at,
            authored_at=entry.authored_at or entry.committed_at,
            author=Author(name=entry.author_name, email=entry.author_email),
            pushed_by=entry.pushed_by,
            subject=entry.subject,
            imported_subject=entry.imported_subject,
            cause=entry.cause,
            moved_from=entry.moved_from,
            diagnostics=[DiagnosticBody.from_domain(d) for d in entry.diagnostics],
        )


class VersionList(Answered):
    """A page of a template's versions, newest first."""

    model_config = example(versions=[VERSION_EXAMPLE], next_cursor=None, deleted=False, moved_to=None)

    versions: list[Version]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")
    deleted: bool = Field(description="Whether the template was deleted.")
    moved_to: str | None = Field(description="The last of its new names, where the template was renamed.")

    @classmethod
    def from_domain(cls, page: Page[VersionEntry], removed: Removed | None) -> "VersionList":
        """The body for a page."""
        moved_to = removed.moved_to if removed is not None else None
        return cls(
            versions=[Version.from_domain(entry) for entry in page.items],
            next_cursor=page.next_cursor,
            deleted=removed is not None and moved_to is None,
            moved_to=moved_to,
        )
