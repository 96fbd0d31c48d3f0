"""Langfuse: every version an entry, in the shape in which its API answers ``GET /api/public/v2/prompts/{name}``."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from registry.domain.exporting.forms import Form
from registry.domain.exporting.renditions import Capability, Placeholders
from registry.domain.exporting.states import ExportedState, Rendition
from registry.domain.exporting.target_texts import Language
from registry.domain.importing.imported import Imported, Slot, Syntax
from registry.domain.importing.langfuse import gather
from registry.domain.template import Json

_CAN = Capability(Language("Langfuse", Syntax.LANGFUSE), Placeholders.ALL)


def langfuse_can(_state: ExportedState) -> Capability:
    """Plain variables, references to other prompts, and placeholders."""
    return _CAN


def write_entry(rendition: Rendition, more: Mapping[str, Json]) -> dict[str, Json]:
    """One version of one prompt."""
    state = rendition.state
    prompt: Json = rendition.text
    if not state.is_text:
        prompt = [
            {"type": "placeholder", "name": turn.variable}
            if isinstance(turn, Slot)
            else {"type": "chatmessage", "role": turn.role, "content": turn.text}
            for turn in rendition.shown
        ]
    return {
        "name": rendition.name,
        "version": max(1, state.number),
        "type": "text" if state.is_text else "chat",
        "prompt": prompt,
        "config": {**rendition.call, **more},
        "labels": list(state.labels),
        "tags": list(rendition.tags),
        "commitMessage": state.message or None,
        "createdBy": state.author,
        "createdAt": _time(state.time),
    }


def read_entry(entry: Mapping[str, Json], name: str) -> Imported:
    """The entry as an import reads it."""
    return gather([entry], name)[0]


def write_entries(entries: Sequence[Mapping[str, Json]]) -> bytes:
    """The file: a list, an entry a line, so that two exports can be compared line by line."""
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    return f"[\n{lines}\n]\n".encode("utf-8", "backslashreplace")


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


LANGFUSE = Form(langfuse_can, write_entry, read_entry)
