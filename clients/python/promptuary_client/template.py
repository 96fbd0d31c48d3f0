"""What a template's document says beside its messages, in the form from which ``request_bodies`` makes bodies."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Json = Any
"""What JSON can say."""


@dataclass(frozen=True)
class Model:
    """Which model the template was written for, and its parameters."""

    provider: str | None
    id: str | None
    parameters: Mapping[str, Json]


@dataclass(frozen=True)
class Template:
    """The fields of a document that say how a model is called."""

    model: Model | None
    tools: tuple[Mapping[str, Json], ...]
    tool_choice: Json
    output: Mapping[str, Json] | None


def read_template(document: Mapping[str, Json]) -> Template:
    """The fields, copied: what is made of them is the caller's, the document is shared with the memory."""
    said = deepcopy({key: document.get(key) for key in ("model", "tools", "tool_choice", "output")})
    model = said["model"]
    return Template(
        model=Model(model.get("provider"), model.get("id"), model.get("parameters") or {}) if model else None,
        tools=tuple(said["tools"] or ()),
        tool_choice=said["tool_choice"],
        output=said["output"],
    )
