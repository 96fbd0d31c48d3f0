"""Differences over HTTP."""

from typing import Any

from pydantic import Field

from api.schemas.fields import COMMIT, DIGEST, NAME, REFERENCE, Answered, ReadQuery, example
from registry.domain.catalogue import VersionEntry
from registry.domain.selectors import Selector, parse_state
from registry.services.diffs import TemplateDiff

_WRITTEN = (
    "`version:12`, `label:production`, `ref:main` or `at:2025-03-01T12:00:00Z`; a label as it was then is "
    "`label:production,at:…` or `label:production,ref:…`."
)


class DiffQuery(ReadQuery):
    """Which two states."""

    from_: str | None = Field(
        None,
        alias="from",
        description=f"The older state: {_WRITTEN} Where absent, the predecessor of `to`.",
        examples=["version:11"],
    )
    to: str | None = Field(
        None,
        description=f"The newer state: {_WRITTEN} Where absent, what a read without a selector gives.",
        examples=["label:production"],
    )

    def states(self) -> tuple[Selector | None, Selector]:
        """The two selectors; None stands for the predecessor. Raises BadRequest."""
        return (
            parse_state(self.from_) if self.from_ is not None else None,
            parse_state(self.to) if self.to is not None else Selector(),
        )


class DiffSide(Answered):
    """One of the two states."""

    name: str = Field(description="The name that the template had then.")
    version: int | None = Field(description="Null for a state that is no version.")
    commit: str
    digest: str
    reference: str = Field(description=REFERENCE)


class FieldDiff(Answered):
    """A value that differs; `old` or `new` is absent on the side where there is none."""

    field: str = Field(description="Such as `status` or `model.parameters.temperature`.")
    old: Any = None
    new: Any = None


class VariableDiff(Answered):
    """A variable that came, went or differs."""

    name: str
    change: str = Field(pattern="^(added|removed|changed)$")
    attributes: list[FieldDiff]


class SegmentBody(Answered):
    """A run of text: equal and removed ones in order are the old text, equal and added ones the new."""

    kind: str = Field(pattern="^(equal|removed|added)$")
    text: str


class PartDiff(Answered):
    """A content part that came, went or differs."""

    change: str = Field(pattern="^(added|removed|changed)$")
    type: str
    old_index: int | None
    new_index: int | None
    words: dict[str, list[SegmentBody]] = Field(description="Its texts, word by word.")
    fields: list[FieldDiff]


class MessageDiff(Answered):
    """A message that came, went, moved or differs. Indexes count from 0, null on the side where it is not."""

    change: str = Field(pattern="^(added|removed|changed|moved)$")
    role: str | None = Field(description="Null for the text of a text template, and for a placeholder.")
    old_index: int | None
    new_index: int | None
    fields: list[FieldDiff] = Field(description="Role, name or placeholder, where they differ.")
    parts: list[PartDiff]


class PartialDiff(Answered):
    """A template that is included, and that came, went or differs."""

    name: str
    change: str = Field(pattern="^(added|removed|changed)$")
    text: str = Field(description="A unified diff of its file.")


_TEXT = """\
--- a/prompts/support/triage.prompt.yaml
+++ b/prompts/support/triage.prompt.yaml
@@ -1,3 +1,3 @@
 schema: prompt/v1
 type: text
-text: Be brief.
+text: Be kind.
"""
DIFF_EXAMPLE = {
    "name": NAME,
    "from": {"name": NAME, "version": 11, "commit": COMMIT, "digest": DIGEST, "reference": f"{NAME}@11#3f9ac1d2"},
    "to": {"name": NAME, "version": 12, "commit": COMMIT, "digest": DIGEST, "reference": f"{NAME}@12#3f9ac1d2"},
    "fields": [{"field": "model.parameters.temperature", "old": 0.7, "new": 0.2}],
    "variables": [{"name": "language", "change": "added", "attributes": [{"field": "type", "new": "string"}]}],
    "messages": [
        {
            "change": "changed",
            "role": None,
            "old_index": 0,
            "new_index": 0,
            "fields": [],
            "parts": [
                {
                    "change": "changed",
                    "type": "text",
                    "old_index": 0,
                    "new_index": 0,
                    "words": {
                        "text": [
                            {"kind": "equal", "text": "Be "},
                            {"kind": "removed", "text": "brief."},
                            {"kind": "added", "text": "kind."},
                        ]
                    },
                    "fields": [],
                }
            ],
        }
    ],
    "text": _TEXT,
    "partials": [],
}


class DiffAnswer(Answered):
    """What differs between two states of a template. Layout and comments count in `text` only."""

    model_config = example(**DIFF_EXAMPLE)

    name: str
    from_: DiffSide | None = Field(alias="from", description="Null where there was nothing before.")
    to: DiffSide
    fields: list[FieldDiff] = Field(description="Everything but variables and messages.")
    variables: list[VariableDiff]
    messages: list[MessageDiff]
    text: str = Field(description="A unified diff of the file, as `git apply` takes it; empty where it is the same.")
    partials: list[PartialDiff] = Field(description="Everything included, transitively, where it differs.")


def diff_body(diff: TemplateDiff) -> dict[str, Any]:
    """The fields of ``DiffAnswer``, as plain values."""
    return {
        "name": diff.new.name,
        "from": _side(diff.old) if diff.old else None,
        "to": _side(diff.new),
        **diff.structure.to_json(),
        "text": diff.text,
        "partials": [{"name": each.name, "change": each.kind.value, "text": each.text} for each in diff.partials],
    }


def _side(entry: VersionEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "version": entry.number or None,
        "commit": entry.commit,
        "digest": entry.digest,
        "reference": entry.reference,
    }
