"""What somebody typed into the search field, as terms: each must be found, in one of its forms.

A term is a word, or a phrase in quotes. Its forms say what counts as finding it, the best first: the word itself; the
same letters with a space somewhere (``환불요청`` finds ``환불 요청``); the word without its particle (``환불을`` finds
``환불은``) or its ending (``refunds`` finds ``refund``); initial consonants (``ㅎㅂ``), which are looked for in names.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from registry.domain.english import inflection_variants
from registry.domain.korean import is_initials, normal, particle_variants
from registry.domain.search_text import folded

MAX_TERMS = 12
"""Terms beyond these are not looked for."""

MAX_TERM_LETTERS = 120

_CHUNKS = re.compile(r'"([^"]*)"|([^\s"]+)')
_SYLLABLES = re.compile("[가-힣]{3,10}")
_MAX_SPLITS = 12
_SPLIT_WEIGHT = 0.95
_VARIANT_WEIGHT = 0.7
_INITIALS_WEIGHT = 0.75
_SHORT = 3


class Look(Enum):
    """Where in a text a form is looked for."""

    ANYWHERE = "anywhere"
    WORD_BEGIN = "word-begin"
    INITIALS = "initials"


@dataclass(frozen=True, slots=True)
class Form:
    """One way to find a term. ``text`` is folded, without the outer spaces; ``weight`` (to 1) is what finding counts.

    Below three letters a form is looked for at the begin of words only.
    """

    text: str
    weight: float = 1.0
    look: Look = Look.ANYWHERE

    @property
    def plain(self) -> str:
        """The text with its syllables whole (NFC)."""
        return unicodedata.normalize("NFC", self.text)


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase; ``forms`` has one at least, the best first."""

    forms: tuple[Form, ...]


def parse_terms(text: str) -> tuple[Term, ...]:
    """The terms of a query, in order, each once; empty where the text has no words."""
    chunks = ((found[1] or found[2] or "", found[1] is not None) for found in _CHUNKS.finditer(text))
    terms = (Term(_forms(chunk[:MAX_TERM_LETTERS], phrase=phrase)) for chunk, phrase in chunks)
    return tuple(dict.fromkeys(islice((term for term in terms if term.forms), MAX_TERMS)))


def _forms(chunk: str, *, phrase: bool) -> tuple[Form, ...]:
    words = folded(chunk).strip()
    if not words:
        return ()
    forms = [_form(words)]
    if is_initials(chunk):
        forms.append(Form(words, _INITIALS_WEIGHT, Look.INITIALS))
    elif not phrase and " " not in words:
        word = normal(chunk)
        forms += [_form(split, _SPLIT_WEIGHT) for split in _splits(word)]
        forms += [_form(variant, _VARIANT_WEIGHT) for variant in inflection_variants(word)]
        for variant in particle_variants(word):
            forms.append(_form(folded(variant).strip(), _VARIANT_WEIGHT))
            forms += [_form(split, _VARIANT_WEIGHT * _SPLIT_WEIGHT) for split in _splits(variant)]
    return tuple({form.text + form.look.value: form for form in reversed(forms)}.values())[::-1]


def _form(words: str, weight: float = 1.0) -> Form:
    return Form(words, weight, Look.ANYWHERE if len(words) >= _SHORT else Look.WORD_BEGIN)


def _splits(word: str) -> list[str]:
    """A Korean word with a space at one place, and with two where it is long: Koreans write many nouns either way."""
    if not _SYLLABLES.fullmatch(word):
        return []
    single = [f"{word[:at]} {word[at:]}" for at in range(1, len(word))]
    double = [
        f"{word[:one]} {word[one:two]} {word[two:]}"
        for one in range(2, len(word) - 3)
        for two in range(one + 2, len(word) - 1)
    ]
    return [folded(split).strip() for split in (single + double)[:_MAX_SPLITS]]
