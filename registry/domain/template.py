"""A template as values: what one prompt file says (``prompt/v1``).

Built by ``template_file.read_template`` only, so an instance is well formed by construction: every rule that one file
alone can break has been checked. What needs other files (includes, labels) is checked by the closure rules.
"""

from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any

from registry.domain.diagnostics import Place

Json = Any
"""What JSON can say: None, bool, int, float, str, list of Json, dict from str to Json."""


class _Absent(Enum):
    """An enum, so that the sentinel stays itself when a template is sent to a render worker."""

    MISSING = "missing"


MISSING: Any = _Absent.MISSING
"""Stands where a variable has no default (null is a default)."""


class TemplateType(StrEnum):
    """A chat template renders to messages, a text template to one string; only text templates are included."""

    CHAT = "chat"
    TEXT = "text"


class Status(StrEnum):
    """Where a template is in its life; a draft cannot carry a protected label."""

    DRAFT = "draft"
    ACTIVE = "active"
    DEPRECATED = "deprecated"


class VariableType(StrEnum):
    """The types that a variable can have."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ARRAY = "array"
    OBJECT = "object"
    MESSAGES = "messages"
    IMAGE = "image"
    FILE = "file"
    AUDIO = "audio"


@dataclass(frozen=True, slots=True)
class Variable:
    """A typed input. ``required`` is resolved: false where there is a default or the file says so."""

    name: str
    type: VariableType
    description: str = ""
    required: bool = True
    default: Json = MISSING
    enum: tuple[Json, ...] | None = None
    examples: tuple[Json, ...] = ()
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    items: "Variable | None" = None
    properties: Mapping[str, "Variable"] = field(default_factory=dict)
    untrusted: bool = False
    sensitive: bool = False
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Text:
    """One template string of the file, and where its first character stands.

    ``pointer`` is its JSON pointer in the document (``/messages/0/content``); ``block`` says that it was written as
    a block scalar, whose lines are the file's own lines, indented by ``indent`` columns. Of folded and escaped strings
    ``segments`` holds runs (line, column, line of the file, column of the file), sorted; within a run characters stand
    side by side in both.
    """

    source: str
    pointer: str
    place: Place = Place()
    block: bool = False
    indent: int = 0
    segments: tuple[tuple[int, int, int, int], ...] = ()

    def place_of(self, line: int, column: int = 1) -> Place:
        """The file's place for line and column (from 1) of this string, exact for what can be seen."""
        if self.block:
            return Place(self.place.line + line - 1, self.indent + column)
        if self.segments:
            after = bisect(self.segments, (line, column + 1))
            if not after:
                return self.place
            begin, first, file_line, file_column = self.segments[after - 1]
            return Place(file_line, file_column + (column - first if line == begin else 0))
        return self.place if line > 1 else Place(self.place.line, self.place.column + column - 1)


@dataclass(frozen=True, slots=True)
class Part:
    """One content part: ``type`` is text, image, file, audio, tool_call or tool_result.

    ``fields`` holds the rest as the file has it; strings in it that are templates stand in ``texts`` by field name
    (``text``, ``content``, ``url``). ``variable`` names an image, file or audio variable that stands here.
    """

    type: str
    fields: Mapping[str, Json]
    texts: Mapping[str, Text] = field(default_factory=dict)
    variable: str | None = None
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Message:
    """One message: content is one template string or a sequence of parts."""

    role: str
    content: Text | tuple[Part, ...]
    name: str | None = None
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Placeholder:
    """Stands where the messages of a variable of type messages go."""

    variable: str
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Model:
    """Which model the template was written for, and its parameters."""

    provider: str | None = None
    id: str | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)

    @property
    def reference(self) -> str | None:
        """``provider/id``, what ``models.allow`` patterns and the facet see."""
        return "/".join(p for p in (self.provider, self.id) if p) or None


@dataclass(frozen=True, slots=True)
class OfflineTest:
    """One entry of ``tests:``; each of ``expect`` is a one-key mapping such as ``{"contains": "x"}``."""

    name: str
    variables: Mapping[str, Json]
    expect: tuple[Mapping[str, Json], ...]
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Template:
    """One prompt file, well formed."""

    type: TemplateType
    description: str = ""
    tags: tuple[str, ...] = ()
    status: Status = Status.ACTIVE
    replaced_by: str | None = None
    variables: Mapping[str, Variable] = field(default_factory=dict)
    messages: tuple[Message | Placeholder, ...] = ()
    text: Text | None = None
    model: Model | None = None
    tools: tuple[Mapping[str, Json], ...] = ()
    tool_choice: Json = None
    output: Mapping[str, Json] | None = None
    tests: tuple[OfflineTest, ...] = ()
    metadata: Mapping[str, Json] = field(default_factory=dict)

    def texts(self) -> "list[tuple[str | None, Text]]":
        """Every template string with the role of its message (None for a text template), in file order."""
        if self.text is not None:
            return [(None, self.text)]
        found: list[tuple[str | None, Text]] = []
        for message in self.messages:
            if isinstance(message, Placeholder):
                continue
            if isinstance(message.content, Text):
                found.append((message.role, message.content))
            else:
                found.extend((message.role, text) for part in message.content for text in part.texts.values())
        return found
