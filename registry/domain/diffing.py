"""The structural difference of two versions of a template: fields, variables, and messages word by word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from registry.domain.sequence_diff import Effort, common_blocks
from registry.domain.template import Json, Template
from registry.domain.template_json import message_key, template_fields, template_messages, template_variables
from registry.domain.text_diff import Segment, SegmentKind, word_diff

_MAX_PAIRS = 2_000
"""Messages or parts compared word by word; those beyond show as replaced."""


class ChangeKind(StrEnum):
    """What happened to a variable, message or part."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value that differs. ``present`` tells an absent value from null, on the old and on the new side."""

    field: str
    old: Json
    new: Json
    present: tuple[bool, bool] = (True, True)

    def to_json(self) -> dict[str, Json]:
        """``{"field": …, "old": …, "new": …}``; a side that is absent is left out."""
        sides = zip(("old", "new"), (self.old, self.new), self.present, strict=True)
        return {"field": self.field} | {side: value for side, value, present in sides if present}


@dataclass(frozen=True, slots=True)
class VariableChange:
    """A variable that came, went or differs; ``attributes`` holds what it says, or what differs."""

    name: str
    kind: ChangeKind
    attributes: tuple[FieldChange, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """``{"name": …, "change": …, "attributes": […]}``."""
        attributes = [change.to_json() for change in self.attributes]
        return {"name": self.name, "change": self.kind.value, "attributes": attributes}


@dataclass(frozen=True, slots=True)
class PartChange:
    """A content part that came, went or differs: its texts word by word, its other fields as values."""

    kind: ChangeKind
    type: str
    old_index: int | None
    new_index: int | None
    words: Mapping[str, tuple[Segment, ...]]
    fields: tuple[FieldChange, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """``{"change": …, "type": …, "words": {"text": [segments]}, "fields": […]}`` with the indexes from 0."""
        return {
            "change": self.kind.value,
            "type": self.type,
            "old_index": self.old_index,
            "new_index": self.new_index,
            "words": {key: [segment.to_json() for segment in words] for key, words in self.words.items()},
            "fields": [change.to_json() for change in self.fields],
        }


@dataclass(frozen=True, slots=True)
class MessageChange:
    """A message that came, went, moved or differs.

    ``role`` is that of the newer side (None: the text of a text template, or a placeholder). Indexes count from 0 and
    are None on the side where the message is not. ``fields`` are role, name or placeholder where they differ.
    """

    kind: ChangeKind
    role: str | None
    old_index: int | None
    new_index: int | None
    fields: tuple[FieldChange, ...] = ()
    parts: tuple[PartChange, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """``{"change": …, "role": …, "old_index": …, "new_index": …, "fields": […], "parts": […]}``."""
        return {
            "change": self.kind.value,
            "role": self.role,
            "old_index": self.old_index,
            "new_index": self.new_index,
            "fields": [change.to_json() for change in self.fields],
            "parts": [change.to_json() for change in self.parts],
        }


@dataclass(frozen=True, slots=True)
class StructuralDiff:
    """All that differs between two versions, in a stable order; false (as a truth value) where nothing does."""

    fields: tuple[FieldChange, ...] = ()
    variables: tuple[VariableChange, ...] = ()
    messages: tuple[MessageChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.fields or self.variables or self.messages)

    def to_json(self) -> dict[str, Json]:
        """``{"fields": […], "variables": […], "messages": […]}``, plain JSON."""
        return {
            "fields": [change.to_json() for change in self.fields],
            "variables": [change.to_json() for change in self.variables],
            "messages": [change.to_json() for change in self.messages],
        }


def diff_templates(old: Template | None, new: Template | None) -> StructuralDiff:
    """What differs from ``old`` to ``new``; None stands for a state that does not exist or cannot be read.

    Layout, comments and the order of keys do not count; the order of messages, tags, tests and parts does.
    """
    return StructuralDiff(
        fields=_fields(template_fields(old), template_fields(new)),
        variables=_variables(template_variables(old), template_variables(new)),
        messages=_messages(template_messages(old), template_messages(new)),
    )


def _fields(old: Mapping[str, Json], new: Mapping[str, Json]) -> tuple[FieldChange, ...]:
    names = [*old, *(name for name in new if name not in old)]
    return tuple(
        FieldChange(name, old.get(name), new.get(name), (name in old, name in new))
        for name in names
        if (name in old) != (name in new) or not same(old[name], new[name])
    )


def same(old: Json, new: Json) -> bool:
    """Whether two values are equal as JSON: ``1`` is not ``true`` nor ``1.0``, the order of keys does not count."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(same(value, new[key]) for key, value in old.items())
    if isinstance(old, list | tuple) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(map(same, old, new))
    return type(old) is type(new) and bool(old == new)


def _variables(
    old: Mapping[str, Mapping[str, Json]], new: Mapping[str, Mapping[str, Json]]
) -> tuple[VariableChange, ...]:
    changes: list[VariableChange] = []
    for name in [*old, *(name for name in new if name not in old)]:
        kind = ChangeKind.REMOVED if name not in new else ChangeKind.ADDED if name not in old else ChangeKind.CHANGED
        attributes = _fields(old.get(name, {}), new.get(name, {}))
        if attributes or kind is not ChangeKind.CHANGED:
            changes.append(VariableChange(name, kind, attributes))
    return tuple(changes)


Message = Mapping[str, Json]
Pair = tuple[int | None, int | None]


def _messages(old: Sequence[Message], new: Sequence[Message]) -> tuple[MessageChange, ...]:
    """Equal messages are matched first; between them those of one role in order; the rest came, went or moved."""
    effort, budget = Effort(), _MAX_PAIRS
    changes: list[MessageChange] = []
    for i, j, moved in _moves(_pairs([_key(m) for m in old], [_key(m) for m in new], old, new), old, new):
        before, after = old[i] if i is not None else {}, new[j] if j is not None else {}
        budget -= 1
        kind = ChangeKind.MOVED if moved else _kind(i, j)
        head = _fields(_head(before), _head(after))
        parts = () if moved else _parts(before.get("parts", ()), after.get("parts", ()), effort if budget > 0 else None)
        shown = after if j is not None else before
        changes.append(MessageChange(kind, shown.get("role"), i, j, head, parts))
    return tuple(changes)


def _parts(old: Sequence[Message], new: Sequence[Message], effort: Effort | None) -> tuple[PartChange, ...]:
    pairs = _pairs([_key(p) for p in old], [_key(p) for p in new], old, new)
    changes: list[PartChange] = []
    for i, j in pairs:
        before, after = old[i] if i is not None else {}, new[j] if j is not None else {}
        texts_before, texts_after = before.get("texts", {}), after.get("texts", {})
        words: dict[str, tuple[Segment, ...]] = {}
        for key in [*texts_before, *(key for key in texts_after if key not in texts_before)]:
            left, right = texts_before.get(key, ""), texts_after.get(key, "")
            words[key] = _replaced(left, right) if effort is None else word_diff(left, right, effort)
        shown = after if j is not None else before
        fields = _fields(before.get("fields", {}), after.get("fields", {}))
        changes.append(PartChange(_kind(i, j), shown["type"], i, j, words, fields))
    return tuple(changes)


def _replaced(old: str, new: str) -> tuple[Segment, ...]:
    sides = (Segment(SegmentKind.REMOVED, old), Segment(SegmentKind.ADDED, new))
    return tuple(segment for segment in sides if segment.text)


def _kind(i: int | None, j: int | None) -> ChangeKind:
    return ChangeKind.ADDED if i is None else ChangeKind.REMOVED if j is None else ChangeKind.CHANGED


def _head(message: Message) -> dict[str, Json]:
    return {key: message[key] for key in ("role", "name", "placeholder") if message.get(key) is not None}


def _key(item: Message) -> str:
    return message_key(item)


def _pairs(
    old_keys: Sequence[str], new_keys: Sequence[str], old: Sequence[Message], new: Sequence[Message]
) -> list[Pair]:
    """Which of the unequal items belong together, by what they are (role or type); in reading order."""
    pairs: list[Pair] = []
    i = j = 0
    for begin, start, length in [*common_blocks(old_keys, new_keys), (len(old), len(new), 0)]:
        left, right = range(i, begin), range(j, start)
        pairs += _gap([_sort_of(old[n]) for n in left], [_sort_of(new[n]) for n in right], i, j)
        i, j = begin + length, start + length
    return pairs


def _gap(old: Sequence[str], new: Sequence[str], first: int, start: int) -> list[Pair]:
    pairs: list[Pair] = []
    i = j = 0
    for begin, to, length in [*common_blocks(old, new), (len(old), len(new), 0)]:
        together = 1 if begin - i == 1 and to - j == 1 else 0
        if together:
            pairs.append((first + i, start + j))
        pairs += [(first + n, None) for n in range(i + together, begin)]
        pairs += [(None, start + n) for n in range(j + together, to)]
        pairs += [(first + begin + n, start + to + n) for n in range(length)]
        i, j = begin + length, to + length
    return pairs


def _sort_of(item: Message) -> str:
    return str(item.get("role") or item.get("type") or "placeholder")


def _moves(
    pairs: Sequence[Pair], old: Sequence[Message], new: Sequence[Message]
) -> list[tuple[int | None, int | None, bool]]:
    """Marks what went in one place and came in another unchanged as moved; it stands where it is now."""
    gone: dict[str, list[int]] = {}
    for i, j in reversed(pairs):
        if i is not None and j is None:
            gone.setdefault(_key(old[i]), []).append(i)
    origins = {}
    for i, j in pairs:
        if i is None and j is not None and gone.get(_key(new[j])):
            origins[j] = gone[_key(new[j])].pop()
    left = set(origins.values())
    return [
        (origins[j], j, True) if i is None and j in origins else (i, j, False)
        for i, j in pairs
        if not (j is None and i in left)
    ]
