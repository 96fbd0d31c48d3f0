"""Where a query was found in a text, as ranges in short fragments of the text as it was written."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from registry.domain.catalogue import Facts
from registry.domain.ids import TemplateName
from registry.domain.korean import normal
from registry.domain.search import Highlight
from registry.domain.search_terms import Form, Look, Term
from registry.domain.search_text import folded_letter
from registry.domain.template import TemplateType

FRAGMENT = 160
"""Characters of a fragment, about: it ends at a space where one is near, and never within a grapheme."""

_LEAD = 40
_SLACK = 24
_MAX_MATCHES = 24
_WINDOWS = 8
_GAP = r"[\W_]+"
_WORD_BEGIN = r"(?<![^\W_])"
_JOINER = "\u200d"
_EXTENDS = re.compile("[\u200c\u200d\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\u1160-\u11ff\ud7b0-\ud7fb\U000e0020-\U000e007f]")
# Characters that folding leaves alone but for their case, which lets most texts be searched as they are.
_PLAIN = re.compile("[\x00-\x7f가-힣一-鿿ぁ-ゖァ-ヺ、。〈-】“”‘’–—·→]*")
_MAY_HAVE_ACCENTS = re.compile("[\u00c0-\u10ff\u1ab0-\u1fff]")
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")

Range = tuple[int, int]
_NO_FACTS = Facts(TemplateType.TEXT)


class Highlighter:
    """Finds a query's terms in texts. Made once a search; texts are in NFC."""

    def __init__(self, terms: Sequence[Term]) -> None:
        # Of two forms that begin at one place the longer should show, whichever term it belongs to.
        forms = [(form, number) for number, term in enumerate(terms) for form in term.forms]
        forms.sort(key=lambda each: len(each[0].text), reverse=True)
        self._text_terms = [number for form, number in forms if form.look is not Look.INITIALS]
        self._text = _pattern(form for form, _ in forms if form.look is not Look.INITIALS)
        self._initials = _pattern(form for form, _ in forms if form.look is Look.INITIALS)

    def ranges_of_name(self, name: TemplateName) -> tuple[Range, ...]:
        """Where a name has what was typed, its initials included."""
        found = self.highlights(name, _NO_FACTS, "")
        return found[0].ranges if found else ()

    def highlights(self, name: TemplateName, facts: Facts, body: str, *, fragments: int = 2) -> tuple[Highlight, ...]:
        """The fields in which something was found, with fragments of them: at most ``fragments`` of the body."""
        found = self._field("name", name, 1)
        if not found and self._initials is not None:
            ranges = _ranges(self._initials, name)
            found = [Highlight("name", name, tuple(each[:2] for each in ranges))] if ranges else []
        found += self._field("description", facts.description, 1)
        for tag in facts.tags:
            found += self._field("tags", tag, 1)
        return tuple(found + self._field("body", body, fragments))

    def highlights_of_body(self, body: str, *, fragments: int = 2) -> tuple[Highlight, ...]:
        """Fragments of a text alone."""
        return tuple(self._field("body", body, fragments))

    def _field(self, field: str, text: str, fragments: int) -> list[Highlight]:
        if self._text is None:
            return []
        ranges = [(start, end, self._text_terms[group - 1]) for start, end, group in _ranges(self._text, text)]
        return [Highlight(field, *cut) for cut in _cuts(text, ranges, fragments)]


def _pattern(forms: Iterable[Form]) -> re.Pattern[str] | None:
    """One expression with a group for each form; None where there is no form."""
    parts = [f"({_expression(form)})" for form in forms]
    return re.compile("|".join(parts)) if parts else None


def _expression(form: Form) -> str:
    if form.look is Look.INITIALS:
        letters = (_syllables_of(letter) for letter in form.text if letter != " ")
        return _WORD_BEGIN + r"[\W_]*".join(letters)
    words = form.plain.split(" ")
    text = _GAP.join(map(re.escape, words[:-1])) + (_GAP if len(words) > 1 else "")
    last = words[-1]
    text += re.escape(last[:-1]) + _half_typed(last[-1])
    return _WORD_BEGIN + text if form.look is Look.WORD_BEGIN else text


def _half_typed(letter: str) -> str:
    """What a query's last letter may stand for: a syllable without its final, or only its leading jamo."""
    code = ord(letter)
    if 0xAC00 <= code <= 0xD7A3 and (code - 0xAC00) % 28 == 0:
        return f"[{letter}-{chr(code + 27)}]"
    if 0x1100 <= code <= 0x1112:
        return _syllables_of(letter)
    return re.escape(letter)


def _syllables_of(leading: str) -> str:
    first = 0xAC00 + (ord(leading) - 0x1100) * 588
    return f"[{leading}{chr(first)}-{chr(first + 587)}]"


def _ranges(pattern: re.Pattern[str], text: str) -> list[tuple[int, int, int]]:
    """Start, end and group of what a pattern finds in a text, in characters of the text as it is."""
    form = text.lower()
    places: list[int] | None = None
    if not _PLAIN.fullmatch(text) and (len(form) != len(text) or form != normal(text) or _accented(form)):
        folds = [folded_letter(letter) for letter in text]
        form = "".join(folds)
        places = [place for place, fold in enumerate(folds) for _ in fold]
    found = []
    for match in pattern.finditer(form):
        start, end = match.span()
        if places is not None:
            start, end = places[start], places[end - 1] + 1
        found.append((start, end, match.lastindex or 1))
        if len(found) == _MAX_MATCHES:
            break
    return found


def _accented(form: str) -> bool:
    found = _MAY_HAVE_ACCENTS.findall(form) if not form.isascii() else ()
    return any(folded_letter(letter) != letter for letter in set(found))


def _cuts(text: str, ranges: Sequence[tuple[int, int, int]], fragments: int) -> list[tuple[str, tuple[Range, ...]]]:
    """The fragments with the most terms in them, in the order of the text, and the ranges within each."""
    cuts: list[tuple[int, int]] = []
    waiting = list(ranges)
    while waiting and len(cuts) < fragments:
        start, end = max((_window(text, each[0]) for each in waiting[:_WINDOWS]), key=lambda w: _worth(waiting, w))
        cuts.append((start, end))
        waiting = [each for each in waiting if each[1] <= start or each[0] >= end]
    return [
        (
            text[start:end],
            tuple((max(a, start) - start, min(b, end) - start) for a, b, _ in ranges if a < end and b > start),
        )
        for start, end in sorted(cuts)
    ]


def _worth(ranges: Sequence[tuple[int, int, int]], window: Range) -> tuple[int, int]:
    inside = [term for start, end, term in ranges if start >= window[0] and end <= window[1]]
    return len(set(inside)), -window[0]


def _window(text: str, at: int) -> Range:
    """A stretch of about FRAGMENT characters around a place."""
    if len(text) <= FRAGMENT:
        return 0, len(text)
    start = max(0, min(at - _LEAD, len(text) - FRAGMENT))
    end = min(len(text), start + FRAGMENT)
    if start:
        space = text.find(" ", start, min(start + _SLACK, at))
        start = space + 1 if space >= 0 else _boundary(text, start)
    if end < len(text):
        space = text.rfind(" ", end - _SLACK, end)
        end = space if space > at + _SLACK else _boundary(text, end)
    return start, end


def _boundary(text: str, at: int) -> int:
    """The next place at or before which no grapheme is cut."""
    while 0 < at < len(text) and _continues(text, at):
        at -= 1
    return at


def _continues(text: str, at: int) -> bool:
    letter, before = text[at], text[at - 1]
    return bool(
        unicodedata.category(letter)[0] == "M"
        or _EXTENDS.match(letter)
        or before == _JOINER
        or (letter == "\n" and before == "\r")
        or (_FLAG.match(letter) and _FLAG.match(before))
    )
