"""Events over HTTP."""

import json
import unicodedata
from typing import Any

from pydantic import ConfigDict, Field

from api.schemas.fields import COMMIT, NAME, Answered, QueryModel
from registry.domain.errors import BadRequest
from registry.domain.events import EVENT_TYPES, EventFilter, EventKind
from registry.domain.names import printable
from registry.domain.rights import Sight

_KINDS = [kind.value for kind in EventKind]

EVENT_EXAMPLES: list[dict[str, Any]] = [
    {
        "type": "template_changed",
        "repository": "default",
        "name": NAME,
        "commit": COMMIT,
        "version": 13,
        "valid": True,
        "cause": "partials/tone",
        "moved_from": None,
    },
    {
        "type": "label_moved",
        "repository": "default",
        "name": NAME,
        "commit": COMMIT,
        "label": "production",
        "version": 13,
        "previous": 12,
    },
    {"type": "ref_projected", "repository": "default", "name": None, "commit": COMMIT, "ref": "refs/heads/main"},
]

STREAM_EXAMPLE = "retry: 2000\nid: 56-1b7e4c2f8a5d\n\n" + "".join(
    f"id: 57{place}-{COMMIT[:12]}\nevent: {body['type']}\ndata: {json.dumps(body, separators=(',', ':'))}\n\n"
    for place, body in zip((".1", ".2", ""), EVENT_EXAMPLES, strict=True)
)


class EventQuery(QueryModel):
    """Which events, and from where on."""

    type: str | None = Field(
        None,
        description=f"Only these, with commas between them: {', '.join(_KINDS)}, or {', '.join(EVENT_TYPES)}.",
        examples=["template,label_moved"],
    )
    folder: str | None = Field(
        None,
        description="Only templates and labels in this folder or below it; index events only where `type` names them.",
        examples=["support"],
    )
    after: str | None = Field(None, description="The same as Last-Event-ID, for clients that cannot set a header.")

    def filter(self, sight: Sight) -> EventFilter:
        """The domain's filter. Raises BadRequest."""
        wanted = frozenset(filter(None, (self.type or "").split(",")))
        for each in sorted(wanted - {*_KINDS, *EVENT_TYPES}):
            known = ", ".join([*_KINDS, *EVENT_TYPES])
            raise BadRequest(f"type={printable(each[:60])} is no type of event: use {known}")
        folder = unicodedata.normalize("NFC", self.folder or "").strip("/")
        return EventFilter(wanted, folder or None, sight)


class EventBody(Answered):
    """The `data` of an event. Which fields there are besides the first four depends on the type."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [*EVENT_EXAMPLES]})

    type: str = Field(description=f"{', '.join(EVENT_TYPES)}; reset and resume speak of the stream itself.")
    repository: str
    name: str | None = Field(description="The template; null where it is about none.")
    commit: str | None = Field(description="The commit that did it: `min_commit` for a read that has to see it.")
    version: int | None = Field(None, description="The new one; a removed template's last; a label's target.")
    valid: bool | None = Field(None, description="Whether the version can be served; else the last valid one is.")
    cause: str | None = Field(None, description="The partial whose change made the version, if not its own file.")
    moved_from: str | None = Field(None, description="The name that the template had before.")
    moved_to: str | None = Field(None, description="The name that the template has now.")
    label: str | None = Field(None, description="The label that moved or was dropped.")
    previous: int | None = Field(None, description="The version that the label pointed to before.")
    ref: str | None = Field(None, description="The branch that was projected up to the commit.")
    reason: str | None = Field(None, description="Why a reset or resume is sent.")
