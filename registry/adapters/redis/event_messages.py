"""Events on their way through Redis, as JSON.

``{"v": 1, "from": "<sender>", "events": [{"event": "LabelMoved", "is": {"repository": "default", …}}, …]}``
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import orjson

from registry.domain.events import (
    Event,
    EventsMissed,
    LabelMoved,
    RefProjected,
    RepositoryRebuilt,
    TemplateChanged,
    TemplateRemoved,
)

FORMAT = 1
"""Raised when a reader of the present form would misunderstand a new one; it then takes it for events missed."""

_KINDS: dict[str, type[Event]] = {
    kind.__name__: kind for kind in (TemplateChanged, TemplateRemoved, LabelMoved, RefProjected, RepositoryRebuilt)
}


@dataclass(frozen=True, slots=True)
class Message:
    """What came: who sent it, and the events that this version knows."""

    sender: str
    events: tuple[Event | EventsMissed, ...]


def write_message(sender: str, events: Sequence[Event]) -> bytes:
    """The message that tells of some events in their order."""
    told = [{"event": type(event).__name__, "is": event} for event in events]
    return orjson.dumps({"v": FORMAT, "from": sender, "events": told})


def write_missed(sender: str) -> bytes:
    """The message that some of the sender's events were lost."""
    return orjson.dumps({"v": FORMAT, "from": sender, "missed": True})


def read_message(data: bytes) -> Message | None:
    """What a message says; None for one that is none of ours. Events of unknown kinds are left out."""
    try:
        read = orjson.loads(data)
        sender, version = str(read["from"]), int(read["v"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
    if version != FORMAT or read.get("missed"):
        return Message(sender, (EventsMissed(),))
    told = read.get("events")
    known = (_event(each) for each in told if isinstance(each, dict)) if isinstance(told, list) else ()
    return Message(sender, tuple(event for event in known if event is not None))


def _event(told: dict[str, Any]) -> Event | None:
    kind, values = _KINDS.get(str(told.get("event"))), told.get("is")
    if kind is None or not isinstance(values, dict):
        return None
    try:
        return kind(**{field.name: values[field.name] for field in fields(kind) if field.name in values})
    except TypeError:  # a newer version calls a field otherwise
        return None
