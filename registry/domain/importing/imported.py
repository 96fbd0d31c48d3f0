"""A prompt of another tool, before it is a template: what its reader understood of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from registry.domain.template import Json


class Syntax(StrEnum):
    """How the texts of a prompt name their variables."""

    PLAIN = "plain"
    MUSTACHE = "mustache"
    LANGFUSE = "langfuse"
    """Mustache's plain variables, and references to other prompts."""
    BRACES = "braces"
    """Two braces on each side and a name between them; a third is text."""
    HANDLEBARS = "handlebars"
    JINJA = "jinja"


class SourceUnreadable(Exception):
    """A file or an answer is not what its format says; the text names what and where."""


@dataclass(frozen=True, slots=True)
class Slot:
    """Stands where the messages of a variable go."""

    variable: str


@dataclass(frozen=True, slots=True)
class Speech:
    """One message: whoever speaks, in the source's word, and the text."""

    role: str
    text: str


class Reading(StrEnum):
    """How a text of the other tool becomes the template's: as it stands, or as any import reads that syntax."""

    JINJA = "jinja"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Item:
    """One message of the template, or its text.

    ``seen`` is the digest of what stood for it, None where nothing did. ``own`` is the message or text itself, None
    where ``reading`` gives it back, between the white space ``around``.
    """

    seen: str | None
    own: Json = None
    reading: Reading = Reading.JINJA
    around: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class Remainder:
    """``template`` is the document without what the format says itself; ``seen`` are digests of what else it said.

    ``items`` is None where the texts are in ``template``. ``name`` is the template's, if the prompt is called
    ``exported`` there.
    """

    template: Mapping[str, Json]
    seen: Mapping[str, str]
    items: tuple[Item, ...] | None
    exported: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class SourceTest:
    """What must hold of the prompt when it is rendered with values: ``expect`` is that of an offline test."""

    name: str
    variables: Mapping[str, Json]
    expect: tuple[Mapping[str, Json], ...]


@dataclass(frozen=True, slots=True)
class ImportedVersion:
    """One version. ``body`` is a text or messages; ``settings`` are model, tools, tool_choice and output as documents.

    ``template`` is a template file that is taken as it is; all else that would stand in a file is then empty.

    ``samples`` are values of variables, which show their types; ``examples`` are kept with them. ``author`` is whatever
    the source says of who wrote it; ``notes`` are what the reader could not carry over. ``remainder`` is what an
    export of ours put in.
    """

    number: int
    body: str | tuple[Speech | Slot, ...]
    syntax: Syntax = Syntax.PLAIN
    description: str = ""
    settings: Mapping[str, Json] = field(default_factory=dict)
    metadata: Mapping[str, Json] = field(default_factory=dict)
    defaults: Mapping[str, Json] = field(default_factory=dict)
    samples: Mapping[str, Json] = field(default_factory=dict)
    examples: Mapping[str, Sequence[Json]] = field(default_factory=dict)
    tests: tuple[SourceTest, ...] = ()
    labels: tuple[str, ...] = ()
    author: str = ""
    time: datetime | None = None
    message: str = ""
    notes: tuple[str, ...] = ()
    template: bytes | None = None
    remainder: Remainder | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """A prompt with its versions, oldest first. ``source`` is the format's word, such as langfuse."""

    source: str
    name: str
    versions: tuple[ImportedVersion, ...]
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What of a source became no prompt: ``what`` names a file or a prompt, ``why`` says the reason."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a source holds: its prompts, no two of one name, and what of it is none."""

    prompts: tuple[Imported, ...]
    left_out: tuple[LeftOut, ...] = ()
