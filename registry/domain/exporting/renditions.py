"""From a template to a rendition: its messages in a format's language, and notes of what has no place there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from registry.domain.exporting.call_settings import write_call
from registry.domain.exporting.partials import texts_of
from registry.domain.exporting.states import ExportedState, Rendition
from registry.domain.exporting.target_texts import Language, TextWriter
from registry.domain.ids import TemplateName
from registry.domain.importing.imported import Slot, Speech
from registry.domain.importing.remainders import Unit
from registry.domain.template import Json
from registry.domain.wording import shown


class Placeholders(Enum):
    """Whether a format can say where the messages of a variable go."""

    NONE = "none"
    ONE = "one"
    """The conversation so far, at one place."""
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Capability:
    """What messages of a format can say; ``roles`` is empty where any role can stand."""

    language: Language
    placeholders: Placeholders = Placeholders.NONE
    roles: frozenset[str] = frozenset()
    chat: bool = True


def newest(_name: TemplateName) -> str:
    """The state of a partial that is meant where nothing says which."""
    return "label=latest"


def make_rendition(
    state: ExportedState,
    can: Capability,
    *,
    name: str = "",
    tags: tuple[str, ...] | None = None,
    pin: Callable[[TemplateName], str | None] = newest,
) -> Rendition:
    """The rendition of a state. ``tags`` are those of the prompt there."""
    notes: list[str] = []
    writer = TextWriter(can.language, texts_of(state), pin, notes)
    if state.is_text:
        turns: tuple[Unit | None, ...] = (Speech("", writer.write(state.document["text"])),)
    else:
        maker = _Turns(can, writer, notes)
        turns = tuple(maker.turn(message) for message in state.document["messages"])
    own = tuple(state.document.get("tags") or ())
    return Rendition(
        state,
        name or state.name,
        turns,
        write_call(state.document),
        own if tags is None else tags,
        tuple(dict.fromkeys(notes)),
    )


class _Turns:
    """Makes the messages of one rendition."""

    def __init__(self, can: Capability, writer: TextWriter, notes: list[str]) -> None:
        self._can = can
        self._writer = writer
        self._notes = notes
        self._placed = False

    def turn(self, message: Mapping[str, Json]) -> Unit | None:
        tool = self._can.language.tool
        if "placeholder" in message:
            return self._slot(message["placeholder"])
        role = message["role"]
        if self._can.roles and role not in self._can.roles:
            self._notes.append(f"{tool} has no messages of the role {role}")
            return None
        if "name" in message:
            self._notes.append(f"{tool} has no place for the name {shown(message['name'])} of a message")
        content = message["content"]
        texts = [content] if isinstance(content, str) else [part["text"] for part in content if part["type"] == "text"]
        if not isinstance(content, str):
            others = sorted({part["type"] for part in content} - {"text"})
            if others:
                self._notes.append(f"{tool} has no place for parts of the type {', '.join(others)}")
        return Speech(role, "\n".join(map(self._writer.write, texts))) if texts else None

    def _slot(self, variable: str) -> Unit | None:
        if self._can.placeholders is Placeholders.NONE or (self._can.placeholders is Placeholders.ONE and self._placed):
            more = "a second" if self._placed else "the"
            self._notes.append(f"{self._can.language.tool} has no place for {more} placeholder {variable}")
            return None
        self._placed = True
        return Slot(variable)
