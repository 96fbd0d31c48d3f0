"""Promotions over HTTP."""

from pydantic import ConfigDict, Field, model_validator

from api.schemas.fields import COMMIT, NAME, Answered, Body, JsonNumber, Said, example
from registry.services.promotions import MOST_TEMPLATES, Promoted


class PromotionRequest(Body):
    """Which label goes where: exactly one of `versions` and `from`."""

    model_config = ConfigDict(
        populate_by_name=False,
        json_schema_extra={
            "examples": [
                {"label": "production", "from": "staging"},
                {"label": "production", "versions": {NAME: 3, "support/reply": 2}, "message": "The shorter tone"},
            ]
        },
    )

    label: str
    versions: dict[str, JsonNumber] | None = Field(
        None, min_length=1, max_length=MOST_TEMPLATES, description="Template to version."
    )
    source: str | None = Field(None, alias="from", description="A label: the versions that it names.")
    folder: str | None = Field(None, description="With `from`: only templates in this folder.")
    message: Said | None = Field(None, max_length=10_000, description="The commit's message; one is made where absent.")

    @model_validator(mode="after")
    def _one_source(self) -> "PromotionRequest":
        if (self.versions is None) == (self.source is None):
            raise ValueError("give either `versions` or `from`")
        if self.folder is not None and self.source is None:
            raise ValueError("`folder` goes with `from`")
        return self


class PromotedTemplate(Answered):
    """Where the label of one template points."""

    model_config = example(name=NAME, version=12, previous=11, reference=f"{NAME}@12#3f9ac1d2")

    name: str
    version: int | None
    previous: int | None = Field(description="Null where the template did not carry the label.")
    reference: str | None = Field(description="The string to log: name@version#digest.")


class PromotionAnswer(Answered):
    """What a promotion did."""

    model_config = example(
        label="production",
        commit=COMMIT,
        templates=[{"name": NAME, "version": 12, "previous": 11, "reference": f"{NAME}@12#3f9ac1d2"}],
    )

    label: str
    commit: str
    templates: list[PromotedTemplate] = Field(description="By name; also those that the label named already.")

    @classmethod
    def from_domain(cls, promoted: Promoted) -> "PromotionAnswer":
        """The body for what the service wrote."""
        templates = [
            PromotedTemplate(name=move.name, version=move.version, previous=move.previous, reference=move.reference)
            for move in promoted.moves
        ]
        return cls(label=promoted.label, commit=promoted.commit, templates=templates)
