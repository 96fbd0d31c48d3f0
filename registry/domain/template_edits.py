"""What a write over the API does to a template: it is put, deleted or renamed, from a state that the writer names."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from registry.domain.ids import TemplateName
from registry.domain.template import Json


class LabelsLeft(StrEnum):
    """What becomes of labels that name a template which goes: they refuse that, or they are dropped with it."""

    REFUSE = "refuse"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Put:
    """The template's file becomes these bytes, or says this document; comments of the file are kept then.

    An existing template needs ``if_match`` (an ETag or ``*``), a new one ``if_none_match="*"``.
    """

    name: TemplateName
    source: bytes | Mapping[str, Json]
    if_match: str | None = None
    if_none_match: str | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """The template's file goes."""

    name: TemplateName
    if_match: str | None = None
    labels: LabelsLeft = LabelsLeft.REFUSE


@dataclass(frozen=True, slots=True)
class Rename:
    """The template's file gets another name and keeps its bytes.

    ``update_includes`` writes the new name into the include tags of the templates that include it.
    """

    name: TemplateName
    to: TemplateName
    if_match: str | None = None
    update_includes: bool = False
    labels: LabelsLeft = LabelsLeft.REFUSE


TemplateEdit: TypeAlias = Put | Delete | Rename
