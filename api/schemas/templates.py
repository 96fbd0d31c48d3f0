"""Templates over HTTP."""

from dataclasses import replace
from typing import Any

from pydantic import Field

from api.schemas.fields import (
    COMMIT,
    DIGEST,
    ETAG,
    NAME,
    REFERENCE,
    TIME,
    Answered,
    Author,
    QueryInt,
    QueryModel,
    ReadQuery,
    Said,
    Time,
    example,
)
from api.schemas.problems import DiagnosticBody
from registry.domain.catalogue import SortBy, TemplateFilter
from registry.domain.labels import parse_label
from registry.domain.rights import Sight
from registry.domain.template import Status, TemplateType
from registry.services.written_states import Written

SOURCE_EXAMPLE = (
    "schema: prompt/v1\ntype: text\ntext: |\n  Answer in {{ language }}.\nvariables:\n  language: {type: string}\n"
)

DOCUMENT_EXAMPLE = {
    "schema": "prompt/v1",
    "description": "Sorts one ticket into a queue.",
    "type": "chat",
    "tags": ["support", "triage"],
    "variables": {"ticket": {"type": "string", "untrusted": True}},
    "messages": [
        {"role": "system", "content": 'You sort support tickets. {% include "partials/tone" %}\n'},
        {"role": "user", "content": "<ticket>{{ ticket }}</ticket>"},
    ],
}

SUMMARY_EXAMPLE = {
    "name": NAME,
    "version": 12,
    "latest": 12,
    "default": 12,
    "type": "chat",
    "description": "Sorts one ticket into a queue.",
    "tags": ["support", "triage"],
    "status": "active",
    "replaced_by": None,
    "model": "openai/gpt-4o-mini",
    "variables": ["history", "language", "ticket"],
    "tokens": 164,
    "labels": {"production": 11},
    "owners": ["@support-leads"],
    "commit": COMMIT,
    "updated_at": TIME,
    "diagnostics": [],
}


class FilterQuery(ReadQuery):
    """Which templates: every parameter that is given must fit."""

    tag: str | None = Field(None, description="Has this tag.")
    folder: str | None = Field(None, description="Lies in this folder or below it.")
    type: TemplateType | None = Field(None, description="Is of this type.")
    status: Status | None = Field(None, description="Has this status.")
    model: str | None = Field(None, description="Is written for this model, as `provider/id`.")
    owner: str | None = Field(None, description="Has this owner in CODEOWNERS.")
    label: str | None = Field(None, description="Carries this label.")

    def filter(self) -> TemplateFilter:
        """The domain's filter. Raises BadRequest for a label that is none."""
        return TemplateFilter(
            folder=self.folder.strip("/") or None if self.folder else None,
            tag=self.tag or None,
            type=self.type,
            status=self.status,
            model=self.model or None,
            owner=self.owner or None,
            label=parse_label(self.label) if self.label else None,
        )


class ListQuery(FilterQuery):
    """Which templates, in which order, and which page of them."""

    sort: SortBy = Field(
        SortBy.NAME, description="`name` (가나다 and numbers by value) or `-updated_at`, newest first."
    )
    imported: str | None = Field(None, description="Had this name where it was imported from, and has not now.")
    limit: QueryInt = Field(50, ge=1, le=500, description="How many templates a page has at most.")
    cursor: str | None = Field(None, description="`next_cursor` of the page before.")

    def listed(self, sight: Sight) -> TemplateFilter:
        """The domain's filter of what is seen. Raises BadRequest for a label that is none."""
        return replace(self.filter(), imported=self.imported or None, sight=sight)


class TemplateSummary(Answered):
    """A template as lists show it: its newest valid version."""

    model_config = example(**SUMMARY_EXAMPLE)

    name: str
    version: int = Field(description="The last number given, to a broken state too.")
    latest: int | None = Field(description="The newest valid version; the fields below describe it.")
    default: int | None = Field(description="The newest valid version that is no draft.")
    type: str | None
    description: str
    tags: list[str]
    status: str | None
    replaced_by: str | None
    model: str | None
    variables: list[str]
    tokens: int = Field(description="An estimate, over the template's own text.")
    labels: dict[str, int]
    owners: list[str]
    commit: str | None
    updated_at: Time | None
    diagnostics: list[DiagnosticBody] = Field(
        description="What is wrong with the file, where an older state is served."
    )


class TemplateList(Answered):
    """A page of templates."""

    model_config = example(templates=[SUMMARY_EXAMPLE], next_cursor="bmFtZTpzdXBwb3J0L3RyaWFnZQ")

    templates: list[TemplateSummary]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


TEMPLATE_EXAMPLE = {
    "name": NAME,
    "version": 12,
    "commit": COMMIT,
    "digest": DIGEST,
    "labels": ["production"],
    "reference": "support/triage@12#3f9ac1d2",
    "source": SOURCE_EXAMPLE,
    "document": DOCUMENT_EXAMPLE,
    "partials": {"partials/tone": "schema: prompt/v1\ntype: text\ntext: Be brief.\n"},
    "status": "active",
    "replaced_by": None,
    "updated_at": TIME,
    "author": {"name": "Ada Park", "email": "ada@example.com"},
    "message": "Shorten the tone partial",
    "cause": "partials/tone",
    "moved_from": None,
}


class TemplateBody(Answered):
    """One state of a template."""

    model_config = example(**TEMPLATE_EXAMPLE)

    name: str
    version: int | None = Field(description="Null for a state that is no version: one of another branch or tag.")
    commit: str = Field(description="The commit that this state was read at.")
    digest: str = Field(description="SHA-256 over the template and everything that it includes.")
    labels: list[str] = Field(description="The labels that point to this version now.")
    reference: str = Field(description=REFERENCE)
    source: str = Field(description="The file as it stands in Git, byte for byte.")
    document: dict[str, Any] = Field(description="The same, parsed.")
    partials: dict[str, str] = Field(description="Everything that it includes, transitively: name to the file's text.")
    status: str
    replaced_by: str | None = Field(description="Deprecated: what to use instead.")
    updated_at: Time = Field(description="When the last commit that changed this state was made.")
    author: Author
    message: str = Field(description="The first line of that commit's message.")
    cause: str | None = Field(description="The partial whose change made this version, if not the template's own file.")
    moved_from: str | None = Field(description="The name that it had before, where this version renamed it.")


WRITTEN_EXAMPLE = {
    "name": NAME,
    "version": 13,
    "commit": COMMIT,
    "digest": DIGEST,
    "reference": f"{NAME}@13#3f9ac1d2",
    "etag": ETAG,
    "created": False,
    "changed": True,
    "warnings": [],
}


class WriteQuery(QueryModel):
    """What the commit says and where it goes."""

    message: Said | None = Field(None, max_length=10_000, description="The commit's message; one is made where absent.")
    branch: str | None = Field(None, description="The branch; the default branch where absent.")


class PutQuery(WriteQuery):
    """The same, and why callers have to change."""

    breaking: Said | None = Field(
        None,
        max_length=1_000,
        pattern=r"\S",
        description="Why a change that breaks callers is right; the message gets the line `Breaking-Change: <why>`.",
    )


class DeleteQuery(WriteQuery):
    """The same, and what becomes of labels."""

    drop_labels: bool = Field(False, description="Drop the labels that still name the template in the same commit.")


class TemplateWritten(Answered):
    """What a write did. The commit is on the branch, and readable, when this is answered."""

    model_config = example(**WRITTEN_EXAMPLE)

    name: str
    version: int | None = Field(description="The version that this write made; null on other branches.")
    commit: str
    digest: str | None = Field(description="Null where the template was deleted.")
    reference: str | None = Field(description=f"{REFERENCE} Null where the template was deleted.")
    etag: str | None = Field(description="What to send in If-Match with the next change.")
    created: bool
    changed: bool = Field(description="False where the file already was as sent: then no commit was made.")
    warnings: list[DiagnosticBody]

    @classmethod
    def from_domain(cls, written: Written) -> "TemplateWritten":
        """The body for what the service wrote."""
        return cls(
            name=written.name,
            version=written.version,
            commit=written.commit,
            digest=written.digest or None,
            reference=written.reference,
            etag=written.etag or None,
            created=written.created,
            changed=written.changed,
            warnings=[DiagnosticBody.from_domain(d) for d in written.warnings],
        )
