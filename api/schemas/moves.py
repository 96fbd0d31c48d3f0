"""Renaming templates over HTTP."""

from pydantic import Field, StrictBool

from api.schemas.fields import COMMIT, DIGEST, ETAG, NAME, REFERENCE, Answered, Body, QueryModel, Said, example
from api.schemas.problems import DiagnosticBody
from registry.domain.names import parse_name
from registry.domain.template_edits import LabelsLeft, Rename
from registry.services.template_edits import Landed

NEW_NAME = "support/sort"
LABELS_LEFT = "`refuse`: a label that names the template refuses it. `drop`: those labels go in the same commit."


class MoveQuery(QueryModel):
    """Where the commit goes."""

    branch: str | None = Field(None, description="The branch; the default branch where absent.")


class MoveRequest(Body):
    """The new name, and what becomes of those who use the old one."""

    model_config = example(to=NEW_NAME, update_includes=True, labels="drop", message="Call it what it does")

    to: str = Field(description="The new name; nothing may lie there.", max_length=1_000)
    update_includes: StrictBool = Field(
        False, description="Write the new name into the include tags of the templates that include it."
    )
    labels: LabelsLeft = Field(LabelsLeft.REFUSE, description=LABELS_LEFT)
    message: Said | None = Field(None, max_length=10_000, description="The commit's message; one is made where absent.")

    def edit(self, name: str, if_match: str | None) -> Rename:
        """The domain's edit. Raises BadRequest for a name that is none."""
        return Rename(parse_name(name), parse_name(self.to), if_match, self.update_includes, self.labels)


class DroppedLabel(Answered):
    """A label that went with the template that it named."""

    model_config = example(label="production", name=NAME)

    label: str
    name: str


class MoveAnswer(Answered):
    """What renaming did. The commit is on the branch, and readable, when this is answered."""

    model_config = example(
        name=NEW_NAME,
        moved_from=NAME,
        version=1,
        commit=COMMIT,
        digest=DIGEST,
        reference=f"{NEW_NAME}@1#3f9ac1d2",
        etag=ETAG.replace("v13", "v1"),
        includes_updated=["support/escalate"],
        labels_dropped=[{"label": "production", "name": NAME}],
        warnings=[],
    )

    name: str = Field(description="The new name.")
    moved_from: str
    version: int | None = Field(description="The new name's version that this made; null on other branches.")
    commit: str
    digest: str | None
    reference: str | None = Field(description=REFERENCE)
    etag: str | None = Field(description="What to send in If-Match with the next change.")
    includes_updated: list[str] = Field(description="The templates whose include tags now name it.")
    labels_dropped: list[DroppedLabel]
    warnings: list[DiagnosticBody]

    @classmethod
    def from_domain(cls, moved_from: str, landed: Landed) -> "MoveAnswer":
        """The body for what the service did."""
        written = landed.templates[0]
        return cls(
            name=written.name,
            moved_from=moved_from,
            version=written.version,
            commit=landed.commit,
            digest=written.digest,
            reference=written.reference,
            etag=written.etag,
            includes_updated=[str(name) for name in landed.includers],
            labels_dropped=[DroppedLabel(label=label, name=name) for label, name in landed.dropped],
            warnings=[DiagnosticBody.from_domain(d) for d in landed.warnings],
        )
