"""The one YAML parser: PyYAML's C events into a constructor of our own, in one pass.

No load function of any parser sees the text, since depth crashes most of them. The constructor keeps the place of each
key and value, refuses what makes files ambiguous or dangerous (duplicate keys, anchors, aliases, tags, directives,
further documents, keys that are no strings) and stops at a depth and a number of nodes while events still come.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.events import (
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from registry.domain.diagnostics import Diagnostic, Place
from registry.domain.template import Json
from registry.domain.yaml_places import Spot, StringPlaces, find_spot, start_of, string_places
from registry.domain.yaml_scalars import CORE_FIRST, NumberOutOfRange, resolve_plain
from registry.domain.yaml_syntax import explain, line_of
from registry.domain.yaml_text import decode

MAX_DEPTH = 64
MAX_NODES = 50_000
MAX_FINDINGS = 100
"""More findings than these in one file help nobody; reading stops there."""


class _Stop(Exception):
    """The rest of the file is not read."""


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """What a YAML file says, and where.

    ``value`` is None where the file could not be read to its end. With other errors (a duplicate key, an alias …) it
    holds what remains, so that further checks find more; nobody may act on it unless ``diagnostics`` is empty.
    """

    value: Json
    diagnostics: tuple[Diagnostic, ...] = ()
    text: str = field(default="", repr=False)
    root: Spot = field(default=None, repr=False, compare=False)
    complete: bool = True

    def place_of(self, pointer: str) -> Place:
        """Where the value at a JSON pointer begins; the nearest one above where there is none."""
        spot, _ = find_spot(self.root, pointer)
        return Place() if spot is None else _place(start_of(spot), self.text)

    def key_place(self, pointer: str) -> Place:
        """Where the key of the value at a JSON pointer begins; of a list's item, the item."""
        spot, key = find_spot(self.root, pointer)
        return Place() if spot is None else _place(key.start_mark if key is not None else start_of(spot), self.text)

    def source_of(self, pointer: str) -> str:
        """What the file says for the scalar at a JSON pointer, before it was read as a number or truth value."""
        spot, _ = find_spot(self.root, pointer)
        return "" if spot is None or isinstance(spot, tuple) else str(spot.value)

    def string_places(self, pointer: str) -> StringPlaces:
        """Where the characters of the string at a JSON pointer stand."""
        spot, _ = find_spot(self.root, pointer)
        if spot is None or isinstance(spot, tuple):
            return StringPlaces(self.place_of(pointer))
        return string_places(self.text, spot)


def read_yaml(data: bytes, path: str, *, max_bytes: int = 262_144) -> YamlDocument:
    """Read one YAML file. Never raises, whatever the bytes are; an empty file is null.

    Codes: file-size, yaml-encoding, yaml-syntax, yaml-duplicate-key, yaml-anchor, yaml-alias, yaml-tag, yaml-directive,
    yaml-documents, yaml-key, yaml-number, yaml-depth, yaml-nodes.
    """
    text, problems = decode(data, path, max_bytes)
    if problems:
        return YamlDocument(None, tuple(problems), complete=False)
    reader = _Reader(text, path)
    value, root, complete = None, None, True
    try:
        value, root = reader.document()
    except _Stop:
        complete = False
    except yaml.YAMLError as error:
        complete = False
        message, place = explain(error, text)
        reader.findings.append(Diagnostic("yaml-syntax", message, path, clamp(place, text)))
    if not complete:
        value = root = None
    return YamlDocument(value, tuple(reader.findings), text, root, complete)


def clamp(place: Place, text: str) -> Place:
    """The place, or the end of the last line where it lies behind it."""
    last = max(text.count("\n") + (not text.endswith("\n")), 1)
    if place.line <= last:
        return place
    return Place(last, len(line_of(text, last).rstrip("\r")) + 1)


def _place(mark: Any, text: str) -> Place:
    place = Place(mark.line + 1, mark.column + 1)
    return place if mark.index < len(text) else clamp(place, text)


class _Reader:
    """One pass over the events of one text."""

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.findings: list[Diagnostic] = []
        self.nodes = 0
        self.escapes = "\\" in text
        self.next: Callable[[], Any] = yaml.CLoader(text).get_event

    def document(self) -> tuple[Json, Spot]:
        """The value and spot of the first document; raises _Stop or yaml.YAMLError."""
        self.next()
        event = self.next()
        if type(event) is StreamEndEvent:
            return None, None
        if event.version is not None or event.tags:
            self.find("yaml-directive", "directives (%) are not allowed: remove the line", event.start_mark)
        result = self.node(self.next(), 0)
        self.next()
        event = self.next()
        if type(event) is DocumentStartEvent:
            self.find(
                "yaml-documents", "a second document begins here and a file holds one: remove it", event.start_mark
            )
        return result

    def find(self, rule: str, message: str, mark: Any) -> None:
        """Add a finding; raises _Stop when there are too many."""
        self.findings.append(Diagnostic(rule, message, self.path, _place(mark, self.text)))
        if len(self.findings) >= MAX_FINDINGS:
            raise _Stop

    def node(self, event: Any, depth: int) -> tuple[Json, Spot]:
        """The value and spot of the node that begins with ``event``."""
        kind = type(event)
        if kind is ScalarEvent:
            return self.scalar(event), event
        if kind is not MappingStartEvent and kind is not SequenceStartEvent:
            message = "an alias (*) is not allowed: write the value out, or move what is shared into a partial"
            self.find("yaml-alias", message, event.start_mark)
            return None, event
        if event.anchor is not None or event.tag is not None:
            self.marked(event)
        if depth >= MAX_DEPTH:
            message = f"the file is nested deeper than {MAX_DEPTH} levels: make it flatter"
            self.find("yaml-depth", message, event.start_mark)
            raise _Stop
        value, children = self.mapping(depth + 1) if kind is MappingStartEvent else self.sequence(depth + 1)
        return value, (event, children)

    def mapping(self, depth: int) -> tuple[dict[str, Json], dict[str, tuple[Any, Spot]]]:
        """The mapping whose start was just read; its values lie at ``depth``."""
        value: dict[str, Json] = {}
        spots: dict[str, tuple[Any, Spot]] = {}
        after = self.next
        while True:
            key_event = after()
            if type(key_event) is MappingEndEvent:
                return value, spots
            key = self.key(key_event, depth)
            event = after()
            self.nodes += 2
            if self.nodes > MAX_NODES:
                self.too_many(event)
            if type(event) is ScalarEvent:
                item, spot = self.scalar(event), event
            else:
                item, spot = self.node(event, depth)
            if key in spots:
                self.duplicate(key, key_event, spots[key][0])
            elif key is not None:
                value[key] = item
                spots[key] = (key_event, spot)

    def sequence(self, depth: int) -> tuple[list[Json], list[Spot]]:
        """The list whose start was just read; its items lie at ``depth``."""
        value: list[Json] = []
        spots: list[Spot] = []
        after = self.next
        while True:
            event = after()
            if type(event) is SequenceEndEvent:
                return value, spots
            self.nodes += 1
            if self.nodes > MAX_NODES:
                self.too_many(event)
            item, spot = self.node(event, depth)
            value.append(item)
            spots.append(spot)

    def scalar(self, event: Any) -> Json:
        """What a scalar says."""
        text: str = event.value
        if event.tag is not None or event.anchor is not None:
            self.marked(event)
        if event.implicit[0]:
            if text and text[0] not in CORE_FIRST:
                return text
            try:
                return resolve_plain(text)
            except NumberOutOfRange:
                message = f"{text[:40]} is a number that cannot be stored exactly: put it into quotes if it is a text"
                self.find("yaml-number", message, event.start_mark)
        elif self.escapes and "\0" in text:
            self.find("yaml-encoding", "the text holds the escape of NUL: remove it", event.start_mark)
        return text

    def marked(self, event: Any) -> None:
        """Refuse the anchor or tag of a node."""
        if event.anchor is not None:
            self.find("yaml-anchor", "an anchor (&) is not allowed: remove it", event.start_mark)
        if event.tag is not None:
            self.find("yaml-tag", f"a tag ({event.tag[:40]}) is not allowed: remove it", event.start_mark)

    def key(self, event: Any, depth: int) -> str | None:
        """The key that begins with ``event``, None where it is no string at all."""
        if type(event) is not ScalarEvent:
            self.odd_key(event, depth)
            return None
        if event.tag is not None or event.anchor is not None:
            self.marked(event)
        key: str = event.value
        if not key or key[0] in CORE_FIRST:
            self.check_plain_key(key, event)
        if self.escapes and "\0" in key:
            self.find("yaml-encoding", "the key holds the escape of NUL: remove it", event.start_mark)
        return key

    def check_plain_key(self, key: str, event: Any) -> None:
        """Refuse a plain key that YAML reads as a number, a truth value or null."""
        if not event.implicit[0]:
            return
        try:
            if isinstance(resolve_plain(key), str):
                return
        except NumberOutOfRange:
            pass
        message = (
            f'the key {key[:40]} is no string: put it into quotes: "{key[:40]}"'
            if key
            else "a key is missing here: write one before the colon"
        )
        self.find("yaml-key", message, event.start_mark)

    def odd_key(self, event: Any, depth: int) -> None:
        """Refuse a key that is a list, a mapping or an alias; everything in it is read and reported."""
        message = "a key must be a string, not a list, a mapping or an alias: write it as text"
        index = event.start_mark.index
        if self.text[max(index - 1, 0) : index + 1] == "{{":
            message = 'YAML reads "{{" as a mapping: put the text into quotes, or into a block (|)'
        self.find("yaml-key", message, event.start_mark)
        self.node(event, depth)

    def duplicate(self, key: str, event: Any, first: Any) -> None:
        """Report a key that its mapping already has."""
        message = f'the key "{key[:80]}" stands twice, first at line {first.start_mark.line + 1}: remove one of them'
        self.find("yaml-duplicate-key", message, event.start_mark)

    def too_many(self, event: Any) -> None:
        """Stop: the file has too many nodes."""
        message = f"the file has more than {MAX_NODES:,} values: split it"
        self.find("yaml-nodes", message, event.start_mark)
        raise _Stop
