"""Several changes in one commit, over HTTP."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, StrictBool, model_validator

from api.schemas.fields import COMMIT, DIGEST, ETAG, NAME, REFERENCE, TIME, Answered, Body, Said, example
from api.schemas.moves import LABELS_LEFT, DroppedLabel
from api.schemas.problems import DiagnosticBody
from api.schemas.templates import SOURCE_EXAMPLE
from registry.domain.names import parse_name
from registry.domain.refs import Signature
from registry.domain.template_edits import Delete, LabelsLeft, Put, Rename, TemplateEdit
from registry.services.template_edits import MOST_EDITS, Landed

_IDENTITY = r"^[^<>\s\x00-\x1f\x7f](?:[^<>\x00-\x1f\x7f]*[^<>\s\x00-\x1f\x7f])?$"
"""What Git can hold as a name or an address."""
_IF_MATCH = "The ETag of the state that you change, or `*`."


class PutChange(Body):
    """Writes a template: exactly one of `source` and `document`."""

    model_config = example(action="put", name="support/brief", source=SOURCE_EXAMPLE)

    action: Literal["put"]
    name: str = Field(max_length=1_000)
    source: str | None = Field(None, description="The file; stored as it is.")
    document: dict[str, Any] | None = Field(None, description="The document; comments and layout of the file are kept.")
    if_match: str | None = Field(None, description=f"{_IF_MATCH} Without it the template must not exist yet.")

    @model_validator(mode="after")
    def _one_content(self) -> "PutChange":
        if (self.source is None) == (self.document is None):
            raise ValueError("give either `source` or `document`")
        return self

    def edit(self) -> TemplateEdit:
        """The domain's edit. Raises BadRequest for a name that is none."""
        content = self.source.encode() if self.source is not None else self.document or {}
        return Put(parse_name(self.name), content, self.if_match, "*" if self.if_match is None else None)


class DeleteChange(Body):
    """Deletes a template."""

    model_config = example(action="delete", name="support/old", if_match="*", labels="drop")

    action: Literal["delete"]
    name: str = Field(max_length=1_000)
    if_match: str | None = Field(None, description=f"{_IF_MATCH} Needed.")
    labels: LabelsLeft = Field(LabelsLeft.REFUSE, description=LABELS_LEFT)

    def edit(self) -> TemplateEdit:
        """The domain's edit. Raises BadRequest for a name that is none."""
        return Delete(parse_name(self.name), self.if_match, self.labels)


class MoveChange(Body):
    """Renames a template."""

    model_config = example(action="move", name="support/triage", to="support/sort", if_match=ETAG)

    action: Literal["move"]
    name: str = Field(max_length=1_000)
    to: str = Field(max_length=1_000, description="The new name; nothing may lie there.")
    if_match: str | None = Field(None, description=f"{_IF_MATCH} Needed.")
    update_includes: StrictBool = Field(
        False, description="Write the new name into the include tags of the templates that include it."
    )
    labels: LabelsLeft = Field(LabelsLeft.REFUSE, description=LABELS_LEFT)

    def edit(self) -> TemplateEdit:
        """The domain's edit. Raises BadRequest for a name that is none."""
        return Rename(parse_name(self.name), parse_name(self.to), self.if_match, self.update_includes, self.labels)


Change = Annotated[PutChange | DeleteChange | MoveChange, Field(discriminator="action")]


class CommitAuthor(Body):
    """Whose work a commit is, and since when: for imports, whose author and time are those of the source."""

    model_config = example(name="Ada Park", email="ada@example.com", time=TIME)

    name: str = Field(min_length=1, max_length=200, pattern=_IDENTITY)
    email: str = Field(min_length=1, max_length=200, pattern=_IDENTITY)
    time: AwareDatetime = Field(
        description="With a zone; from 1970 to 2099.",
        ge=datetime(1970, 1, 1, tzinfo=UTC),
        lt=datetime(2100, 1, 1, tzinfo=UTC),
    )

    def signature(self) -> Signature:
        """Git's author."""
        return Signature(self.name, self.email, self.time.astimezone(UTC))


class CommitRequest(Body):
    """The changes of one commit. Each template is named once."""

    model_config = example(
        message="Split triage",
        changes=[
            {"action": "put", "name": "support/brief", "source": SOURCE_EXAMPLE},
            {"action": "move", "name": "support/triage", "to": "support/sort", "if_match": ETAG, "labels": "drop"},
            {"action": "delete", "name": "support/old", "if_match": "*"},
        ],
    )

    message: Said = Field(min_length=1, max_length=10_000)
    branch: str | None = Field(None, description="The branch; the default branch where absent.")
    changes: list[Change] = Field(min_length=1, max_length=MOST_EDITS)
    author: CommitAuthor | None = Field(None, description="Git's author; the caller, now, where absent. Scope admin.")

    def edits(self) -> list[TemplateEdit]:
        """The domain's edits, in order. Raises BadRequest for names that are none."""
        return [change.edit() for change in self.changes]


class Changed(Answered):
    """What became of one change."""

    action: str
    name: str = Field(description="Of a renamed template the new one.")
    moved_from: str | None
    version: int | None = Field(description="The version that this made; null for deletions and on other branches.")
    digest: str | None = Field(description="Null where the template was deleted.")
    reference: str | None = Field(description=f"{REFERENCE} Null where the template was deleted.")
    etag: str | None = Field(description="What to send in If-Match with the next change.")
    created: bool


_SORT = "support/sort@1#3f9ac1d2"
_CHANGED = {
    "moved_from": None,
    "version": 1,
    "digest": DIGEST,
    "reference": "support/brief@1#3f9ac1d2",
    "etag": ETAG.replace("v13", "v1"),
    "created": False,
}


class CommitAnswer(Answered):
    """What was committed. The commit is on the branch, and readable, when this is answered."""

    model_config = example(
        commit=COMMIT,
        changed=True,
        changes=[
            {**_CHANGED, "action": "put", "name": "support/brief", "created": True},
            {**_CHANGED, "action": "move", "name": "support/sort", "moved_from": NAME, "reference": _SORT},
            {**dict.fromkeys(_CHANGED), "action": "delete", "name": "support/old", "created": False},
        ],
        includes_updated=[],
        labels_dropped=[{"label": "production", "name": NAME}],
        warnings=[],
    )

    commit: str
    changed: bool = Field(description="False where everything already was as sent: then no commit was made.")
    changes: list[Changed] = Field(description="In the order of the request.")
    includes_updated: list[str] = Field(description="The templates whose include tags name a renamed one anew.")
    labels_dropped: list[DroppedLabel]
    warnings: list[DiagnosticBody]

    @classmethod
    def from_domain(cls, edits: list[TemplateEdit], landed: Landed) -> "CommitAnswer":
        """The body for what the service did."""
        return cls(
            commit=landed.commit,
            changed=landed.changed,
            changes=[
                Changed(
                    action=_ACTIONS[type(edit)],
                    name=written.name,
                    moved_from=edit.name if isinstance(edit, Rename) else None,
                    version=written.version,
                    digest=written.digest,
                    reference=written.reference,
                    etag=written.etag,
                    created=written.created,
                )
                for edit, written in zip(edits, landed.templates, strict=True)
            ],
            includes_updated=[str(name) for name in landed.includers],
            labels_dropped=[DroppedLabel(label=label, name=name) for label, name in landed.dropped],
            warnings=[DiagnosticBody.from_domain(d) for d in landed.warnings],
        )


_ACTIONS: dict[type[TemplateEdit], str] = {Put: "put", Delete: "delete", Rename: "move"}
