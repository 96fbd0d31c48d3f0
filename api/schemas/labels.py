"""Labels and roll-backs over HTTP."""

from collections.abc import Mapping, Sequence

from pydantic import Field

from api.schemas.fields import COMMIT, NAME, TIME, Answered, Author, Body, JsonNumber, Said, Time, example
from registry.domain.catalogue import LabelMove
from registry.domain.ids import LabelName, TemplateName
from registry.services.labels import LabelWritten


class LabelList(Answered):
    """Every label and where it points."""

    model_config = example(labels={"production": {NAME: 12, "billing/refund": 4}, "staging": {NAME: 13}})

    labels: dict[str, dict[str, int]] = Field(description="Label to template to version.")

    @classmethod
    def from_domain(cls, labels: Mapping[LabelName, Mapping[TemplateName, int]]) -> "LabelList":
        """The body for the label map."""
        return cls(labels={str(label): {str(n): v for n, v in names.items()} for label, names in labels.items()})


class LabelTargets(Answered):
    """Where one label points."""

    model_config = example(label="production", templates={NAME: 12, "billing/refund": 4})

    label: str
    templates: dict[str, int] = Field(description="Template to version.")


MOVE_EXAMPLE = {
    "version": 12,
    "previous": 11,
    "commit": COMMIT,
    "moved_at": TIME,
    "author": {"name": "Ada Park", "email": "ada@example.com"},
    "subject": "Promote support/triage to production",
}


class Move(Answered):
    """One change of a template's label."""

    model_config = example(**MOVE_EXAMPLE)

    version: int | None = Field(description="Null where the label was dropped.")
    previous: int | None = Field(description="Null where the template did not carry the label.")
    commit: str
    moved_at: Time
    author: Author
    subject: str

    @classmethod
    def from_domain(cls, move: LabelMove) -> "Move":
        """The body for a move."""
        return cls(
            version=move.version,
            previous=move.previous,
            commit=move.commit,
            moved_at=move.moved_at,
            author=Author(name=move.author_name, email=move.author_email),
            subject=move.subject,
        )


class LabelState(Answered):
    """Where a template's label points, and how it came there."""

    model_config = example(
        label="production", name=NAME, version=12, reference=f"{NAME}@12#3f9ac1d2", history=[MOVE_EXAMPLE]
    )

    label: str
    name: str
    version: int | None = Field(description="Null where the template carried the label once but does not now.")
    reference: str | None = Field(description="The string to log: name@version#digest.")
    history: list[Move] = Field(description="The last 50 moves, newest first.")

    @classmethod
    def from_domain(
        cls,
        label: LabelName,
        name: TemplateName,
        version: int | None,
        reference: str | None,
        history: Sequence[LabelMove],
    ) -> "LabelState":
        """The body for a template's label."""
        moves = [Move.from_domain(move) for move in history]
        return cls(label=label, name=name, version=version, reference=reference, history=moves)


class LabelMoveRequest(Body):
    """Where the label shall point."""

    model_config = example(version=12)

    version: JsonNumber = Field(description="A valid version of the template.")
    message: Said | None = Field(None, max_length=10_000, description="The commit's message; one is made where absent.")


class RollbackRequest(Body):
    """Which label of which template goes back, and why."""

    model_config = example(label="production", name=NAME, to=11, reason="Answers in the wrong language")

    label: str
    name: str
    to: JsonNumber | None = Field(
        None, description="A version that the label had before; the previous one where absent."
    )
    reason: Said = Field(min_length=1, max_length=10_000, description="Stands in the commit's message.")


class LabelAnswer(Answered):
    """What a move of a label did."""

    model_config = example(
        label="production", name=NAME, version=12, reference=f"{NAME}@12#3f9ac1d2", previous=11, commit=COMMIT
    )

    label: str
    name: str
    version: int | None
    reference: str | None = Field(description="The string to log: name@version#digest; null where it was dropped.")
    previous: int | None
    commit: str

    @classmethod
    def from_domain(cls, written: LabelWritten) -> "LabelAnswer":
        """The body for what the service wrote."""
        return cls(
            label=written.label,
            name=written.name,
            version=written.version,
            reference=written.reference,
            previous=written.previous,
            commit=written.commit,
        )
