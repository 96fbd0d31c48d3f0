"""Where a query was found in a text, as ranges in short fragments of the text as it was written."""

import re
import unicodedata
from collections.abc import Sequence

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
        self._text = _finder([each for each in forms if each[0].look is not Look.INITIALS])
        self._initials = _finder([each for each in forms if each[0].look is Look.INITIALS])

    def ranges_of_name(self, name: TemplateName) -> tuple[Range, ...]:
        """Where a name has what was typed, its initials included."""
        found = self.highlights(name, _NO_FACTS, "")
        return found[0].ranges if found else ()

    def highlights(self, name: TemplateName, facts: Facts, body: str, *, fragments: int = 2) -> tuple[Highlight, ...]:
        """The fields in which something was found, with fragments of them: at most ``fragments`` of the body."""
        found = self._field("name", name, 1)
        if not found and self._initials is not None:
            ranges = self._initials.ranges(name)
            found = [Highlight("name", name, tuple(each[:2] for each in ranges))] if ranges else []
        found += self._field("description", facts.description, 1)
        for tag in facts.tags:
            found += self._field("tags", tag, 1)
        return tuple(found + self._field("body", body, fragments))

    def highlights_of_body(self, body: str, *, fragments: int = 2) -> tuple[Highlight, ...]:
        """Fragments of a text alone."""
        return tuple(self._field("body", body, fragments))

    def _field(self, field: str, text: str, fragments: int) -> list[Highlight]:
        ranges = self._text.ranges(text) if self._text is not None else ()
        return [Highlight(field, *cut) for cut in _cuts(text, ranges, fragments)] if ranges else []


class _Finder:
    """Finds forms in texts, and says of which term each is.

    Groups would keep the expression from going straight to where a form may begin: which of them it was is asked apart,
    and only where it could be another term's.
    """

    def __init__(self, forms: Sequence[tuple[Form, int]]) -> None:
        parts = [_expression(form) for form, _ in forms]
        self._terms = [term for _, term in forms]
        self._any = re.compile("|".join(parts))
        self._which = re.compile("|".join(f"({part})" for part in parts)) if len(set(self._terms)) > 1 else None

    def ranges(self, text: str) -> list[tuple[int, int, int]]:
        """Start, end and term of what is found, in characters of the text as it is."""
        form, places = _compared(text)
        found = []
        for match in self._any.finditer(form):
            start, end = match.span()
            term = self._term_at(form, start)
            if places is not None:
                start, end = places[start], places[end - 1] + 1
            found.append((start, end, term))
            if len(found) == _MAX_MATCHES:
                break
        return found

    def _term_at(self, form: str, start: int) -> int:
        match = self._which.match(form, start) if self._which is not None else None
        return self._terms[(match.lastindex or 1) - 1 if match is not None else 0]


def _finder(forms: Sequence[tuple[Form, int]]) -> _Finder | None:
    return _Finder(forms) if forms else None


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


def _compared(text: str) -> tuple[str, list[int] | None]:
    """The text as forms are looked for in it, and where each of its letters is from; None where they stand alike."""
    form = text.lower()
    if text.isascii() or _PLAIN.fullmatch(text):
        return form, None
    if len(form) == len(text) and form == normal(text) and not _accented(form):
        return form, None
    folds = [folded_letter(letter) for letter in text]
    return "".join(folds), [place for place, fold in enumerate(folds) for _ in fold]


def _accented(form: str) -> bool:
    found = _MAY_HAVE_ACCENTS.findall(form) if not form.isascii() else ()
    return any(folded_letter(letter) != letter for letter in set(found))


def _cuts(text: str, ranges: Sequence[tuple[int, int, int]], fragments: int) -> list[tuple[str, tuple[Range, ...]]]:
    """The fragments with the most terms in them, in the order of the text, and the ranges within each."""
    cuts: list[tuple[int, int]] = []
    waiting = list(ranges)
    while waiting and len(cuts) < fragments:
        start, end = _best_window(text, waiting)
        cuts.append((start, end))
        waiting = [each for each in waiting if each[1] <= start or each[0] >= end]
    return [
        (
            text[start:end],
            tuple((max(a, start) - start, min(b, end) - start) for a, b, _ in ranges if a < end and b > start),
        )
        for start, end in sorted(cuts)
    ]


def _best_window(text: str, ranges: Sequence[tuple[int, int, int]]) -> Range:
    """The first of those with the most terms in them; windows are in the order of the text, as ranges are."""
    most = len({term for _, _, term in ranges})
    best, best_worth = (0, 0), -1
    for at, *_ in ranges[:_WINDOWS]:
        window = _window(text, at)
        worth = len({term for start, end, term in ranges if start >= window[0] and end <= window[1]})
        if worth > best_worth:
            best, best_worth = window, worth
        if worth == most:
            break
    return best


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
