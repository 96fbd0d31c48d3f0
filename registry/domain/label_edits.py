"""Editing label files as text: one entry is set or taken out, every other byte stays, comments and order too."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.events import MappingStartEvent, ScalarEvent, SequenceStartEvent

_PLAIN_KEY = re.compile(r"[A-Za-z_가-힣][A-Za-z0-9_가-힣-]*")
_LINES = re.compile(r"(?:[A-Za-z_가-힣][A-Za-z0-9_가-힣-]*: [0-9]+\n)*")
_RESERVED = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True, slots=True)
class _Span:
    """Where one entry stands in the text: its key begins, its value begins and ends (character offsets)."""

    key: str
    start: int
    value: int
    end: int


def set_entries(text: str, changes: Mapping[str, int | None]) -> str:
    """The text of a label file with entries set to versions, or taken out (None); as ``set_entry`` for each.

    Where there are many of them, lines such as ``triage: 12`` are changed at once, and other layouts one by one.
    """
    lines = _LINES.fullmatch(text) is not None and len(changes) > 1
    if not lines:
        for segment, version in changes.items():
            text = set_entry(text, segment, version)
        return text
    entries = {line.partition(":")[0]: line for line in text.splitlines(keepends=True)}
    in_order = list(entries) == sorted(entries)
    for segment, version in changes.items():
        if version is None:
            entries.pop(segment, None)
        elif segment in entries:
            entries[segment] = f"{segment}: {version}\n"
        else:
            entries[segment] = f"{entry_text(segment, version)}\n"
    return "".join(entries[segment] for segment in (sorted(entries) if in_order else entries))


def set_entry(text: str, segment: str, version: int | None) -> str:
    """The text of a label file with one entry set to a version, or taken out (None).

    ``text`` has been read without a finding. In rare layouts (document marks, a flow mapping over lines with comments)
    the result may not say what was meant: read it again and compare.
    """
    spans, flow = _spans(text)
    found = next((span for span in spans if span.key == segment), None)
    if version is None:
        return text if found is None else _without(text, spans, found, flow=flow)
    if found is not None:
        # A mapping in block layout begins on the next line: its place is taken by a number on the key's line.
        colon = text.rindex(":", found.start, found.value)
        begin = colon + 1 if "\n" in text[colon : found.value] else found.value
        return f"{text[:begin]}{' ' * (begin == colon + 1)}{version}{text[found.end :]}"
    entry = entry_text(segment, version)
    if flow is not None:
        return f"{text[: flow + 1]}{entry}{', ' if spans else ''}{text[flow + 1 :]}"
    return _with(text, spans, segment, entry)


def entry_text(segment: str, version: int, digest: str | None = None) -> str:
    """One entry as a line without its end."""
    plain = _PLAIN_KEY.fullmatch(segment) and segment.lower() not in _RESERVED
    key = segment if plain else json.dumps(segment, ensure_ascii=False)
    return f"{key}: {version}" if digest is None else f'{key}: {{version: {version}, digest: "{digest}"}}'


def _with(text: str, spans: list[_Span], segment: str, entry: str) -> str:
    """Block layout with one more entry, on a line of its own."""
    newline = "\r\n" if "\r\n" in text else "\n"
    keys = [span.key for span in spans]
    if keys and keys == sorted(keys):
        smaller = [span for span in spans if span.key < segment]
        at = _line_end(text, smaller[-1].end) if smaller else _line_start(text, spans[0].start)
    else:
        at = len(text)
    head = text[:at]
    if head and not head.endswith("\n"):
        head += newline
    return f"{head}{entry}{newline}{text[at:]}"


def _without(text: str, spans: list[_Span], span: _Span, *, flow: int | None) -> str:
    """The text without one entry: its lines in block layout, itself with one comma in flow layout."""
    if flow is None:
        return text[: _line_start(text, span.start)] + text[_line_end(text, span.end) :]
    position = spans.index(span)
    if position + 1 < len(spans):
        return text[: span.start] + text[spans[position + 1].start :]
    begin = spans[position - 1].end if position else span.start
    return text[:begin] + text[span.end :]


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _line_end(text: str, offset: int) -> int:
    """Behind the line break of the line that holds the offset."""
    found = text.find("\n", offset)
    return len(text) if found < 0 else found + 1


def _spans(text: str) -> tuple[list[_Span], int | None]:
    """The entries of the one mapping, and where its brace opens in flow layout.

    ``text`` has been read by ``read_labels`` without a finding, so it is shallow and well formed.
    """
    events = _events(text)
    root: Any = next((event for event in events if isinstance(event, MappingStartEvent)), None)
    if root is None:
        return [], None
    spans: list[_Span] = []
    for key in events:
        if type(key) is not ScalarEvent:
            break
        value = next(events)
        end = _finish(value) if type(value) is ScalarEvent else _end_of(value, events)
        spans.append(_Span(key.value, _begin(key), _begin(value), end))
    return spans, _begin(root) if root.flow_style else None


def _end_of(opening: Any, events: Iterator[Any]) -> int:
    """Where a mapping ends; reads its events. In block layout that is the end of its last scalar."""
    end = 0
    depth = 1
    while depth:
        event = next(events)
        if type(event) is ScalarEvent:
            end = _finish(event)
        elif isinstance(event, MappingStartEvent | SequenceStartEvent):
            depth += 1
        else:
            depth -= 1
            if not depth and opening.flow_style:
                end = _finish(event)
    return end


def _events(text: str) -> Iterator[Any]:
    loader = yaml.CLoader(text)
    while loader.check_event():
        yield loader.get_event()


def _begin(event: Any) -> int:
    return int(event.start_mark.index)


def _finish(event: Any) -> int:
    return int(event.end_mark.index)
