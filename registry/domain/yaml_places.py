"""Where the values of a YAML file stand, down to the characters of its strings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from registry.domain.diagnostics import Place

Spot = Any
"""A scalar's event, or a pair (start event, children): dict of key to (key event, Spot), or list of Spot."""

Segment = tuple[int, int, int, int]
"""From (line, column) of the string on, characters stand at (line, column) of the file, one after the other."""

_WORD = re.compile(r"\S+")
_DOUBLE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r?\n[ \t]*|.)|\S", re.DOTALL)
_SINGLE = re.compile(r"''|\S")
_BLANK_CODES = frozenset(c for c in range(0x3001) if chr(c).isspace())
_BLANK_ESCAPES = frozenset("\\" + c for c in "tnvfr N_LP\t\n\r")


@dataclass(frozen=True, slots=True)
class StringPlaces:
    """Where a string's characters stand; the fields are those of ``template.Text``."""

    place: Place
    block: bool = False
    indent: int = 0
    segments: tuple[Segment, ...] = ()


def find_spot(root: Spot, pointer: str) -> tuple[Spot, Any]:
    """The spot at a JSON pointer and its key's event (None for an item); where it is missing, the nearest above."""
    spot, key = root, None
    if not pointer:
        return spot, None
    for part in pointer[1:].split("/"):
        if not isinstance(spot, tuple):
            break
        children = spot[1]
        if isinstance(children, dict):
            found = children.get(part.replace("~1", "/").replace("~0", "~") if "~" in part else part)
            if found is None:
                break
            key, spot = found
        elif part.isdecimal() and int(part) < len(children):
            key, spot = None, children[int(part)]
        else:
            break
    return spot, key


def start_of(spot: Spot) -> Any:
    """The mark at which a spot begins."""
    return (spot[0] if isinstance(spot, tuple) else spot).start_mark


def string_places(text: str, event: Any) -> StringPlaces:
    """Where the characters of a string scalar of ``text`` stand."""
    start, value = event.start_mark, event.value
    if event.style == "|":
        return _literal(text, start, value)
    first = Place(start.line + 1, start.column + 1)
    if event.style == ">":
        begin = text.find("\n", start.index) + 1
        return StringPlaces(first, segments=_segments(text, value, _words(text, begin)))
    quote = 1 if event.style in {"'", '"'} else 0
    first = Place(first.line, first.column + quote)
    begin, end = start.index + quote, event.end_mark.index - quote
    if text[begin:end] == value and "\n" not in value:
        return StringPlaces(first)
    if not quote:
        return StringPlaces(first, segments=_segments(text, value, _words(text, begin)))
    expression = _DOUBLE if event.style == '"' else _SINGLE
    marks = (m.start() for m in expression.finditer(text, begin, end) if not _blank(m[0]))
    return StringPlaces(first, segments=_segments(text, value, marks))


def _literal(text: str, start: Any, value: str) -> StringPlaces:
    """A literal block: its lines are the file's own, indented by as much as the file has more than the value."""
    content = text.find("\n", start.index) + 1
    offset = 0
    for line in value.split("\n"):
        end = text.find("\n", content)
        raw = text[content : end if end >= 0 else len(text)]
        if line.strip():
            offset = (len(raw) - len(raw.lstrip(" "))) - (len(line) - len(line.lstrip(" ")))
            break
        content += len(raw) + 1
    return StringPlaces(Place(start.line + 2, offset + 1), block=True, indent=offset)


def _words(text: str, begin: int) -> Iterator[int]:
    """The offsets of all characters that are no white space."""
    for word in _WORD.finditer(text, begin):
        yield from range(word.start(), word.end())


def _blank(piece: str) -> bool:
    """Whether a piece of a quoted scalar stands for white space, or for nothing (an escaped line end)."""
    if piece[0] != "\\":
        return piece.isspace()
    if piece[1] in "xuU" and len(piece) > 2:
        digits = piece[2:]
        return int(digits, 16) in _BLANK_CODES
    return piece[:2] in _BLANK_ESCAPES


def _segments(text: str, value: str, offsets: Iterator[int]) -> tuple[Segment, ...]:
    """Pairs the value's visible characters with those of the file: folding and escapes change white space only."""
    segments: list[Segment] = []
    line = column = 1
    file_line, line_start, seen = 1, 0, 0
    previous: tuple[int, int] | None = None
    for character in value:
        if not character.isspace():
            offset = next(offsets, None)
            if offset is None:
                break
            lines = text.count("\n", seen, offset)
            if lines:
                file_line += lines
                line_start = text.rfind("\n", seen, offset) + 1
            seen = offset
            file_column = offset - line_start + 1
            if previous != (line, file_column - column):
                segments.append((line, column, file_line, file_column))
                previous = (line, file_column - column)
        line, column = (line + 1, 1) if character == "\n" else (line, column + 1)
    return tuple(segments)
