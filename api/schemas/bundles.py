"""Bundles over HTTP."""

from pydantic import Field

from api.schemas.fields import COMMIT, Answered, ReadQuery, example
from api.schemas.templates import TEMPLATE_EXAMPLE, TemplateBody
from registry.domain.ids import LabelName
from registry.domain.labels import parse_label


class BundleQuery(ReadQuery):
    """Which templates, in which version."""

    label: str | None = Field(
        None,
        description="A label such as `production`, or `latest`. Where absent, the repository's `default_label`, else "
        "the newest valid version of each template that is no draft.",
    )
    folder: str | None = Field(None, description="Only what lies in this folder or below it.")

    def parsed(self) -> tuple[LabelName | None, str | None]:
        """Label and folder. Raises BadRequest for a label that is none."""
        label = parse_label(self.label, builtin=True) if self.label is not None else None
        return label, self.folder.strip("/") or None if self.folder else None


class BundleAnswer(Answered):
    """All templates of a label with their partials, as of one commit."""

    model_config = example(commit=COMMIT, label="production", templates=[TEMPLATE_EXAMPLE])

    commit: str | None = Field(description="The commit that all of it is read from; null in an empty repository.")
    label: str | None = Field(description="The label that counted; null: the newest valid version that is no draft.")
    templates: list[TemplateBody] = Field(description="Each as a read of it with this label gives it, sorted by name.")
