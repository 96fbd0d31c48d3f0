"""Differences of two texts: as a unified diff, and word by word."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from registry.domain.sequence_diff import Effort, common_blocks

# A word with the space after it; tags of the template language, and Han and kana letters, each count as a word.
_TOKEN = re.compile(
    r"(?:\{\{[^{}\n]{0,200}\}\}|\{%[^{}\n]{0,200}%\}|[가-힣]+|[぀-ヿ㐀-鿿]|[^\W가-힣぀-ヿ㐀-鿿]+|\S)\s*|\s+"
)
_FINE = re.compile(r"\s+|\S+")


_Change = tuple[int, int, int, int]


class SegmentKind(StrEnum):
    """On which side a segment stands: on both, only the old, only the new."""

    EQUAL = "equal"
    REMOVED = "removed"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of text. Equal and removed segments in order are the old text, equal and added ones the new."""

    kind: SegmentKind
    text: str

    def to_json(self) -> dict[str, str]:
        """``{"kind": "added", "text": "…"}``."""
        return {"kind": self.kind.value, "text": self.text}


def text_diff(old: str, new: str, *, old_name: str = "old", new_name: str = "new", context: int = 3) -> str:
    """A unified diff that ``git apply`` and ``patch`` read; empty where the texts are equal."""
    if old == new:
        return ""
    before, after = _lines(old), _lines(new)
    parts = [f"--- {old_name}\n", f"+++ {new_name}\n"]
    for hunk in _hunks(_changes(before, after), context):
        lead = min(hunk[0][0], hunk[0][2], context)
        trail = min(len(before) - hunk[-1][1], context)
        first = (hunk[0][0] - lead, hunk[-1][1] + trail), (hunk[0][2] - lead, hunk[-1][3] + trail)
        parts.append(f"@@ -{_range(*first[0])} +{_range(*first[1])} @@\n")
        at = hunk[0][0] - lead
        for i1, i2, j1, j2 in hunk:
            parts.extend(_marked(" ", before[at:i1]))
            parts.extend(_marked("-", before[i1:i2]))
            parts.extend(_marked("+", after[j1:j2]))
            at = i2
        parts.extend(_marked(" ", before[at : at + trail]))
    return "".join(parts)


def word_diff(old: str, new: str, effort: Effort | None = None) -> tuple[Segment, ...]:
    """The two texts word by word, in any language; one equal segment, or none, where they are equal.

    ``effort`` bounds what several comparisons may take together. A pair of 256 KiB takes well below a second.
    """
    if old == new:
        return (Segment(SegmentKind.EQUAL, old),) if old else ()
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    blocks = common_blocks(before, after, effort)
    segments: list[tuple[SegmentKind, str]] = []
    i = j = 0
    for begin, start, length in [*blocks, (len(before), len(after), 0)]:
        segments += _replaced("".join(before[i:begin]), "".join(after[j:start]))
        segments.append((SegmentKind.EQUAL, "".join(before[begin : begin + length])))
        i, j = begin + length, start + length
    return tuple(_merged(segments))


def _lines(text: str) -> list[str]:
    """The lines with their LF; only LF ends a line."""
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _changes(old: Sequence[str], new: Sequence[str]) -> list[_Change]:
    """What lies between the common blocks: from and to in the old, from and to in the new."""
    changes: list[_Change] = []
    i = j = 0
    for begin, start, length in [*common_blocks(old, new), (len(old), len(new), 0)]:
        if i < begin or j < start:
            changes.append((i, begin, j, start))
        i, j = begin + length, start + length
    return changes


def _hunks(changes: Sequence[_Change], context: int) -> list[list[_Change]]:
    """Changes whose context touches go together."""
    hunks: list[list[_Change]] = []
    for change in changes:
        if hunks and change[0] - hunks[-1][-1][1] <= 2 * context:
            hunks[-1].append(change)
        else:
            hunks.append([change])
    return hunks


def _range(begin: int, end: int) -> str:
    """A hunk's lines as unified diffs count them: from 1, the line before where there are none."""
    length = end - begin
    if length == 1:
        return str(begin + 1)
    return f"{begin + 1 if length else begin},{length}"


def _marked(mark: str, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        yield f"{mark}{line}" if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"


def _replaced(old: str, new: str) -> list[tuple[SegmentKind, str]]:
    """A replaced stretch without the words and spaces that both sides begin or end with."""
    before, after = _FINE.findall(old), _FINE.findall(new)
    shorter = min(len(before), len(after))
    head = next((n for n in range(shorter) if before[n] != after[n]), shorter)
    rest = shorter - head
    tail = next((n for n in range(rest) if before[-1 - n] != after[-1 - n]), rest)
    return [
        (SegmentKind.EQUAL, "".join(before[:head])),
        (SegmentKind.REMOVED, "".join(before[head : len(before) - tail])),
        (SegmentKind.ADDED, "".join(after[head : len(after) - tail])),
        (SegmentKind.EQUAL, "".join(before[len(before) - tail :])),
    ]


def _merged(parts: Sequence[tuple[SegmentKind, str]]) -> Iterator[Segment]:
    """Segments without empty ones; equal neighbours are joined, removed text stands before added."""
    texts = {SegmentKind.EQUAL: "", SegmentKind.REMOVED: "", SegmentKind.ADDED: ""}
    for kind, text in [*parts, (SegmentKind.EQUAL, "")]:
        if not text:
            continue
        if kind is not SegmentKind.EQUAL and texts[SegmentKind.EQUAL]:
            yield Segment(SegmentKind.EQUAL, texts[SegmentKind.EQUAL])
            texts[SegmentKind.EQUAL] = ""
        elif kind is SegmentKind.EQUAL:
            for change in (SegmentKind.REMOVED, SegmentKind.ADDED):
                if texts[change]:
                    yield Segment(change, texts[change])
                    texts[change] = ""
        texts[kind] += text
    yield from (Segment(kind, text) for kind, text in texts.items() if text)
