"""What is exported: states of templates as a server gives them, and what they become on the way."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from registry.domain.ids import TemplateName
from registry.domain.importing.remainders import Unit
from registry.domain.template import Json, TemplateType


@dataclass(frozen=True, slots=True)
class ExportedState:
    """One state of a template: its file, parsed and as text, and the files of all that it includes.

    ``number`` is its version's, ``reference`` what is logged of it.
    ``author`` is name and address, ``message`` the commit's first line.
    """

    name: TemplateName
    number: int
    source: str
    document: Mapping[str, Json]
    partials: Mapping[TemplateName, str] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    commit: str = ""
    reference: str = ""
    author: str = ""
    time: datetime | None = None
    message: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it is of type text."""
        return self.document.get("type") == TemplateType.TEXT


@dataclass(frozen=True, slots=True)
class Rendition:
    """A state in a format's terms, before it is written.

    ``turns`` has an entry for each message (for a text one without a role), None for what the format cannot show.
    ``call`` are model, parameters, tools and output in the words of OpenAI's API.
    """

    state: ExportedState
    name: str
    turns: tuple[Unit | None, ...]
    call: Mapping[str, Json]
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def shown(self) -> list[Unit]:
        """The messages that the format shows."""
        return [turn for turn in self.turns if turn is not None]

    @property
    def text(self) -> str:
        """The text of a template of type text."""
        return next((turn.text for turn in self.shown if not hasattr(turn, "variable")), "")

    def said(self, key: str) -> Json:
        """A field of the template, None where it does not say it."""
        return self.state.document.get(key)
